// `convolve_pool_relu_grad_weight` for pictures of one channel: a row is four taps.
const HEIGHT: u32 = 28u;
const WIDTH: u32 = 28u;
const OUT_CHANNELS: u32 = 24u;
const KERNEL: u32 = 5u;
// Rows of four taps (1 or 2) and groups of four output channels (1, 2, 4, 6 or 8) an invocation.
const ROWS: u32 = 2u;
const GROUPS: u32 = 6u;
// Pictures whose gradients one invocation adds up.
const CHUNK: u32 = 4u;
const INVOCATIONS: u32 = 8u;

const POOLED_HEIGHT: u32 = (HEIGHT - KERNEL + 1u) / 2u;
const POOLED_WIDTH: u32 = (WIDTH - KERNEL + 1u) / 2u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;
const ALL_ROWS: u32 = (KERNEL * KERNEL + 3u) / 4u;
const ROW_TILES: u32 = (ALL_ROWS + ROWS - 1u) / ROWS;
const CHANNEL_TILES: u32 = (OUT_GROUPS + GROUPS - 1u) / GROUPS;
// A partial sum: weights [ALL_ROWS * 4][out], then the bias [out].
const PARTIAL: u32 = (4u * ALL_ROWS + 1u) * OUT_GROUPS;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]
@group(0) @binding(1) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(2) var<storage, read_write> winners: array<u32>; // as grad_output, a byte a channel
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][PARTIAL]
@group(0) @binding(4) var<uniform> parameters: Parameters;

