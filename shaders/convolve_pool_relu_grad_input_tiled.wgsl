// `convolve_pool_relu_grad_input` for graphics cards: a workgroup takes one picture and spreads
// its pooled gradients, STAGED fours of channels at a time, over workgroup memory: each at the
// position that won, zeros elsewhere and in a border of KERNEL - 1. So every tap is one load.
// An invocation keeps a 2x2 block of pixels (columns) of four input channels (rows).
const HEIGHT: u32 = 12u;
const WIDTH: u32 = 12u;
const IN_CHANNELS: u32 = 24u;
const OUT_CHANNELS: u32 = 32u;
const KERNEL: u32 = 3u;
// Divides OUT_CHANNELS / 4; ROWS * COLUMNS * STAGED vec4 fit 16 KiB.
const STAGED: u32 = 4u;
const INVOCATIONS: u32 = 256u;

const POOLED_HEIGHT: u32 = (HEIGHT - KERNEL + 1u) / 2u;
const POOLED_WIDTH: u32 = (WIDTH - KERNEL + 1u) / 2u;
const WINDOWS: u32 = POOLED_HEIGHT * POOLED_WIDTH;
const BORDER: u32 = KERNEL - 1u;
const BLOCKS_HIGH: u32 = (HEIGHT + 1u) / 2u;
const BLOCKS_WIDE: u32 = (WIDTH + 1u) / 2u;
const BLOCKS: u32 = BLOCKS_HIGH * BLOCKS_WIDE;
// As far as a block of pixels sees through the taps.
const ROWS: u32 = 2u * BLOCKS_HIGH + BORDER;
const COLUMNS: u32 = 2u * BLOCKS_WIDE + BORDER;
const IN_GROUPS: u32 = IN_CHANNELS / 4u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;
// Workgroups a picture.
const PARTS: u32 = (BLOCKS * IN_GROUPS + INVOCATIONS - 1u) / INVOCATIONS;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(1) var<storage, read_write> winners: array<u32>; // as grad_output, a byte a channel
@group(0) @binding(2) var<storage, read_write> weight: array<vec4<f32>>; // [tap][out][in / 4]
@group(0) @binding(3) var<storage, read_write> grad_input: array<vec4<f32>>; // [n][y][x][in / 4]
@group(0) @binding(4) var<uniform> parameters: Parameters;

var<workgroup> staged: array<vec4<f32>, ROWS * COLUMNS * STAGED>; // [y + border][x + border][out / 4]

// The gradients of one position of the convolution.
fn unpooled(picture: u32, row: u32, column: u32, group: u32) -> vec4<f32> {
    // Rows and columns before the border wrap to huge numbers: one comparison finds both ends.
    let y = row - BORDER;
    let x = column - BORDER;
    if (y >= 2u * POOLED_HEIGHT || x >= 2u * POOLED_WIDTH) {
        return vec4(0.0);
    }
    let window = picture * WINDOWS + (y / 2u) * POOLED_WIDTH + x / 2u;
    let at = window * OUT_GROUPS + group;
    let codes = (vec4<u32>(winners[at]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
    return select(vec4(0.0), grad_output[at], codes == vec4<u32>((y % 2u) * 2u + x % 2u));
}

// Columns are the block's pixels, rows four output channels.
fn gradients(at: u32) -> mat4x4<f32> {
    return mat4x4(
        staged[at],
        staged[at + STAGED],
        staged[at + COLUMNS * STAGED],
        staged[at + (COLUMNS + 1u) * STAGED],
    );
}

// Columns are four output channels, rows four input channels.
fn weights(at: u32) -> mat4x4<f32> {
    return mat4x4(
        weight[at],
        weight[at + IN_GROUPS],
        weight[at + 2u * IN_GROUPS],
        weight[at + 3u * IN_GROUPS],
    );
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
    let block = item % BLOCKS;
    let group = min(item / BLOCKS, IN_GROUPS - 1u);
    let y = 2u * (block / BLOCKS_WIDE);
    let x = 2u * (block % BLOCKS_WIDE);
    var sums = mat4x4<f32>();
    for (var first = 0u; first < OUT_GROUPS; first += STAGED) {
        workgroupBarrier();
        for (var at = local; at < ROWS * COLUMNS * STAGED; at += INVOCATIONS) {
            let place = at / STAGED;
            staged[at] = unpooled(picture, place / COLUMNS, place % COLUMNS, first + at % STAGED);
        }
        workgroupBarrier();
        for (var tap = 0u; tap < KERNEL * KERNEL; tap++) {
            let row = y + BORDER - tap / KERNEL;
            let column = x + BORDER - tap % KERNEL;
            let at = (row * COLUMNS + column) * STAGED;
            let row_of_weights = (tap * OUT_CHANNELS + 4u * first) * IN_GROUPS + group;
            for (var channel = 0u; channel < STAGED; channel++) {
                sums += weights(row_of_weights + 4u * channel * IN_GROUPS) * gradients(at + channel);
            }
        }
    }
    if (item < BLOCKS * IN_GROUPS) {
        let at = ((picture * HEIGHT + y) * WIDTH + x) * IN_GROUPS + group;
        let right = x + 1u < WIDTH;
        let below = y + 1u < HEIGHT;
        grad_input[at] = sums[0];
        if (right) {
            grad_input[at + IN_GROUPS] = sums[1];
        }
        if (below) {
            grad_input[at + WIDTH * IN_GROUPS] = sums[2];
        }
        if (right && below) {
            grad_input[at + (WIDTH + 1u) * IN_GROUPS] = sums[3];
        }
    }
}
