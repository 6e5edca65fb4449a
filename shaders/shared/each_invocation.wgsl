// An invocation a piece of work: numbers the invocations of the grid. What imports this defines `run`.
const INVOCATIONS: u32 = 64u;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    run((workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local);
}
