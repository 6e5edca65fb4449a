// What is bound for the gradient of `convolve_pool_relu` by its input, in blocks of 2x2 pixels (columns) by four input
// channels (rows). Every pixel asks which pooled gradients reached it: under a tap those that pooling put at
// (pixel - tap), zero where another position won or ReLU cut.
#import shared/bytes

@group(0) @binding(0) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(1) var<storage, read_write> argmax: array<u32>; // as grad_output, a byte a channel
@group(0) @binding(2) var<storage, read_write> weight: array<vec4<f32>>; // [tap][out][in / 4]
@group(0) @binding(3) var<storage, read_write> grad_input: array<vec4<f32>>; // [n][y][x][in / 4]
@group(0) @binding(4) var<uniform> batch: u32;

const ALL_GROUPS: u32 = IN_GROUPS;
const BLOCKS_HIGH: u32 = (HEIGHT + 1u) / 2u;
const BLOCKS_WIDE: u32 = (WIDTH + 1u) / 2u;

// Image, y and x of the block's first pixel.
fn block_origin(block: u32) -> vec3<u32> {
    let rest = block / BLOCKS_WIDE;
    return vec3(rest / BLOCKS_HIGH, 2u * (rest % BLOCKS_HIGH), 2u * (block % BLOCKS_WIDE));
}

// The gradients that reach four channels at a position of a window.
fn unpooled(at: u32, position: u32) -> vec4<f32> {
    return select(vec4(0.0), grad_output[at], bytes_of(argmax[at]) == vec4<u32>(position));
}

// Columns are four output channels, rows four input channels.
fn rows(tap: u32, channel: u32, group: u32) -> Rows {
    return weights((tap * OUT_CHANNELS + 4u * channel) * IN_GROUPS + group, IN_GROUPS);
}

fn store(sums: mat4x4<f32>, block: u32, group: u32) {
    let origin = block_origin(block);
    let at = ((origin.x * HEIGHT + origin.y) * WIDTH + origin.z) * IN_GROUPS + group;
    let right = origin.z + 1u < WIDTH;
    let below = origin.y + 1u < HEIGHT;
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
