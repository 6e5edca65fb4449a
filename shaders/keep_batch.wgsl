// Copies the numbers of a batch to where the batch begins among those of all images. An invocation a number.
#import shared/each_invocation

const WIDTH: u32 = 10u;

@group(0) @binding(0) var<storage, read_write> cursor: array<u32>; // row of the schedule, first image, slot, epoch
@group(0) @binding(1) var<storage, read_write> batch: array<f32>; // [n][WIDTH]
@group(0) @binding(2) var<storage, read_write> all: array<f32>; // [N][WIDTH]
@group(0) @binding(3) var<uniform> count: u32; // n * WIDTH

fn run(index: u32) {
    if (index < count) {
        all[cursor[1] * WIDTH + index] = batch[index];
    }
}
