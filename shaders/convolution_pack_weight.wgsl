// Reorders a convolution's weights from PyTorch's [out][in][tap] to the order a kernel streams them in:
// [tap][in][out] or, for the input gradient, [tap][out][in]. An invocation a weight.
#import shared/each_invocation
#import shared/weight_sizes

// 0: output channels innermost; 1: input channels innermost.
const IN_INNERMOST: u32 = 0u;

@group(0) @binding(0) var<storage, read_write> weight: array<f32>;
@group(0) @binding(1) var<storage, read_write> packed: array<f32>;

fn run(index: u32) {
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
