// What reaches a linear layer's sums: grad_sum = grad_output where the output is positive
// (RELU 1), and the bias gradient, its sum over images. A workgroup takes EDGE outputs;
// EDGE invocations share one, each an image in EDGE.
const RELU: u32 = 1u;
const EDGE: u32 = 16u;

struct Parameters { batch: u32, outputs: u32 }

@group(0) @binding(0) var<storage, read_write> grad_output: array<f32>; // [n][out]
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // [n][out]
@group(0) @binding(2) var<storage, read_write> grad_sum: array<f32>; // [n][out]
@group(0) @binding(3) var<storage, read_write> grad_bias: array<f32>; // [out]
@group(0) @binding(4) var<uniform> parameters: Parameters;

var<workgroup> sums: array<f32, EDGE * EDGE>;

@compute @workgroup_size(EDGE, EDGE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let column = workgroup.x * EDGE + local.x;
    var sum = 0.0;
    if (column < parameters.outputs) {
        for (var image = local.y; image < parameters.batch; image += EDGE) {
            let at = image * parameters.outputs + column;
            let alive = RELU == 0u || output[at] > 0.0;
            let gradient = select(0.0, grad_output[at], alive);
            grad_sum[at] = gradient;
            sum += gradient;
        }
    }
    sums[lane] = sum;
    workgroupBarrier();
    if (local.y == 0u && column < parameters.outputs) {
        var total = 0.0;
        for (var line = 0u; line < EDGE; line++) {
            total += sums[line * EDGE + local.x];
        }
        grad_bias[column] = total;
    }
}
