// Convolution, bias, 2x2 max-pool (first maximum wins) and ReLU of channels in fours.
// A pool window's four convolution outputs are the columns of one 4x4 block whose rows are
// four output channels: they meet in registers, and nothing un-pooled reaches memory. An
// invocation keeps WINDOWS x GROUPS such blocks; the lines are written out because drivers
// that run on the CPU turn an indexed private array into memory traffic.
const HEIGHT: u32 = 12u;
const WIDTH: u32 = 12u;
const IN_CHANNELS: u32 = 24u;
const OUT_CHANNELS: u32 = 32u;
const KERNEL: u32 = 3u;
// Pool windows (1, 2 or 4) and groups of four output channels (1, 2, 4 or 6) an invocation.
const WINDOWS: u32 = 4u;
const GROUPS: u32 = 4u;
const INVOCATIONS: u32 = 8u;
// 1: ReLU follows; 0: the pooled sums are given as they are.
const RELU: u32 = 1u;

const POOLED_HEIGHT: u32 = (HEIGHT - KERNEL + 1u) / 2u;
const POOLED_WIDTH: u32 = (WIDTH - KERNEL + 1u) / 2u;
const IN_GROUPS: u32 = IN_CHANNELS / 4u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;
const CHANNEL_TILES: u32 = (OUT_GROUPS + GROUPS - 1u) / GROUPS;
const ROW: u32 = WIDTH * IN_GROUPS;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [tap][in][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(4) var<storage, read_write> winners: array<u32>; // as output, a byte a channel
@group(0) @binding(5) var<uniform> parameters: Parameters;

fn window_start(window: u32) -> u32 {
    let x = window % POOLED_WIDTH;
    let rest = window / POOLED_WIDTH;
    let y = rest % POOLED_HEIGHT;
    let picture = rest / POOLED_HEIGHT;
    return ((picture * HEIGHT + 2u * y) * WIDTH + 2u * x) * IN_GROUPS;
}

// Columns are the window's four pixels, rows four input channels.
fn pixels(at: u32) -> mat4x4<f32> {
    return mat4x4(input[at], input[at + IN_GROUPS], input[at + ROW], input[at + ROW + IN_GROUPS]);
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
        let shift = (tap / KERNEL) * ROW + (tap % KERNEL) * IN_GROUPS;
        for (var channel = 0u; channel < IN_GROUPS; channel++) {
            let at = shift + channel;
            let row = (tap * IN_CHANNELS + 4u * channel) * OUT_GROUPS;
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
            let w0 = weights(row + group);
            s[0] += w0 * x0;
            s[1] += w0 * x1;
            s[2] += w0 * x2;
            s[3] += w0 * x3;
            if (GROUPS > 1u) {
                let w1 = weights(row + group1);
                s[4] += w1 * x0;
                s[5] += w1 * x1;
                s[6] += w1 * x2;
                s[7] += w1 * x3;
            }
            if (GROUPS > 2u) {
                let w2 = weights(row + group2);
                s[8] += w2 * x0;
                s[9] += w2 * x1;
                s[10] += w2 * x2;
                s[11] += w2 * x3;
                let w3 = weights(row + group3);
                s[12] += w3 * x0;
                s[13] += w3 * x1;
                s[14] += w3 * x2;
                s[15] += w3 * x3;
            }
            if (GROUPS > 4u) {
                let w4 = weights(row + group4);
                s[16] += w4 * x0;
                s[17] += w4 * x1;
                s[18] += w4 * x2;
                s[19] += w4 * x3;
                let w5 = weights(row + group5);
                s[20] += w5 * x0;
                s[21] += w5 * x1;
                s[22] += w5 * x2;
                s[23] += w5 * x3;
            }
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
