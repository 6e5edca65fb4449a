// Ends a step: keeps its scores, and brings the row of the schedule and the place for the next. One invocation.
#import shared/each_invocation

const COLUMNS: u32 = 12u;
const SLOTS: u32 = 256u;

struct Parameters {
    images: u32,
}

@group(0) @binding(0) var<storage, read_write> cursor: array<u32>; // row of the schedule, first image, slot, epoch
@group(0) @binding(1) var<storage, read_write> rows: array<f32>; // [steps + 1][column]
@group(0) @binding(2) var<storage, read_write> current: array<f32>; // [column]
@group(0) @binding(3) var<storage, read_write> scores: array<vec2<f32>>; // [slot]: mean loss, number correct
@group(0) @binding(4) var<storage, read_write> loss: array<f32>; // [1]
@group(0) @binding(5) var<storage, read_write> correct: array<i32>; // [1]
@group(0) @binding(6) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index > 0u) {
        return;
    }
    let row = cursor[0] + 1u;
    scores[cursor[2]] = vec2<f32>(loss[0], f32(correct[0]));
    for (var column = 0u; column < COLUMNS; column++) {
        current[column] = rows[row * COLUMNS + column];
    }
    cursor[0] = row;
    cursor[1] += parameters.images;
    cursor[2] = (cursor[2] + 1u) % SLOTS;
}
