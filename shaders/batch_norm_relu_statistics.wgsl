// Mean and sum of squared deviations of each channel over a chunk of rows, by Welford's update:
// a mean that is large beside the deviation does no harm. A workgroup takes a chunk; each of its
// invocations takes four channels of every INVOCATIONS / GROUPS-th row, and what they found is
// put together in a tree.
const GROUPS: u32 = 4u; // fours of channels
const INVOCATIONS: u32 = 256u; // a power of two times GROUPS

// rows of the batch; steps: rows an invocation takes
struct Parameters { rows: u32, steps: u32, padding0: u32, padding1: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(1) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][mean, squares][c / 4]
@group(0) @binding(2) var<uniform> parameters: Parameters;

var<workgroup> counts: array<f32, INVOCATIONS>;
var<workgroup> means: array<vec4<f32>, INVOCATIONS>;
var<workgroup> squares: array<vec4<f32>, INVOCATIONS>;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let chunk = workgroup.y * grid.x + workgroup.x;
    let end = parameters.rows * GROUPS;
    let first = chunk * parameters.steps * INVOCATIONS;
    var count = 0.0;
    var mean = vec4(0.0);
    var square = vec4(0.0);
    for (var step = 0u; step < parameters.steps; step++) {
        let at = first + step * INVOCATIONS + local;
        if (at < end) {
            count += 1.0;
            let value = input[at];
            let deviation = value - mean;
            mean += deviation / count;
            square += deviation * (value - mean);
        }
    }
    counts[local] = count;
    means[local] = mean;
    squares[local] = square;
    for (var half = INVOCATIONS / GROUPS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        let other = local + half * GROUPS;
        if (local < half * GROUPS && counts[other] > 0.0) {
            let total = counts[local] + counts[other];
            let deviation = means[other] - means[local];
            let share = counts[other] / total;
            means[local] += deviation * share;
            squares[local] += squares[other] + deviation * deviation * (counts[local] * share);
            counts[local] = total;
        }
    }
    if (local < GROUPS && first < end) {
        partials[2u * chunk * GROUPS + local] = means[local];
        partials[(2u * chunk + 1u) * GROUPS + local] = squares[local];
    }
}
