// Mean cross-entropy of softmax(logits) against labels, its gradient and the number of images read correctly (the first
// largest logit wins), in one workgroup: an invocation takes every INVOCATIONS-th image. A label outside the classes
// gives a NaN loss rather than a stray read.
#import shared/each_workgroup
#import shared/highest_logit
#import shared/score_sums

struct Parameters { batch: u32, zero: u32 }

@group(0) @binding(0) var<storage, read_write> logits: array<f32>; // [n][class]
@group(0) @binding(1) var<storage, read_write> labels: array<i32>; // [n]
@group(0) @binding(2) var<storage, read_write> grad_logits: array<f32>; // [n][class], of the mean loss
@group(0) @binding(3) var<storage, read_write> loss: array<f32>; // [1]
@group(0) @binding(4) var<storage, read_write> correct: array<i32>; // [1]
@group(0) @binding(5) var<uniform> parameters: Parameters;

fn run(workgroup: u32, local: u32) {
    let share = 1.0 / f32(parameters.batch);
    var loss_sum = 0.0;
    var hit_sum = 0;
    for (var image = local; image < parameters.batch; image += INVOCATIONS) {
        let at = image * CLASSES;
        let label = labels[image];
        let best = highest_logit(at);
        var total = 0.0;
        for (var category = 0u; category < CLASSES; category++) {
            total += exp(logits[at + category] - best.logit);
        }
        // The zero only keeps compilers from refusing a constant NaN.
        var of_label = bitcast<f32>(0x7fc00000u | parameters.zero);
        for (var category = 0u; category < CLASSES; category++) {
            let logit = logits[at + category];
            let is_label = i32(category) == label;
            if (is_label) {
                of_label = logit;
            }
            let target_share = select(0.0, share, is_label);
            grad_logits[at + category] = exp(logit - best.logit) / total * share - target_share;
        }
        loss_sum += log(total) - (of_label - best.logit);
        hit_sum += select(0, 1, i32(best.category) == label);
    }
    write_sums(local, loss_sum, hit_sum, share);
}
