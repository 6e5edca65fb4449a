// The mean over all pixels of a picture. An invocation takes one channel of one picture.
const CHANNELS: u32 = 64u;
const INVOCATIONS: u32 = 64u;

struct Parameters { batch: u32, pixels: u32, padding0: u32, padding1: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][pixel][c]
@group(0) @binding(1) var<storage, read_write> output: array<f32>; // [n][c]
@group(0) @binding(2) var<uniform> parameters: Parameters;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    if (index >= parameters.batch * CHANNELS) {
        return;
    }
    let first = (index / CHANNELS) * parameters.pixels * CHANNELS + index % CHANNELS;
    var sum = 0.0;
    for (var pixel = 0u; pixel < parameters.pixels; pixel++) {
        sum += input[first + pixel * CHANNELS];
    }
    output[index] = sum / f32(parameters.pixels);
}
