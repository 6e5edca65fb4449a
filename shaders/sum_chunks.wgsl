// sum[i] = partials[0][i] + partials[1][i] + ... in the order of the chunks.
const INVOCATIONS: u32 = 64u;

struct Parameters { elements: u32, chunks: u32, padding0: u32, padding1: u32 }

@group(0) @binding(0) var<storage, read_write> partials: array<f32>; // [chunk][element]
@group(0) @binding(1) var<storage, read_write> sum: array<f32>; // [element]
@group(0) @binding(2) var<uniform> parameters: Parameters;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    if (index >= parameters.elements) {
        return;
    }
    var total = 0.0;
    for (var chunk = 0u; chunk < parameters.chunks; chunk++) {
        total += partials[chunk * parameters.elements + index];
    }
    sum[index] = total;
}
