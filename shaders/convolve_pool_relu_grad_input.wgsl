// Gradient of `convolve_pool_relu` by its input, in gather form: every input pixel asks
// which pooled gradients reached it. A 2x2 block of pixels is the columns of a 4x4 block
// whose rows are four input channels; a tap multiplies it by the gradients that pooling put
// at (pixel - tap), zero where another position won or ReLU cut.
const HEIGHT: u32 = 12u;
const WIDTH: u32 = 12u;
const IN_CHANNELS: u32 = 24u;
const OUT_CHANNELS: u32 = 32u;
const KERNEL: u32 = 3u;
// Pixel blocks (1, 2 or 4) and groups of four input channels (1, 2, 4 or 6) an invocation.
const BLOCKS: u32 = 4u;
const GROUPS: u32 = 6u;
const INVOCATIONS: u32 = 8u;

const POOLED_HEIGHT: u32 = (HEIGHT - KERNEL + 1u) / 2u;
const POOLED_WIDTH: u32 = (WIDTH - KERNEL + 1u) / 2u;
const BLOCKS_HIGH: u32 = (HEIGHT + 1u) / 2u;
const BLOCKS_WIDE: u32 = (WIDTH + 1u) / 2u;
const IN_GROUPS: u32 = IN_CHANNELS / 4u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(1) var<storage, read_write> winners: array<u32>; // as grad_output, a byte a channel
@group(0) @binding(2) var<storage, read_write> weight: array<vec4<f32>>; // [tap][out][in / 4]
@group(0) @binding(3) var<storage, read_write> grad_input: array<vec4<f32>>; // [n][y][x][in / 4]
@group(0) @binding(4) var<uniform> parameters: Parameters;

// Picture, y and x of the block's first pixel.
fn block_origin(block: u32) -> vec3<u32> {
    let rest = block / BLOCKS_WIDE;
    return vec3(rest / BLOCKS_HIGH, 2u * (rest % BLOCKS_HIGH), 2u * (block % BLOCKS_WIDE));
}

// Where the pooled gradient of the four pixels lies under one tap, and the position that must
// have won for it to reach them; 9 outside, which never wins.
struct Sources { at: vec4<u32>, position: vec4<u32> }

// Positions before the first wrap to huge numbers: one comparison finds both ends.
fn sources(origin: vec3<u32>, tap_y: u32, tap_x: u32) -> Sources {
    let y = vec4<u32>(origin.y - tap_y) + vec4<u32>(0u, 0u, 1u, 1u);
    let x = vec4<u32>(origin.z - tap_x) + vec4<u32>(0u, 1u, 0u, 1u);
    let inside = (y < vec4<u32>(2u * POOLED_HEIGHT)) & (x < vec4<u32>(2u * POOLED_WIDTH));
    let window = (origin.x * POOLED_HEIGHT + y / 2u) * POOLED_WIDTH + x / 2u;
    let position = (y % 2u) * 2u + x % 2u;
    return Sources(
        select(vec4<u32>(0u), window * OUT_GROUPS, inside),
        select(vec4<u32>(9u), position, inside),
    );
}

fn unpooled(at: u32, position: u32) -> vec4<f32> {
    let codes = (vec4<u32>(winners[at]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
    return select(vec4(0.0), grad_output[at], codes == vec4<u32>(position));
}

// Columns are the block's pixels, rows four output channels.
fn gradients(reached: Sources, channel: u32) -> mat4x4<f32> {
    return mat4x4(
        unpooled(reached.at.x + channel, reached.position.x),
        unpooled(reached.at.y + channel, reached.position.y),
        unpooled(reached.at.z + channel, reached.position.z),
        unpooled(reached.at.w + channel, reached.position.w),
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

fn store(sums: mat4x4<f32>, block: u32, blocks: u32, group: u32) {
    if (block < blocks && group < IN_GROUPS) {
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
}

fn store_row(s0: mat4x4<f32>, s1: mat4x4<f32>, s2: mat4x4<f32>, s3: mat4x4<f32>, block: u32, blocks: u32, group: u32) {
    store(s0, block, blocks, group);
    if (BLOCKS > 1u) {
        store(s1, block + 1u, blocks, group);
    }
    if (BLOCKS > 2u) {
        store(s2, block + 2u, blocks, group);
        store(s3, block + 3u, blocks, group);
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    let blocks = parameters.batch * BLOCKS_HIGH * BLOCKS_WIDE;
    let block_tiles = (blocks + BLOCKS - 1u) / BLOCKS;
    let block = (index % block_tiles) * BLOCKS;
    let group = (index / block_tiles) * GROUPS;
    if (group >= IN_GROUPS) {
        return;
    }
    let last = blocks - 1u;
    let origin0 = block_origin(block);
    let origin1 = block_origin(min(block + 1u, last));
    let origin2 = block_origin(min(block + 2u, last));
    let origin3 = block_origin(min(block + 3u, last));
    let group1 = min(group + 1u, IN_GROUPS - 1u);
    let group2 = min(group + 2u, IN_GROUPS - 1u);
    let group3 = min(group + 3u, IN_GROUPS - 1u);
    let group4 = min(group + 4u, IN_GROUPS - 1u);
    let group5 = min(group + 5u, IN_GROUPS - 1u);

    var s: array<mat4x4<f32>, 24>;
    for (var tap = 0u; tap < KERNEL * KERNEL; tap++) {
        let tap_y = tap / KERNEL;
        let tap_x = tap % KERNEL;
        let sources0 = sources(origin0, tap_y, tap_x);
        let sources1 = sources(origin1, tap_y, tap_x);
        let sources2 = sources(origin2, tap_y, tap_x);
        let sources3 = sources(origin3, tap_y, tap_x);
        for (var channel = 0u; channel < OUT_GROUPS; channel++) {
            let row = (tap * OUT_CHANNELS + 4u * channel) * IN_GROUPS;
            let x0 = gradients(sources0, channel);
            var x1 = x0;
            var x2 = x0;
            var x3 = x0;
            if (BLOCKS > 1u) {
                x1 = gradients(sources1, channel);
            }
            if (BLOCKS > 2u) {
                x2 = gradients(sources2, channel);
                x3 = gradients(sources3, channel);
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
    store_row(s[0], s[1], s[2], s[3], block, blocks, group);
    if (GROUPS > 1u) {
        store_row(s[4], s[5], s[6], s[7], block, blocks, group + 1u);
    }
    if (GROUPS > 2u) {
        store_row(s[8], s[9], s[10], s[11], block, blocks, group + 2u);
        store_row(s[12], s[13], s[14], s[15], block, blocks, group + 3u);
    }
    if (GROUPS > 4u) {
        store_row(s[16], s[17], s[18], s[19], block, blocks, group + 4u);
        store_row(s[20], s[21], s[22], s[23], block, blocks, group + 5u);
    }
}
