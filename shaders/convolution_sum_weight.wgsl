// Adds the partial sums of a convolution's weight gradient in the order of their chunks and puts the weights where
// PyTorch has them. An invocation a weight or bias.
#import shared/each_invocation
#import shared/weight_sizes

const WEIGHTS: u32 = TAPS * IN_CHANNELS * OUT_CHANNELS;
// Rows are padded to fours.
const ROWS: u32 = (TAPS * IN_CHANNELS + 3u) / 4u * 4u;
const PARTIAL: u32 = (ROWS + 1u) * OUT_CHANNELS;

@group(0) @binding(0) var<storage, read_write> partials: array<f32>; // [chunk][tap][in][out], then [out]
@group(0) @binding(1) var<storage, read_write> grad_weight: array<f32>; // [out][in][tap]
@group(0) @binding(2) var<storage, read_write> grad_bias: array<f32>; // [out]
@group(0) @binding(3) var<uniform> chunks: u32;

fn run(index: u32) {
    if (index >= WEIGHTS + OUT_CHANNELS) {
        return;
    }
    let is_weight = index < WEIGHTS;
    let at = select(ROWS * OUT_CHANNELS + index - WEIGHTS, index, is_weight);
    var sum = 0.0;
    for (var chunk = 0u; chunk < chunks; chunk++) {
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
