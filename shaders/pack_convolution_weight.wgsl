// Reorders convolution weights from PyTorch's [out][in][tap] to the order a kernel streams
// them in: [tap][in][out] or, for the input gradient, [tap][out][in]. An invocation a weight.
const IN_CHANNELS: u32 = 24u;
const OUT_CHANNELS: u32 = 32u;
const KERNEL: u32 = 3u;
// 0: output channels innermost; 1: input channels innermost.
const IN_INNERMOST: u32 = 0u;
const INVOCATIONS: u32 = 64u;

const TAPS: u32 = KERNEL * KERNEL;

@group(0) @binding(0) var<storage, read_write> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> packed: array<f32>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    if (index >= TAPS * IN_CHANNELS * OUT_CHANNELS) {
        return;
    }
    let tap = index / (IN_CHANNELS * OUT_CHANNELS);
    let rest = index % (IN_CHANNELS * OUT_CHANNELS);
    var channel = rest % OUT_CHANNELS;
    var from_channel = rest / OUT_CHANNELS;
    if (IN_INNERMOST == 1u) {
        from_channel = rest % IN_CHANNELS;
        channel = rest / IN_CHANNELS;
    }
    packed[index] = weight[(channel * IN_CHANNELS + from_channel) * TAPS + tap];
}
