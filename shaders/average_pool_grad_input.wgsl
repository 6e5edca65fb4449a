// Every pixel gets its share of the mean's gradient. An invocation takes one channel of one pixel.
#import shared/each_invocation

const CHANNELS: u32 = 64u;

struct Parameters { batch: u32, pixels: u32 }

@group(0) @binding(0) var<storage, read_write> grad_output: array<f32>; // [n][c]
@group(0) @binding(1) var<storage, read_write> grad_input: array<f32>; // [n][pixel][c]
@group(0) @binding(2) var<uniform> parameters: Parameters;

fn run(index: u32) {
    let size = parameters.pixels * CHANNELS;
    if (index < parameters.batch * size) {
        let source = (index / size) * CHANNELS + index % CHANNELS;
        grad_input[index] = grad_output[source] / f32(parameters.pixels);
    }
}
