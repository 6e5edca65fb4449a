// Adds a batch to the confusion table: rows the label, columns the predicted class (the first largest logit). A label
// outside the classes is not counted. An invocation an image.
#import shared/each_invocation
#import shared/highest_logit

@group(0) @binding(0) var<storage, read_write> logits: array<f32>; // [n][class]
@group(0) @binding(1) var<storage, read_write> labels: array<i32>; // [n]
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<i32>>; // [label][predicted]
@group(0) @binding(3) var<uniform> batch: u32;

fn run(index: u32) {
    if (index >= batch) {
        return;
    }
    let label = labels[index];
    if (label >= 0 && label < i32(CLASSES)) {
        atomicAdd(&counts[u32(label) * CLASSES + highest_logit(index * CLASSES).category], 1);
    }
}
