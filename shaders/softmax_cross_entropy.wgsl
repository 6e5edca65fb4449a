// Mean cross-entropy of softmax(logits) against labels, its gradient and the number of
// pictures read correctly (the first largest logit wins), in one workgroup: an invocation
// takes every INVOCATIONS-th picture, and the totals are added in a fixed order. A label
// outside the classes gives a NaN loss rather than a stray read.
const CLASSES: u32 = 10u;
const INVOCATIONS: u32 = 256u;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> logits: array<f32>; // [n][class]
@group(0) @binding(1) var<storage, read_write> labels: array<i32>; // [n]
@group(0) @binding(2) var<storage, read_write> grad_logits: array<f32>; // [n][class], of the mean loss
@group(0) @binding(3) var<storage, read_write> loss: array<f32>; // [1]
@group(0) @binding(4) var<storage, read_write> correct: array<i32>; // [1]
@group(0) @binding(5) var<uniform> parameters: Parameters;

var<workgroup> losses: array<f32, INVOCATIONS>;
var<workgroup> hits: array<i32, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(@builtin(local_invocation_index) local: u32) {
    let share = 1.0 / f32(parameters.batch);
    var loss_sum = 0.0;
    var hit_sum = 0;
    for (var picture = local; picture < parameters.batch; picture += INVOCATIONS) {
        let at = picture * CLASSES;
        let label = labels[picture];
        var best = logits[at];
        var winner = 0;
        for (var category = 1u; category < CLASSES; category++) {
            let logit = logits[at + category];
            if (logit > best) {
                best = logit;
                winner = i32(category);
            }
        }
        var total = 0.0;
        for (var category = 0u; category < CLASSES; category++) {
            total += exp(logits[at + category] - best);
        }
        // The padding is zero: it only keeps compilers from refusing a constant NaN.
        var of_label = bitcast<f32>(0x7fc00000u | parameters.padding0);
        for (var category = 0u; category < CLASSES; category++) {
            let logit = logits[at + category];
            let is_label = i32(category) == label;
            if (is_label) {
                of_label = logit;
            }
            let target_share = select(0.0, share, is_label);
            grad_logits[at + category] = exp(logit - best) / total * share - target_share;
        }
        loss_sum += log(total) - (of_label - best);
        hit_sum += select(0, 1, winner == label);
    }
    losses[local] = loss_sum;
    hits[local] = hit_sum;
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            losses[local] += losses[local + half];
            hits[local] += hits[local + half];
        }
    }
    if (local == 0u) {
        loss[0] = losses[0] * share;
        correct[0] = hits[0];
    }
}
