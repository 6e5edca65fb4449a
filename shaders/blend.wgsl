// Moves numbers towards others, in place: target * keep + source * take.
#import shared/each_invocation

// Which number of `factors` is `keep`; `take` is the next.
const FACTOR: u32 = 0u;

struct Parameters {
    elements: u32,
}

@group(0) @binding(0) var<storage, read_write> targets: array<f32>;
@group(0) @binding(1) var<storage, read_write> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> factors: array<f32, FACTOR + 2u>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// What every invocation reads is read first, as in `adam_together`.
fn run(index: u32) {
    let keep = factors[FACTOR];
    let take = factors[FACTOR + 1u];
    if (index >= parameters.elements) {
        return;
    }
    targets[index] = targets[index] * keep + source[index] * take;
}
