// Gradients of scale and shift from the sums of the chunks, and the factors of the input's gradient:
// grad_input = gradient * factors[0] + factors[1] + deviation * factors[2].
#import shared/chunks_of_rows
#import shared/gradient_sums

@group(0) @binding(0) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][gradients, products][c / 4]
@group(0) @binding(1) var<storage, read_write> scale: array<vec4<f32>>; // [c / 4]
@group(0) @binding(2) var<storage, read_write> variance: array<vec4<f32>>; // [c / 4]
@group(0) @binding(3) var<storage, read_write> grad_scale: array<vec4<f32>>; // [c / 4]
@group(0) @binding(4) var<storage, read_write> grad_shift: array<vec4<f32>>; // [c / 4]
@group(0) @binding(5) var<storage, read_write> factors: array<vec4<f32>>; // [3][c / 4]
@group(0) @binding(6) var<uniform> parameters: Parameters;

fn run(group: u32, local: u32) {
    var gradient_sum = vec4(0.0);
    var product_sum = vec4(0.0);
    for (var chunk = local; chunk < chunks(); chunk += INVOCATIONS) {
        let at = 2u * chunk * GROUPS + group;
        gradient_sum += partials[at];
        product_sum += partials[at + GROUPS];
    }
    sum_all(local, 1u, gradient_sum, product_sum);
    if (local == 0u) {
        let inverse = 1.0 / sqrt(variance[group] + parameters.epsilon);
        let shift_sum = gradients[0];
        let scale_sum = products[0] * inverse;
        let factor = scale[group] * inverse;
        let share = factor / f32(parameters.rows);
        grad_shift[group] = shift_sum;
        grad_scale[group] = scale_sum;
        factors[group] = factor;
        factors[GROUPS + group] = -share * shift_sum;
        factors[2u * GROUPS + group] = -share * scale_sum * inverse;
    }
}
