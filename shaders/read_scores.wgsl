// The scores of steps one after another, out of the slots that go round.
#import shared/each_invocation

const SLOTS: u32 = 256u;

struct Parameters {
    first: u32,
    steps: u32,
}

@group(0) @binding(0) var<storage, read_write> scores: array<vec2<f32>>; // [slot]: mean loss, number correct
@group(0) @binding(1) var<storage, read_write> losses: array<f32>; // [steps]
@group(0) @binding(2) var<storage, read_write> correct: array<i32>; // [steps]
@group(0) @binding(3) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.steps) {
        return;
    }
    let score = scores[(parameters.first + index) % SLOTS];
    losses[index] = score.x;
    correct[index] = i32(score.y);
}
