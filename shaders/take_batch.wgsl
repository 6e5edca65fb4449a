// As `gather_batch`, of the images of a step by the epoch's order and the place where the step begins; with their labels.
#import shared/each_invocation
#import shared/bytes

const IMAGE_WORDS: u32 = 196u;

struct Parameters {
    batch: u32,
    scale: vec4<f32>, // of the four bytes of a word
    shift: vec4<f32>,
}

@group(0) @binding(0) var<storage, read_write> cursor: array<u32, 4>; // row of the schedule, first image, slot, epoch
@group(0) @binding(1) var<storage, read_write> order: array<i32>; // [N]
@group(0) @binding(2) var<storage, read_write> labels: array<i32>; // [N], by image
@group(0) @binding(3) var<storage, read_write> images: array<u32>; // [N][word], little-endian
@group(0) @binding(4) var<storage, read_write> batch_labels: array<i32>; // [n]
@group(0) @binding(5) var<storage, read_write> batch_images: array<vec4<f32>>; // [n][word]
@group(0) @binding(6) var<uniform> parameters: Parameters;

// What every invocation reads is read first, as in `adam_together`.
fn run(index: u32) {
    let first = cursor[1];
    if (index >= parameters.batch * IMAGE_WORDS) {
        return;
    }
    let image = index / IMAGE_WORDS;
    let word = index % IMAGE_WORDS;
    let source = order[first + image];
    if (word == 0u) {
        batch_labels[image] = labels[source];
    }
    let bytes = vec4<f32>(bytes_of(images[u32(source) * IMAGE_WORDS + word]));
    batch_images[index] = bytes * parameters.scale + parameters.shift;
}
