// Adds up what `softmax_cross_entropy_rows` wrote of each row, in one workgroup.
#import shared/each_workgroup
#import shared/score_sums

@group(0) @binding(0) var<storage, read_write> losses: array<f32>; // [n]
@group(0) @binding(1) var<storage, read_write> hits: array<i32>; // [n]
@group(0) @binding(2) var<storage, read_write> loss: array<f32>; // [1]
@group(0) @binding(3) var<storage, read_write> correct: array<i32>; // [1]
@group(0) @binding(4) var<uniform> batch: u32;

fn run(workgroup: u32, local: u32) {
    var loss_sum = 0.0;
    var hit_sum = 0;
    for (var row = local; row < batch; row += INVOCATIONS) {
        loss_sum += losses[row];
        hit_sum += hits[row];
    }
    write_sums(local, loss_sum, hit_sum, 1.0);
}
