// `convolve_pool_relu` for graphics cards: a workgroup takes one picture, copies STAGED fours of
// its channels at a time to workgroup memory, and each invocation keeps one pool window of four
// output channels: a 4x4 block whose columns are the window's convolution outputs. Neighbours
// share the channels, so that a wave reads each weight once.
const HEIGHT: u32 = 12u;
const WIDTH: u32 = 12u;
const IN_CHANNELS: u32 = 24u;
const OUT_CHANNELS: u32 = 32u;
const KERNEL: u32 = 3u;
// Divides IN_CHANNELS / 4; HEIGHT * WIDTH * STAGED vec4 fit 16 KiB.
const STAGED: u32 = 6u;
const INVOCATIONS: u32 = 256u;
// 1: ReLU follows; 0: the pooled sums are given as they are.
const RELU: u32 = 1u;

const POOLED_HEIGHT: u32 = (HEIGHT - KERNEL + 1u) / 2u;
const POOLED_WIDTH: u32 = (WIDTH - KERNEL + 1u) / 2u;
const WINDOWS: u32 = POOLED_HEIGHT * POOLED_WIDTH;
const IN_GROUPS: u32 = IN_CHANNELS / 4u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;
const AREA: u32 = HEIGHT * WIDTH;
// Workgroups a picture.
const PARTS: u32 = (WINDOWS * OUT_GROUPS + INVOCATIONS - 1u) / INVOCATIONS;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [tap][in][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(4) var<storage, read_write> winners: array<u32>; // as output, a byte a channel
@group(0) @binding(5) var<uniform> parameters: Parameters;

var<workgroup> staged: array<vec4<f32>, AREA * STAGED>; // [y][x][in / 4]

// Columns are the window's four pixels, rows four input channels.
fn pixels(at: u32) -> mat4x4<f32> {
    return mat4x4(
        staged[at],
        staged[at + STAGED],
        staged[at + WIDTH * STAGED],
        staged[at + (WIDTH + 1u) * STAGED],
    );
}

// Columns are four input channels, rows four output channels.
fn weights(at: u32) -> mat4x4<f32> {
    return mat4x4(
        weight[at],
        weight[at + OUT_GROUPS],
        weight[at + 2u * OUT_GROUPS],
        weight[at + 3u * OUT_GROUPS],
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
    let item = (number % PARTS) * INVOCATIONS + local;
    let window = item % WINDOWS;
    let group = min(item / WINDOWS, OUT_GROUPS - 1u);
    let start = 2u * (window / POOLED_WIDTH) * WIDTH + 2u * (window % POOLED_WIDTH);
    var sums = mat4x4<f32>();
    for (var first = 0u; first < IN_GROUPS; first += STAGED) {
        workgroupBarrier();
        for (var at = local; at < AREA * STAGED; at += INVOCATIONS) {
            let pixel = picture * AREA + at / STAGED;
            staged[at] = input[pixel * IN_GROUPS + first + at % STAGED];
        }
        workgroupBarrier();
        for (var tap = 0u; tap < KERNEL * KERNEL; tap++) {
            let at = (start + (tap / KERNEL) * WIDTH + tap % KERNEL) * STAGED;
            let row = (tap * IN_CHANNELS + 4u * first) * OUT_GROUPS + group;
            for (var channel = 0u; channel < STAGED; channel++) {
                sums += weights(row + 4u * channel * OUT_GROUPS) * pixels(at + channel);
            }
        }
    }
    if (item < WINDOWS * OUT_GROUPS) {
        store(sums, (picture * WINDOWS + window) * OUT_GROUPS + group, group);
    }
}
