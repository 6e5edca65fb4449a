// Multiplies numbers by a factor, in place.
#import shared/each_invocation

struct Parameters {
    elements: u32,
}

@group(0) @binding(0) var<storage, read_write> numbers: array<f32>;
@group(0) @binding(1) var<storage, read_write> factor: array<f32, 1>;
@group(0) @binding(2) var<uniform> parameters: Parameters;

fn run(index: u32) {
    let by = factor[0];
    if (index < parameters.elements) {
        numbers[index] *= by;
    }
}
