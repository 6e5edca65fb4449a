// Sums over a chunk of rows of the gradients that pass ReLU (RELU 1: where the output is
// positive), and of those times the deviations from the mean. Work is shared out as in
// `batch_norm_relu_statistics`.
const GROUPS: u32 = 4u; // fours of channels
const INVOCATIONS: u32 = 256u; // a power of two times GROUPS
const RELU: u32 = 1u;

// rows of the batch; steps: rows an invocation takes
struct Parameters { rows: u32, steps: u32, padding0: u32, padding1: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(2) var<storage, read_write> grad_output: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(3) var<storage, read_write> mean: array<vec4<f32>>; // [c / 4]
@group(0) @binding(4) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][gradients, products][c / 4]
@group(0) @binding(5) var<uniform> parameters: Parameters;

var<workgroup> gradients: array<vec4<f32>, INVOCATIONS>;
var<workgroup> products: array<vec4<f32>, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let chunk = workgroup.y * grid.x + workgroup.x;
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
    gradients[local] = gradient_sum;
    products[local] = product_sum;
    for (var half = INVOCATIONS / GROUPS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half * GROUPS) {
            gradients[local] += gradients[local + half * GROUPS];
            products[local] += products[local + half * GROUPS];
        }
    }
    if (local < GROUPS && first < end) {
        partials[2u * chunk * GROUPS + local] = gradients[local];
        partials[(2u * chunk + 1u) * GROUPS + local] = products[local];
    }
}
