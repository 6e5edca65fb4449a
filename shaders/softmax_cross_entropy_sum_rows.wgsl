// Adds up what `softmax_cross_entropy_rows` wrote of each row, in one workgroup and a fixed order.
const INVOCATIONS: u32 = 256u;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> losses: array<f32>; // [n]
@group(0) @binding(1) var<storage, read_write> hits: array<i32>; // [n]
@group(0) @binding(2) var<storage, read_write> loss: array<f32>; // [1]
@group(0) @binding(3) var<storage, read_write> correct: array<i32>; // [1]
@group(0) @binding(4) var<uniform> parameters: Parameters;

var<workgroup> loss_sums: array<f32, INVOCATIONS>;
var<workgroup> hit_sums: array<i32, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) local: u32) {
    var loss_sum = 0.0;
    var hit_sum = 0;
    for (var row = local; row < parameters.batch; row += INVOCATIONS) {
        loss_sum += losses[row];
        hit_sum += hits[row];
    }
    loss_sums[local] = loss_sum;
    hit_sums[local] = hit_sum;
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            loss_sums[local] += loss_sums[local + half];
            hit_sums[local] += hit_sums[local + half];
        }
    }
    if (local == 0u) {
        loss[0] = loss_sums[0];
        correct[0] = hit_sums[0];
    }
}
