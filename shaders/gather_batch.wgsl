// Takes the pictures of a batch from the data set on the device: bytes become
// value * scale + shift. An invocation takes one word, four pixels.
const PICTURE_WORDS: u32 = 196u;
const INVOCATIONS: u32 = 64u;

struct Parameters { batch: u32, scale: f32, shift: f32, padding: u32 }

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
    if (index >= parameters.batch * PICTURE_WORDS) {
        return;
    }
    let picture = index / PICTURE_WORDS;
    let word = index % PICTURE_WORDS;
    let source = u32(indices[picture]);
    let bytes = (vec4<u32>(images[source * PICTURE_WORDS + word]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
    batch_images[index] = vec4<f32>(bytes) * parameters.scale + parameters.shift;
}
