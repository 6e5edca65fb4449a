// Takes the images of a batch from the data set on the device: bytes become
// value * scale + shift. An invocation takes one word: four grey pixels, or one in colour.
const IMAGE_WORDS: u32 = 196u;
const INVOCATIONS: u32 = 64u;

struct Parameters {
    batch: u32,
    padding0: u32,
    padding1: u32,
    padding2: u32,
    scale: vec4<f32>, // of the four bytes of a word
    shift: vec4<f32>,
}

@group(0) @binding(0) var<storage, read_write> images: array<u32>; // [N][word], little-endian
@group(0) @binding(1) var<storage, read_write> indices: array<i32>; // [n], each below N
@group(0) @binding(2) var<storage, read_write> batch_images: array<vec4<f32>>; // [n][word]
@group(0) @binding(3) var<uniform> parameters: Parameters;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    if (index >= parameters.batch * IMAGE_WORDS) {
        return;
    }
    let image = index / IMAGE_WORDS;
    let word = index % IMAGE_WORDS;
    let source = u32(indices[image]);
    let bytes = (vec4<u32>(images[source * IMAGE_WORDS + word]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
    batch_images[index] = vec4<f32>(bytes) * parameters.scale + parameters.shift;
}
