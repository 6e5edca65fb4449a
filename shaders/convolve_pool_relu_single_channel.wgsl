// `convolve_pool_relu` for pictures of one channel: taps come one by one, not channels in fours.
// A pool window's four convolution outputs are the columns of one 4x4 block whose rows are
// four output channels: they meet in registers, and nothing un-pooled reaches memory. An
// invocation keeps WINDOWS x GROUPS such blocks; the lines are written out because drivers
// that run on the CPU turn an indexed private array into memory traffic.
const HEIGHT: u32 = 28u;
const WIDTH: u32 = 28u;
const OUT_CHANNELS: u32 = 24u;
const KERNEL: u32 = 5u;
// Pool windows (1, 2 or 4) and groups of four output channels (1, 2, 4 or 6) an invocation.
const WINDOWS: u32 = 4u;
const GROUPS: u32 = 6u;
const INVOCATIONS: u32 = 8u;
// 1: ReLU follows; 0: the pooled sums are given as they are.
const RELU: u32 = 1u;

const POOLED_HEIGHT: u32 = (HEIGHT - KERNEL + 1u) / 2u;
const POOLED_WIDTH: u32 = (WIDTH - KERNEL + 1u) / 2u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;
const CHANNEL_TILES: u32 = (OUT_GROUPS + GROUPS - 1u) / GROUPS;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [tap][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(4) var<storage, read_write> winners: array<u32>; // as output, a byte a channel
@group(0) @binding(5) var<uniform> parameters: Parameters;

fn window_start(window: u32) -> u32 {
    let x = window % POOLED_WIDTH;
    let rest = window / POOLED_WIDTH;
    let y = rest % POOLED_HEIGHT;
    let picture = rest / POOLED_HEIGHT;
    return ((picture * HEIGHT + 2u * y) * WIDTH + 2u * x);
}

// The window's four pixels under one tap.
fn pixels(at: u32) -> vec4<f32> {
    return vec4(input[at], input[at + 1u], input[at + WIDTH], input[at + WIDTH + 1u]);
}

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
fn store(sums: mat4x4<f32>, window: u32, windows: u32, group: u32) {
    if (window < windows && group < OUT_GROUPS) {
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
        output[window * OUT_GROUPS + group] = select(best, vec4(0.0), dead);
        winners[window * OUT_GROUPS + group] = code.x | (code.y << 8u) | (code.z << 16u) | (code.w << 24u);
    }
}

fn store_row(s0: mat4x4<f32>, s1: mat4x4<f32>, s2: mat4x4<f32>, s3: mat4x4<f32>, window: u32, windows: u32, group: u32) {
    store(s0, window, windows, group);
    if (WINDOWS > 1u) {
        store(s1, window + 1u, windows, group);
    }
    if (WINDOWS > 2u) {
        store(s2, window + 2u, windows, group);
        store(s3, window + 3u, windows, group);
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    let windows = parameters.batch * POOLED_HEIGHT * POOLED_WIDTH;
    let window_tiles = (windows + WINDOWS - 1u) / WINDOWS;
    let window = (index % window_tiles) * WINDOWS;
    let group = (index / window_tiles) * GROUPS;
    if (group >= OUT_GROUPS) {
        return;
    }
    let last = windows - 1u;
    let start0 = window_start(window);
    let start1 = window_start(min(window + 1u, last));
    let start2 = window_start(min(window + 2u, last));
    let start3 = window_start(min(window + 3u, last));
    let group1 = min(group + 1u, OUT_GROUPS - 1u);
    let group2 = min(group + 2u, OUT_GROUPS - 1u);
    let group3 = min(group + 3u, OUT_GROUPS - 1u);
    let group4 = min(group + 4u, OUT_GROUPS - 1u);
    let group5 = min(group + 5u, OUT_GROUPS - 1u);

    var s: array<mat4x4<f32>, 24>;
    for (var tap = 0u; tap < KERNEL * KERNEL; tap++) {
        let at = (tap / KERNEL) * WIDTH + tap % KERNEL;
        let row = tap * OUT_GROUPS;
        let x0 = pixels(start0 + at);
        var x1 = x0;
        var x2 = x0;
        var x3 = x0;
        if (WINDOWS > 1u) {
            x1 = pixels(start1 + at);
        }
        if (WINDOWS > 2u) {
            x2 = pixels(start2 + at);
            x3 = pixels(start3 + at);
        }
        let w0 = weight[row + group];
        s[0] = add(s[0], w0, x0);
        s[1] = add(s[1], w0, x1);
        s[2] = add(s[2], w0, x2);
        s[3] = add(s[3], w0, x3);
        if (GROUPS > 1u) {
            let w1 = weight[row + group1];
            s[4] = add(s[4], w1, x0);
            s[5] = add(s[5], w1, x1);
            s[6] = add(s[6], w1, x2);
            s[7] = add(s[7], w1, x3);
        }
        if (GROUPS > 2u) {
            let w2 = weight[row + group2];
            s[8] = add(s[8], w2, x0);
            s[9] = add(s[9], w2, x1);
            s[10] = add(s[10], w2, x2);
            s[11] = add(s[11], w2, x3);
            let w3 = weight[row + group3];
            s[12] = add(s[12], w3, x0);
            s[13] = add(s[13], w3, x1);
            s[14] = add(s[14], w3, x2);
            s[15] = add(s[15], w3, x3);
        }
        if (GROUPS > 4u) {
            let w4 = weight[row + group4];
            s[16] = add(s[16], w4, x0);
            s[17] = add(s[17], w4, x1);
            s[18] = add(s[18], w4, x2);
            s[19] = add(s[19], w4, x3);
            let w5 = weight[row + group5];
            s[20] = add(s[20], w5, x0);
            s[21] = add(s[21], w5, x1);
            s[22] = add(s[22], w5, x2);
            s[23] = add(s[23], w5, x3);
        }
    }
    store_row(s[0], s[1], s[2], s[3], window, windows, group);
    if (GROUPS > 1u) {
        store_row(s[4], s[5], s[6], s[7], window, windows, group + 1u);
    }
    if (GROUPS > 2u) {
        store_row(s[8], s[9], s[10], s[11], window, windows, group + 2u);
        store_row(s[12], s[13], s[14], s[15], window, windows, group + 3u);
    }
    if (GROUPS > 4u) {
        store_row(s[16], s[17], s[18], s[19], window, windows, group + 4u);
        store_row(s[20], s[21], s[22], s[23], window, windows, group + 5u);
    }
}
