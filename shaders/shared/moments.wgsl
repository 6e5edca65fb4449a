// Mean and sum of squared deviations of four channels by Welford's update: a mean that is large beside the deviation
// does no harm. Each invocation holds those of its rows.
var<workgroup> counts: array<f32, INVOCATIONS>;
var<workgroup> means: array<vec4<f32>, INVOCATIONS>;
var<workgroup> squares: array<vec4<f32>, INVOCATIONS>;

// Adds a part of `count` rows to what invocation `to` holds.
fn merge(to: u32, count: f32, part_mean: vec4<f32>, part_squares: vec4<f32>) {
    if (count > 0.0) {
        let total = counts[to] + count;
        let deviation = part_mean - means[to];
        let share = count / total;
        means[to] += deviation * share;
        squares[to] += part_squares + deviation * deviation * (counts[to] * share);
        counts[to] = total;
    }
}

// Merges what invocations hold that are multiples of `stride` apart, in a tree.
fn merge_all(local: u32, stride: u32) {
    for (var half = INVOCATIONS / stride / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half * stride) {
            let other = local + half * stride;
            merge(local, counts[other], means[other], squares[other]);
        }
    }
}
