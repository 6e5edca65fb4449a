// Mean and (biased) variance of each channel from those of the chunks, in a fixed order. A
// workgroup takes four channels.
const GROUPS: u32 = 4u; // fours of channels
const INVOCATIONS: u32 = 64u;

// rows of the batch and of a chunk
struct Parameters { rows: u32, chunk: u32, padding0: u32, padding1: u32 }

@group(0) @binding(0) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][mean, squares][c / 4]
@group(0) @binding(1) var<storage, read_write> mean: array<vec4<f32>>; // [c / 4]
@group(0) @binding(2) var<storage, read_write> variance: array<vec4<f32>>; // [c / 4]
@group(0) @binding(3) var<uniform> parameters: Parameters;

var<workgroup> counts: array<f32, INVOCATIONS>;
var<workgroup> means: array<vec4<f32>, INVOCATIONS>;
var<workgroup> squares: array<vec4<f32>, INVOCATIONS>;

// Adds a part of `count` rows to what invocation `to` holds.
fn merge(to: u32, count: f32, part_mean: vec4<f32>, part_squares: vec4<f32>) {
    if (count > 0.0) {
        let total = counts[to] + count;
        let deviation = part_mean - means[to];
        let share = count / total;
        means[to] += deviation * share;
        squares[to] += part_squares + deviation * deviation * (counts[to] * share);
        counts[to] = total;
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let group = workgroup.x;
    counts[local] = 0.0;
    means[local] = vec4(0.0);
    squares[local] = vec4(0.0);
    let chunks = (parameters.rows + parameters.chunk - 1u) / parameters.chunk;
    for (var chunk = local; chunk < chunks; chunk += INVOCATIONS) {
        let count = min(parameters.chunk, parameters.rows - chunk * parameters.chunk);
        let at = 2u * chunk * GROUPS + group;
        merge(local, f32(count), partials[at], partials[at + GROUPS]);
    }
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            let other = local + half;
            merge(local, counts[other], means[other], squares[other]);
        }
    }
    if (local == 0u) {
        mean[group] = means[0];
        variance[group] = squares[0] / f32(parameters.rows);
    }
}
