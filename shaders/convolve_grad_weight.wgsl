// Gradient of `convolve` by weights and bias, one partial sum for every chunk of pictures (no
// atomics; `convolve_pool_relu_sum_weight` adds the chunks in order). Four output pixels of a
// row give the product of two 4x4 blocks: the output's gradient (rows four output channels,
// columns pixels) and what they see under a tap (columns four input channels).
const IN_HEIGHT: u32 = 14u;
const IN_WIDTH: u32 = 14u;
const IN_CHANNELS: u32 = 16u;
const OUT_HEIGHT: u32 = 14u;
const OUT_WIDTH: u32 = 14u;
const OUT_CHANNELS: u32 = 16u;
const KERNEL: u32 = 3u;
const STRIDE: u32 = 1u;
const PADDING: u32 = 1u;
// Groups of four output channels (1, 2 or 4) an invocation.
const GROUPS: u32 = 4u;
// Pictures whose gradients one invocation adds up.
const CHUNK: u32 = 8u;
const INVOCATIONS: u32 = 8u;

const IN_GROUPS: u32 = IN_CHANNELS / 4u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;
// Rows of (tap, four input channels).
const ALL_ROWS: u32 = KERNEL * KERNEL * IN_GROUPS;
const CHANNEL_TILES: u32 = (OUT_GROUPS + GROUPS - 1u) / GROUPS;
// A partial sum: weights [ALL_ROWS * 4][out], then the bias [out].
const PARTIAL: u32 = (4u * ALL_ROWS + 1u) * OUT_GROUPS;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]
@group(0) @binding(1) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y][x][out / 4]
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][PARTIAL]
@group(0) @binding(3) var<uniform> parameters: Parameters;

// Four input channels of the pixel that output (y, x) sees; zero past the last output too.
fn pixel(picture: u32, y: u32, x: u32, shift: vec3<u32>) -> vec4<f32> {
    // Positions before the first wrap to huge numbers.
    let row = y * STRIDE + shift.x - PADDING;
    let column = x * STRIDE + shift.y - PADDING;
    let inside = row < IN_HEIGHT && column < IN_WIDTH && x < OUT_WIDTH;
    let at = ((picture * IN_HEIGHT + row) * IN_WIDTH + column) * IN_GROUPS + shift.z;
    return select(vec4(0.0), input[select(0u, at, inside)], inside);
}

// Columns are four outputs of a row from `x`, rows four output channels.
fn gradients(line: u32, x: u32, group: u32) -> mat4x4<f32> {
    return mat4x4(
        gradient(line, x, group),
        gradient(line, x + 1u, group),
        gradient(line, x + 2u, group),
        gradient(line, x + 3u, group),
    );
}

fn gradient(line: u32, x: u32, group: u32) -> vec4<f32> {
    let at = (line + min(x, OUT_WIDTH - 1u)) * OUT_GROUPS + group;
    return select(vec4(0.0), grad_output[at], x < OUT_WIDTH);
}

fn total(gradient: mat4x4<f32>) -> vec4<f32> {
    return gradient[0] + gradient[1] + gradient[2] + gradient[3];
}

fn store(sums: mat4x4<f32>, bias: vec4<f32>, chunk: u32, row: u32, group: u32) {
    if (group < OUT_GROUPS) {
        let at = chunk * PARTIAL + 4u * row * OUT_GROUPS + group;
        partials[at] = sums[0];
        partials[at + OUT_GROUPS] = sums[1];
        partials[at + 2u * OUT_GROUPS] = sums[2];
        partials[at + 3u * OUT_GROUPS] = sums[3];
        if (row == 0u) {
            partials[chunk * PARTIAL + 4u * ALL_ROWS * OUT_GROUPS + group] = bias;
        }
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let invocation = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    let row = invocation % ALL_ROWS;
    let group = ((invocation / ALL_ROWS) % CHANNEL_TILES) * GROUPS;
    let chunk = invocation / (ALL_ROWS * CHANNEL_TILES);
    if (chunk * CHUNK >= parameters.batch) {
        return;
    }
    let tap = row / IN_GROUPS;
    let shift = vec3<u32>(tap / KERNEL, tap % KERNEL, row % IN_GROUPS);
    let group1 = min(group + 1u, OUT_GROUPS - 1u);
    let group2 = min(group + 2u, OUT_GROUPS - 1u);
    let group3 = min(group + 3u, OUT_GROUPS - 1u);
    let end = min((chunk + 1u) * CHUNK, parameters.batch) * OUT_HEIGHT;

    var s: array<mat4x4<f32>, 4>;
    var b: array<vec4<f32>, 4>;
    for (var strip = chunk * CHUNK * OUT_HEIGHT; strip < end; strip++) {
        let picture = strip / OUT_HEIGHT;
        let y = strip % OUT_HEIGHT;
        let line = strip * OUT_WIDTH;
        for (var x = 0u; x < OUT_WIDTH; x += 4u) {
            let seen = transpose(mat4x4(
                pixel(picture, y, x, shift),
                pixel(picture, y, x + 1u, shift),
                pixel(picture, y, x + 2u, shift),
                pixel(picture, y, x + 3u, shift),
            ));
            let g0 = gradients(line, x, group);
            s[0] += g0 * seen;
            b[0] += total(g0);
            if (GROUPS > 1u) {
                let g1 = gradients(line, x, group1);
                s[1] += g1 * seen;
                b[1] += total(g1);
            }
            if (GROUPS > 2u) {
                let g2 = gradients(line, x, group2);
                s[2] += g2 * seen;
                b[2] += total(g2);
                let g3 = gradients(line, x, group3);
                s[3] += g3 * seen;
                b[3] += total(g3);
            }
        }
    }
    store(s[0], b[0], chunk, row, group);
    if (GROUPS > 1u) {
        store(s[1], b[1], chunk, row, group + 1u);
    }
    if (GROUPS > 2u) {
        store(s[2], b[2], chunk, row, group + 2u);
        store(s[3], b[3], chunk, row, group + 3u);
    }
}
