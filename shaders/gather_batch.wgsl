// Takes the images of a batch from the data set on the device: bytes become
// value * scale + shift. An invocation takes one word: four grey pixels, or one in colour.
#import shared/each_invocation
#import shared/bytes

const IMAGE_WORDS: u32 = 196u;

struct Parameters {
    batch: u32,
    scale: vec4<f32>, // of the four bytes of a word
    shift: vec4<f32>,
}

@group(0) @binding(0) var<storage, read_write> images: array<u32>; // [N][word], little-endian
@group(0) @binding(1) var<storage, read_write> indices: array<i32>; // [n], each below N
@group(0) @binding(2) var<storage, read_write> batch_images: array<vec4<f32>>; // [n][word]
@group(0) @binding(3) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.batch * IMAGE_WORDS) {
        return;
    }
    let image = index / IMAGE_WORDS;
    let word = index % IMAGE_WORDS;
    let source = u32(indices[image]);
    let bytes = vec4<f32>(bytes_of(images[source * IMAGE_WORDS + word]));
    batch_images[index] = bytes * parameters.scale + parameters.shift;
}
