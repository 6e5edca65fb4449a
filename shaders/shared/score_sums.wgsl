// Adds up losses and hits of a workgroup, in a fixed order.
var<workgroup> loss_sums: array<f32, INVOCATIONS>;
var<workgroup> hit_sums: array<i32, INVOCATIONS>;

fn write_sums(local: u32, loss_sum: f32, hit_sum: i32, share: f32) {
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
        loss[0] = loss_sums[0] * share;
        correct[0] = hit_sums[0];
    }
}
