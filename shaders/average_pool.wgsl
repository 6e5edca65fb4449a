// The mean over all pixels of an image. An invocation takes one channel of one image.
#import shared/each_invocation

const CHANNELS: u32 = 64u;

struct Parameters { batch: u32, pixels: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][pixel][c]
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // [n][c]
@group(0) @binding(2) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.batch * CHANNELS) {
        return;
    }
    let first = (index / CHANNELS) * parameters.pixels * CHANNELS + index % CHANNELS;
    var sum = 0.0;
    for (var pixel = 0u; pixel < parameters.pixels; pixel++) {
        sum += input[first + pixel * CHANNELS];
    }
    output[index] = sum / f32(parameters.pixels);
}
