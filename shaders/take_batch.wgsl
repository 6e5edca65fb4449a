// As `gather_batch`, of the images of a step by the epoch's order and the place where the step begins; with their labels.
#import shared/each_invocation
#import shared/bytes
#import shared/taken_batch

const IMAGE_WORDS: u32 = 196u;

struct Parameters {
    batch: u32,
    scale: vec4<f32>, // of the four bytes of a word
    shift: vec4<f32>,
}

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
