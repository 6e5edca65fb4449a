// As `blend`, by factors that follow from numbers of the step: base + slope * number.
#import shared/each_invocation

const COLUMNS: u32 = 12u;
// Which of them.
const KEEP: u32 = 0u;
const TAKE: u32 = 0u;

struct Parameters {
    elements: u32,
    keep_base: f32,
    keep_slope: f32,
    take_base: f32,
    take_slope: f32,
}

@group(0) @binding(0) var<storage, read_write> targets: array<f32>;
@group(0) @binding(1) var<storage, read_write> source: array<f32>;
@group(0) @binding(2) var<storage, read_write> row: array<f32, COLUMNS>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

// What every invocation reads is read first, as in `adam_together`.
fn run(index: u32) {
    let keep = parameters.keep_base + parameters.keep_slope * row[KEEP];
    let take = parameters.take_base + parameters.take_slope * row[TAKE];
    if (index >= parameters.elements) {
        return;
    }
    targets[index] = targets[index] * keep + source[index] * take;
}
