// Moves numbers towards others, in place: target * keep + source * take.
#import shared/each_invocation

// Which number of `factors` is `keep`; `take` is the next.
const FACTOR: u32 = 0u;

struct Parameters {
    elements: u32,
}

@group(0) @binding(0) var<storage, read_write> targets: array<f32>;
@group(0) @binding(1) var<storage, read_write> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> factors: array<f32>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.elements) {
        return;
    }
    targets[index] = targets[index] * factors[FACTOR] + source[index] * factors[FACTOR + 1u];
}
