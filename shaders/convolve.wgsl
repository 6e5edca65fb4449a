// Convolution with stride and zero padding of channels in fours, with bias, then ReLU if RELU.
// TURNED, it is the gradient of the input: it reads the output's gradient through the weights
// turned by 180 degrees, as if DILATION - 1 zeros lay between two pixels. An invocation keeps
// GROUPS blocks of four output pixels (columns) by four output channels (rows); the lines are
// written out because drivers that run on the CPU turn an indexed private array into memory
// traffic.
const IN_HEIGHT: u32 = 14u;
const IN_WIDTH: u32 = 14u;
const IN_CHANNELS: u32 = 16u;
const OUT_HEIGHT: u32 = 14u;
const OUT_WIDTH: u32 = 14u;
const OUT_CHANNELS: u32 = 16u;
const KERNEL: u32 = 3u;
const STRIDE: u32 = 1u;
const DILATION: u32 = 1u;
const PADDING: u32 = 1u;
const TURNED: u32 = 0u;
const RELU: u32 = 1u;
// Groups of four output channels (1, 2 or 4) an invocation.
const GROUPS: u32 = 4u;
const INVOCATIONS: u32 = 8u;

const IN_GROUPS: u32 = IN_CHANNELS / 4u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;
const TAPS: u32 = KERNEL * KERNEL;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [tap][in][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][y][x][out / 4]
@group(0) @binding(4) var<uniform> parameters: Parameters;

// No pixel.
const NOWHERE: u32 = 0xffffffffu;

// Where output pixel `index` sees a pixel under the tap (dy, dx): its first group of channels.
fn place(index: u32, dy: u32, dx: u32) -> u32 {
    let rest = index / OUT_WIDTH;
    // Positions before the first wrap to huge numbers.
    let x = (index % OUT_WIDTH) * STRIDE + dx - PADDING;
    let y = (rest % OUT_HEIGHT) * STRIDE + dy - PADDING;
    let inside = y < IN_HEIGHT * DILATION && x < IN_WIDTH * DILATION;
    if (!inside || y % DILATION != 0u || x % DILATION != 0u) {
        return NOWHERE;
    }
    let picture = rest / OUT_HEIGHT;
    return ((picture * IN_HEIGHT + y / DILATION) * IN_WIDTH + x / DILATION) * IN_GROUPS;
}

fn pixel(place: u32, group: u32) -> vec4<f32> {
    let inside = place != NOWHERE;
    return select(vec4(0.0), input[select(0u, place + group, inside)], inside);
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

fn store_pixel(sums: vec4<f32>, index: u32, pixels: u32, group: u32) {
    if (index < pixels) {
        let sum = sums + select(bias[group], vec4(0.0), TURNED == 1u);
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
    for (var tap = 0u; tap < TAPS; tap++) {
        let dy = tap / KERNEL;
        let dx = tap % KERNEL;
        let place0 = place(index, dy, dx);
        let place1 = place(index1, dy, dx);
        let place2 = place(index2, dy, dx);
        let place3 = place(index3, dy, dx);
        let first = select(tap, TAPS - 1u - tap, TURNED == 1u) * IN_CHANNELS * OUT_GROUPS;
        for (var channel = 0u; channel < IN_GROUPS; channel++) {
            let row = first + 4u * channel * OUT_GROUPS;
            let x = mat4x4(
                pixel(place0, channel),
                pixel(place1, channel),
                pixel(place2, channel),
                pixel(place3, channel),
            );
            s[0] += weights(row + group) * x;
            if (GROUPS > 1u) {
                s[1] += weights(row + group1) * x;
            }
            if (GROUPS > 2u) {
                s[2] += weights(row + group2) * x;
                s[3] += weights(row + group3) * x;
            }
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