// Columns are the window's positions, rows four output channels.
fn gradients(at: u32) -> mat4x4<f32> {
    let gradient = grad_output[at];
    let codes = (vec4<u32>(winners[at]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
    let zero = vec4(0.0);
    return mat4x4(
        select(zero, gradient, codes == vec4<u32>(0u)),
        select(zero, gradient, codes == vec4<u32>(1u)),
        select(zero, gradient, codes == vec4<u32>(2u)),
        select(zero, gradient, codes == vec4<u32>(3u)),
    );
}

// The window's four pixels under one tap.
fn window_pixels(at: u32) -> vec4<f32> {
    return vec4(input[at], input[at + 1u], input[at + WIDTH], input[at + WIDTH + 1u]);
}

// Taps past the last repeat it: their sums are never read.
fn tap_offset(tap: u32) -> u32 {
    let inside = min(tap, KERNEL * KERNEL - 1u);
    return (inside / KERNEL) * WIDTH + inside % KERNEL;
}

// Columns are four taps, rows the window's positions.
fn pixels(start: u32, row: u32) -> mat4x4<f32> {
    return mat4x4(
        window_pixels(start + tap_offset(4u * row)),
        window_pixels(start + tap_offset(4u * row + 1u)),
        window_pixels(start + tap_offset(4u * row + 2u)),
        window_pixels(start + tap_offset(4u * row + 3u)),
    );
}

// Three of the four are zero.
fn total(gradient: mat4x4<f32>) -> vec4<f32> {
    return gradient[0] + gradient[1] + gradient[2] + gradient[3];
}

fn store(sums: mat4x4<f32>, chunk: u32, row: u32, group: u32) {
    if (row < ALL_ROWS && group < OUT_GROUPS) {
        let at = chunk * PARTIAL + 4u * row * OUT_GROUPS + group;
        partials[at] = sums[0];
        partials[at + OUT_GROUPS] = sums[1];
        partials[at + 2u * OUT_GROUPS] = sums[2];
        partials[at + 3u * OUT_GROUPS] = sums[3];
    }
}

fn store_group(s0: mat4x4<f32>, s1: mat4x4<f32>, bias: vec4<f32>, chunk: u32, row: u32, group: u32) {
    store(s0, chunk, row, group);
    if (ROWS > 1u) {
        store(s1, chunk, row + 1u, group);
    }
    if (row == 0u && group < OUT_GROUPS) {
        partials[chunk * PARTIAL + 4u * ALL_ROWS * OUT_GROUPS + group] = bias;
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    let row = (index % ROW_TILES) * ROWS;
    let group = ((index / ROW_TILES) % CHANNEL_TILES) * GROUPS;
    let chunk = index / (ROW_TILES * CHANNEL_TILES);
    if (chunk * CHUNK >= parameters.batch) {
        return;
    }
    let row1 = min(row + 1u, ALL_ROWS - 1u);
    let group1 = min(group + 1u, OUT_GROUPS - 1u);
    let group2 = min(group + 2u, OUT_GROUPS - 1u);
    let group3 = min(group + 3u, OUT_GROUPS - 1u);
    let group4 = min(group + 4u, OUT_GROUPS - 1u);
    let group5 = min(group + 5u, OUT_GROUPS - 1u);
    let group6 = min(group + 6u, OUT_GROUPS - 1u);
    let group7 = min(group + 7u, OUT_GROUPS - 1u);
    let first = chunk * CHUNK * POOLED_HEIGHT * POOLED_WIDTH;
    let end = min((chunk + 1u) * CHUNK, parameters.batch) * POOLED_HEIGHT * POOLED_WIDTH;

    // For each group the sums of row 0 and row 1, then those of the bias.
    var s: array<mat4x4<f32>, 16>;
    var b: array<vec4<f32>, 8>;
    for (var window = first; window < end; window++) {
        let rest = window / POOLED_WIDTH;
        let y = 2u * (rest % POOLED_HEIGHT);
        let picture = rest / POOLED_HEIGHT;
        let start = (picture * HEIGHT + y) * WIDTH + 2u * (window % POOLED_WIDTH);
        let at = window * OUT_GROUPS;
        let x0 = pixels(start, row);
        var x1 = x0;
        if (ROWS > 1u) {
            x1 = pixels(start, row1);
        }
        let g0 = gradients(at + group);
        s[0] += g0 * x0;
        s[1] += g0 * x1;
        b[0] += total(g0);
        if (GROUPS > 1u) {
            let g1 = gradients(at + group1);
            s[2] += g1 * x0;
            s[3] += g1 * x1;
            b[1] += total(g1);
        }
        if (GROUPS > 2u) {
            let g2 = gradients(at + group2);
            s[4] += g2 * x0;
            s[5] += g2 * x1;
            b[2] += total(g2);
            let g3 = gradients(at + group3);
            s[6] += g3 * x0;
            s[7] += g3 * x1;
            b[3] += total(g3);
        }
        if (GROUPS > 4u) {
            let g4 = gradients(at + group4);
            s[8] += g4 * x0;
            s[9] += g4 * x1;
            b[4] += total(g4);
            let g5 = gradients(at + group5);
            s[10] += g5 * x0;
            s[11] += g5 * x1;
            b[5] += total(g5);
        }
        if (GROUPS > 6u) {
            let g6 = gradients(at + group6);
            s[12] += g6 * x0;
            s[13] += g6 * x1;
            b[6] += total(g6);
            let g7 = gradients(at + group7);
            s[14] += g7 * x0;
            s[15] += g7 * x1;
            b[7] += total(g7);
        }
    }
    store_group(s[0], s[1], b[0], chunk, row, group);
    if (GROUPS > 1u) {
        store_group(s[2], s[3], b[1], chunk, row, group + 1u);
    }
    if (GROUPS > 2u) {
        store_group(s[4], s[5], b[2], chunk, row, group + 2u);
        store_group(s[6], s[7], b[3], chunk, row, group + 3u);
    }
    if (GROUPS > 4u) {
        store_group(s[8], s[9], b[4], chunk, row, group + 4u);
        store_group(s[10], s[11], b[5], chunk, row, group + 5u);
    }
    if (GROUPS > 6u) {
        store_group(s[12], s[13], b[6], chunk, row, group + 6u);
        store_group(s[14], s[15], b[7], chunk, row, group + 7u);
    }
}
