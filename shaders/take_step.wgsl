// The images of a step and their labels, by the epoch's order and the place where the step begins.
#import shared/each_invocation

struct Parameters {
    batch: u32,
}

@group(0) @binding(0) var<storage, read_write> cursor: array<u32>; // row of the schedule, first image, slot
@group(0) @binding(1) var<storage, read_write> order: array<i32>; // [N]
@group(0) @binding(2) var<storage, read_write> labels: array<i32>; // [N], by image
@group(0) @binding(3) var<storage, read_write> indices: array<i32>; // [n]
@group(0) @binding(4) var<storage, read_write> batch_labels: array<i32>; // [n]
@group(0) @binding(5) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.batch) {
        return;
    }
    let image = order[cursor[1] + index];
    indices[index] = image;
    batch_labels[index] = labels[image];
}
