// Moves numbers towards others, in place: target * keep + source * take.
#import shared/each_invocation

struct Parameters {
    elements: u32,
    keep: f32,
    take: f32,
}

@group(0) @binding(0) var<storage, read_write> targets: array<f32>;
@group(0) @binding(1) var<storage, read_write> source: array<f32>;
@group(0) @binding(2) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.elements) {
        return;
    }
    targets[index] = targets[index] * parameters.keep + source[index] * parameters.take;
}
