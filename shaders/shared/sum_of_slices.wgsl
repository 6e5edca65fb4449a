// SLICES invocations share a sum, a workgroup has WIDTH of them, and what the slices have is added in their order. What
// imports this defines `part_of(index, slice)` and `finish(index, sum)`.
const WIDTH: u32 = 64u;
const SLICES: u32 = 1u;

var<workgroup> parts: array<f32, WIDTH * SLICES>;

@compute @workgroup_size(WIDTH, SLICES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * WIDTH + local.x;
    var sum = part_of(index, local.y);
    if (SLICES > 1u) {
        parts[lane] = sum;
        workgroupBarrier();
        for (var slice = 1u; slice < SLICES; slice++) {
            sum += parts[slice * WIDTH + local.x];
        }
    }
    if (local.y == 0u) {
        finish(index, sum);
    }
}
