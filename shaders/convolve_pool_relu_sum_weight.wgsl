// Adds the partial sums of `convolve_pool_relu_grad_weight` in the order of their chunks and
// puts the weights where PyTorch has them. An invocation a weight or bias.
const IN_CHANNELS: u32 = 24u;
const OUT_CHANNELS: u32 = 32u;
const KERNEL: u32 = 3u;
const INVOCATIONS: u32 = 64u;

const TAPS: u32 = KERNEL * KERNEL;
const WEIGHTS: u32 = TAPS * IN_CHANNELS * OUT_CHANNELS;
// Rows are padded to fours.
const ROWS: u32 = (TAPS * IN_CHANNELS + 3u) / 4u * 4u;
const PARTIAL: u32 = (ROWS + 1u) * OUT_CHANNELS;

struct Parameters { chunks: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> partials: array<f32>; // [chunk][tap][in][out], then [out]
@group(0) @binding(1) var<storage, read_write> grad_weight: array<f32>; // [out][in][tap]
@group(0) @binding(2) var<storage, read_write> grad_bias: array<f32>; // [out]
@group(0) @binding(3) var<uniform> parameters: Parameters;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    if (index >= WEIGHTS + OUT_CHANNELS) {
        return;
    }
    let is_weight = index < WEIGHTS;
    let at = select(ROWS * OUT_CHANNELS + index - WEIGHTS, index, is_weight);
    var sum = 0.0;
    for (var chunk = 0u; chunk < parameters.chunks; chunk++) {
        sum += partials[chunk * PARTIAL + at];
    }
    if (is_weight) {
        let channel = index % OUT_CHANNELS;
        let row = index / OUT_CHANNELS;
        grad_weight[(channel * IN_CHANNELS + row % IN_CHANNELS) * TAPS + row / IN_CHANNELS] = sum;
    } else {
        grad_bias[index - WEIGHTS] = sum;
    }
}
