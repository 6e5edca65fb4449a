// Sums over a chunk of rows of the gradients that pass ReLU (RELU 1: where the output is positive), and of those times
// the deviations from the mean.
#import shared/chunk_of_rows
#import shared/gradient_sums

const RELU: u32 = 1u;

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(2) var<storage, read_write> grad_output: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(3) var<storage, read_write> mean: array<vec4<f32>>; // [c / 4]
@group(0) @binding(4) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][gradients, products][c / 4]
@group(0) @binding(5) var<uniform> parameters: Parameters;

fn run(chunk: u32, local: u32) {
    let end = parameters.rows * GROUPS;
    let first = chunk * parameters.steps * INVOCATIONS;
    let centre = mean[local % GROUPS];
    var gradient_sum = vec4(0.0);
    var product_sum = vec4(0.0);
    for (var step = 0u; step < parameters.steps; step++) {
        let at = first + step * INVOCATIONS + local;
        if (at < end) {
            var gradient = grad_output[at];
            if (RELU == 1u) {
                gradient = select(gradient, vec4(0.0), output[at] <= vec4(0.0));
            }
            gradient_sum += gradient;
            product_sum += gradient * (input[at] - centre);
        }
    }
    sum_all(local, GROUPS, gradient_sum, product_sum);
    if (local < GROUPS && first < end) {
        partials[2u * chunk * GROUPS + local] = gradients[local];
        partials[(2u * chunk + 1u) * GROUPS + local] = products[local];
    }
}
