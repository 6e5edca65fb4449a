// Cross-entropy of softmax(logits) against labels for any number of classes: a workgroup takes a row, and writes its
// part of the mean loss, its gradient and whether the first largest logit is the label. WEIGHTED, classes have weights
// and labels are smoothed as PyTorch does both. A label outside the classes gives a NaN loss rather than a stray read.
#import shared/each_workgroup

const CLASSES: u32 = 1000u;
const WEIGHTED: u32 = 1u;

struct Parameters { batch: u32, smoothing: f32, zero: u32 }

@group(0) @binding(0) var<storage, read_write> logits: array<f32>; // [n][class]
@group(0) @binding(1) var<storage, read_write> labels: array<i32>; // [n]
@group(0) @binding(2) var<storage, read_write> weights: array<f32>; // [class]
@group(0) @binding(3) var<storage, read_write> grad_logits: array<f32>; // [n][class], of the mean loss
@group(0) @binding(4) var<storage, read_write> losses: array<f32>; // [n]
@group(0) @binding(5) var<storage, read_write> hits: array<i32>; // [n]
@group(0) @binding(6) var<uniform> parameters: Parameters;

var<workgroup> highest: array<f32, INVOCATIONS>;
var<workgroup> argmax: array<u32, INVOCATIONS>;
var<workgroup> sums: array<vec4<f32>, INVOCATIONS>;

fn weight(category: u32) -> f32 {
    if (WEIGHTED == 1u) {
        return weights[category];
    }
    return 1.0;
}

fn weight_of_label(label: i32) -> f32 {
    if (label < 0 || label >= i32(CLASSES)) {
        // The zero only keeps compilers from refusing a constant NaN.
        return bitcast<f32>(0x7fc00000u | parameters.zero);
    }
    return weight(u32(label));
}

fn run(row: u32, local: u32) {
    if (row >= parameters.batch) {
        return;
    }
    let first = row * CLASSES;
    let label = labels[row];

    var best = -3.4028234e38;
    var category_of_best = CLASSES;
    for (var category = local; category < CLASSES; category += INVOCATIONS) {
        let logit = logits[first + category];
        if (category_of_best == CLASSES || logit > best) {
            best = logit;
            category_of_best = category;
        }
    }
    highest[local] = best;
    argmax[local] = category_of_best;
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            let other = highest[local + half];
            let is_first = other == highest[local] && argmax[local + half] < argmax[local];
            if (other > highest[local] || is_first) {
                highest[local] = other;
                argmax[local] = argmax[local + half];
            }
        }
    }
    workgroupBarrier();
    best = highest[0];

    // Of the exponentials, of the weights, of what smoothing spreads (less the logarithm of the
    // first), and of the weights of the batch's labels.
    var sum = vec4(0.0);
    for (var category = local; category < CLASSES; category += INVOCATIONS) {
        let below = best - logits[first + category];
        sum += vec4(exp(-below), weight(category), weight(category) * below, 0.0);
    }
    for (var index = local; index < parameters.batch; index += INVOCATIONS) {
        sum.w += weight_of_label(labels[index]);
    }
    sums[local] = sum;
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            sums[local] += sums[local + half];
        }
    }
    workgroupBarrier();
    sum = sums[0];

    // Labels that all weigh nothing: a loss of what smoothing spreads, not NaN.
    let total = select(1.0, sum.w, sum.w > 0.0);
    let of_label = (1.0 - parameters.smoothing) * weight_of_label(label) / total;
    let of_class = parameters.smoothing / f32(CLASSES) / total;
    let share = (of_label + of_class * sum.y) / sum.x;
    for (var category = local; category < CLASSES; category += INVOCATIONS) {
        let at = first + category;
        let known = of_class * weight(category) + select(0.0, of_label, i32(category) == label);
        grad_logits[at] = exp(logits[at] - best) * share - known;
    }
    if (local == 0u) {
        let level = log(sum.x);
        let below = best - logits[first + u32(clamp(label, 0, i32(CLASSES) - 1))];
        losses[row] = of_label * (level + below) + of_class * (level * sum.y + sum.z);
        hits[row] = select(0, 1, i32(argmax[0]) == label);
    }
}
