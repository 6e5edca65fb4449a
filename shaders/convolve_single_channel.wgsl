// `convolve` for pictures of one channel: taps come one by one, not channels in fours.
const IN_HEIGHT: u32 = 28u;
const IN_WIDTH: u32 = 28u;
const OUT_HEIGHT: u32 = 28u;
const OUT_WIDTH: u32 = 28u;
const OUT_CHANNELS: u32 = 16u;
const KERNEL: u32 = 3u;
const STRIDE: u32 = 1u;
const PADDING: u32 = 1u;
const RELU: u32 = 1u;
// Groups of four output channels (1, 2 or 4) an invocation.
const GROUPS: u32 = 4u;
const INVOCATIONS: u32 = 8u;

const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [tap][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][y][x][out / 4]
@group(0) @binding(4) var<uniform> parameters: Parameters;

// What output pixel `index` sees under the tap (dy, dx).
fn pixel(index: u32, dy: u32, dx: u32) -> f32 {
    let rest = index / OUT_WIDTH;
    // Positions before the first wrap to huge numbers.
    let x = (index % OUT_WIDTH) * STRIDE + dx - PADDING;
    let y = (rest % OUT_HEIGHT) * STRIDE + dy - PADDING;
    let inside = y < IN_HEIGHT && x < IN_WIDTH;
    let at = ((rest / OUT_HEIGHT) * IN_HEIGHT + y) * IN_WIDTH + x;
    return select(0.0, input[select(0u, at, inside)], inside);
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

fn store_pixel(sums: vec4<f32>, index: u32, pixels: u32, group: u32) {
    if (index < pixels) {
        let sum = sums + bias[group];
        let dead = (sum <= vec4(0.0)) & vec4(RELU == 1u);
        output[index * OUT_GROUPS + group] = select(sum, vec4(0.0), dead);
    }
}

fn store(sums: mat4x4<f32>, index: u32, pixels: u32, group: u32) {
    if (group < OUT_GROUPS) {
        store_pixel(sums[0], index, pixels, group);
        store_pixel(sums[1], index + 1u, pixels, group);
        store_pixel(sums[2], index + 2u, pixels, group);
        store_pixel(sums[3], index + 3u, pixels, group);
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let invocation = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    let pixels = parameters.batch * OUT_HEIGHT * OUT_WIDTH;
    let blocks = (pixels + 3u) / 4u;
    let index = (invocation % blocks) * 4u;
    let group = (invocation / blocks) * GROUPS;
    if (group >= OUT_GROUPS) {
        return;
    }
    let index1 = min(index + 1u, pixels - 1u);
    let index2 = min(index + 2u, pixels - 1u);
    let index3 = min(index + 3u, pixels - 1u);
    let group1 = min(group + 1u, OUT_GROUPS - 1u);
    let group2 = min(group + 2u, OUT_GROUPS - 1u);
    let group3 = min(group + 3u, OUT_GROUPS - 1u);

    var s: array<mat4x4<f32>, 4>;
    for (var tap = 0u; tap < KERNEL * KERNEL; tap++) {
        let dy = tap / KERNEL;
        let dx = tap % KERNEL;
        let row = tap * OUT_GROUPS;
        let x = vec4(
            pixel(index, dy, dx),
            pixel(index1, dy, dx),
            pixel(index2, dy, dx),
            pixel(index3, dy, dx),
        );
        s[0] = add(s[0], weight[row + group], x);
        if (GROUPS > 1u) {
            s[1] = add(s[1], weight[row + group1], x);
        }
        if (GROUPS > 2u) {
            s[2] = add(s[2], weight[row + group2], x);
            s[3] = add(s[3], weight[row + group3], x);
        }
    }
    store(s[0], index, pixels, group);
    if (GROUPS > 1u) {
        store(s[1], index, pixels, group + 1u);
    }
    if (GROUPS > 2u) {
        store(s[2], index, pixels, group + 2u);
        store(s[3], index, pixels, group + 3u);
    }
}
