// Every pixel gets its share of the mean's gradient. An invocation takes one channel of one pixel.
const CHANNELS: u32 = 64u;
const INVOCATIONS: u32 = 64u;

struct Parameters { batch: u32, pixels: u32, padding0: u32, padding1: u32 }

@group(0) @binding(0) var<storage, read_write> grad_output: array<f32>; // [n][c]
@group(0) @binding(1) var<storage, read_write> grad_input: array<f32>; // [n][pixel][c]
@group(0) @binding(2) var<uniform> parameters: Parameters;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    let size = parameters.pixels * CHANNELS;
    if (index >= parameters.batch * size) {
        return;
    }
    let source = (index / size) * CHANNELS + index % CHANNELS;
    grad_input[index] = grad_output[source] / f32(parameters.pixels);
}
