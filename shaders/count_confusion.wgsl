// Adds a batch to the confusion table: rows the true class, columns the predicted one (the
// first largest logit). A label outside the classes is not counted. An invocation a picture.
const CLASSES: u32 = 10u;
const INVOCATIONS: u32 = 64u;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> logits: array<f32>; // [n][class]
@group(0) @binding(1) var<storage, read_write> labels: array<i32>; // [n]
@group(0) @binding(2) var<storage, read_write> counts: array<atomic<i32>>; // [true][predicted]
@group(0) @binding(3) var<uniform> parameters: Parameters;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    if (index >= parameters.batch) {
        return;
    }
    let at = index * CLASSES;
    var best = logits[at];
    var winner = 0u;
    for (var category = 1u; category < CLASSES; category++) {
        let logit = logits[at + category];
        if (logit > best) {
            best = logit;
            winner = category;
        }
    }
    let label = labels[index];
    if (label >= 0 && label < i32(CLASSES)) {
        atomicAdd(&counts[u32(label) * CLASSES + winner], 1);
    }
}
