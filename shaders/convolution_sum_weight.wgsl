// Adds the partial sums of a convolution's weight gradient and puts the weights where
// PyTorch has them. A sum a weight or bias.
#import shared/sum_of_slices
#import shared/weight_sizes

const WEIGHTS: u32 = TAPS * IN_CHANNELS * OUT_CHANNELS;
// Rows are padded to fours.
const ROWS: u32 = (TAPS * IN_CHANNELS + 3u) / 4u * 4u;
const PARTIAL: u32 = (ROWS + 1u) * OUT_CHANNELS;

@group(0) @binding(0) var<storage, read_write> partials: array<f32>; // [chunk][tap][in][out], then [out]
@group(0) @binding(1) var<storage, read_write> grad_weight: array<f32>; // [out][in][tap]
@group(0) @binding(2) var<storage, read_write> grad_bias: array<f32>; // [out]
@group(0) @binding(3) var<uniform> chunks: u32;

fn part_of(index: u32, slice: u32) -> f32 {
    let at = select(ROWS * OUT_CHANNELS + index - WEIGHTS, index, index < WEIGHTS);
    var sum = 0.0;
    for (var chunk = slice; chunk < chunks && index < WEIGHTS + OUT_CHANNELS; chunk += SLICES) {
        sum += partials[chunk * PARTIAL + at];
    }
    return sum;
}

fn finish(index: u32, sum: f32) {
    if (index < WEIGHTS) {
        let channel = index % OUT_CHANNELS;
        let row = index / OUT_CHANNELS;
        grad_weight[(channel * IN_CHANNELS + row % IN_CHANNELS) * TAPS + row / IN_CHANNELS] = sum;
    } else if (index < WEIGHTS + OUT_CHANNELS) {
        grad_bias[index - WEIGHTS] = sum;
    }
}
