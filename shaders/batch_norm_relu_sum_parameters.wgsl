// Gradients of scale and shift from the sums of the chunks, in a fixed order, and the factors of
// the input's gradient: grad_input = gradient * factors[0] + factors[1] + deviation * factors[2].
// A workgroup takes four channels.
const GROUPS: u32 = 4u; // fours of channels
const INVOCATIONS: u32 = 64u;

// rows of the batch and of a chunk
struct Parameters { rows: u32, chunk: u32, epsilon: f32, padding: u32 }

@group(0) @binding(0) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][gradients, products][c / 4]
@group(0) @binding(1) var<storage, read_write> scale: array<vec4<f32>>; // [c / 4]
@group(0) @binding(2) var<storage, read_write> variance: array<vec4<f32>>; // [c / 4]
@group(0) @binding(3) var<storage, read_write> grad_scale: array<vec4<f32>>; // [c / 4]
@group(0) @binding(4) var<storage, read_write> grad_shift: array<vec4<f32>>; // [c / 4]
@group(0) @binding(5) var<storage, read_write> factors: array<vec4<f32>>; // [3][c / 4]
@group(0) @binding(6) var<uniform> parameters: Parameters;

var<workgroup> gradients: array<vec4<f32>, INVOCATIONS>;
var<workgroup> products: array<vec4<f32>, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = workgroup.x;
    var gradient_sum = vec4(0.0);
    var product_sum = vec4(0.0);
    let chunks = (parameters.rows + parameters.chunk - 1u) / parameters.chunk;
    for (var chunk = local; chunk < chunks; chunk += INVOCATIONS) {
        let at = 2u * chunk * GROUPS + group;
        gradient_sum += partials[at];
        product_sum += partials[at + GROUPS];
    }
    gradients[local] = gradient_sum;
    products[local] = product_sum;
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            gradients[local] += gradients[local + half];
            products[local] += products[local + half];
        }
    }
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
