// `convolve_pool_relu_single_channel` for graphics cards: a workgroup takes one picture, copies
// it to workgroup memory, and each invocation keeps one pool window of four output channels.
const HEIGHT: u32 = 28u;
const WIDTH: u32 = 28u;
const OUT_CHANNELS: u32 = 24u;
const KERNEL: u32 = 5u;
const INVOCATIONS: u32 = 256u;
// 1: ReLU follows; 0: the pooled sums are given as they are.
const RELU: u32 = 1u;

const POOLED_HEIGHT: u32 = (HEIGHT - KERNEL + 1u) / 2u;
const POOLED_WIDTH: u32 = (WIDTH - KERNEL + 1u) / 2u;
const WINDOWS: u32 = POOLED_HEIGHT * POOLED_WIDTH;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;
const AREA: u32 = HEIGHT * WIDTH; // at most 4096: 16 KiB
// Workgroups a picture.
const PARTS: u32 = (WINDOWS * OUT_GROUPS + INVOCATIONS - 1u) / INVOCATIONS;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [tap][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(4) var<storage, read_write> winners: array<u32>; // as output, a byte a channel
@group(0) @binding(5) var<uniform> parameters: Parameters;

var<workgroup> staged: array<f32, AREA>;

// Adds the outer product of four channels' weights (rows) and four pixels (columns).
fn add(sums: mat4x4<f32>, w: vec4<f32>, x: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(
        fma(w, vec4(x.x), sums[0]),
        fma(w, vec4(x.y), sums[1]),
        fma(w, vec4(x.z), sums[2]),
        fma(w, vec4(x.w), sums[3]),
    );
}

// Winner codes: 0..3 the position dy * 2 + dx, 4 cut by ReLU.
fn store(sums: mat4x4<f32>, at: u32, group: u32) {
    var best = sums[0];
    var code = vec4<u32>(0u);
    code = select(code, vec4<u32>(1u), sums[1] > best);
    best = max(best, sums[1]);
    code = select(code, vec4<u32>(2u), sums[2] > best);
    best = max(best, sums[2]);
    code = select(code, vec4<u32>(3u), sums[3] > best);
    best = max(best, sums[3]);
    best += bias[group];
    let dead = (best <= vec4(0.0)) & vec4<bool>(RELU == 1u);
    code = select(code, vec4<u32>(4u), dead);
    output[at] = select(best, vec4(0.0), dead);
    winners[at] = code.x | (code.y << 8u) | (code.z << 16u) | (code.w << 24u);
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let number = workgroup.y * grid.x + workgroup.x;
    let picture = number / PARTS;
    if (picture >= parameters.batch) {
        return;
    }
    for (var at = local; at < AREA; at += INVOCATIONS) {
        staged[at] = input[picture * AREA + at];
    }
    workgroupBarrier();
    let item = (number % PARTS) * INVOCATIONS + local;
    if (item >= WINDOWS * OUT_GROUPS) {
        return;
    }
    let window = item % WINDOWS;
    let group = item / WINDOWS;
    let start = 2u * (window / POOLED_WIDTH) * WIDTH + 2u * (window % POOLED_WIDTH);
    var sums = mat4x4<f32>();
    for (var tap = 0u; tap < KERNEL * KERNEL; tap++) {
        let at = start + (tap / KERNEL) * WIDTH + tap % KERNEL;
        let x = vec4(staged[at], staged[at + 1u], staged[at + WIDTH], staged[at + WIDTH + 1u]);
        sums = add(sums, weight[tap * OUT_GROUPS + group], x);
    }
    store(sums, (picture * WINDOWS + window) * OUT_GROUPS + group, group);
}
