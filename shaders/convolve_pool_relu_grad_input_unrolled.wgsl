// `convolve_pool_relu_grad_input` for adapters that run on the CPU: an invocation a block by four channels, without a
// loop. llvmpipe loads from an address that is a constant once for all invocations, but only outside of loops and
// branches, so a workgroup's weights are brought to such addresses first.
#import shared/pooled_sizes
#import shared/max_pool_gradient
#import shared/add_blocks
#import shared/weights
#import shared/each_workgroup

// Windows along a side whose gradients reach a block, and positions that they pool.
const REACH: u32 = KERNEL / 2u + 1u;
const SIDE: u32 = 2u * REACH;
// Fours of gradients that reach it.
const REACHING: u32 = 32u;
// Fours of channels under all taps.
const STEPS: u32 = 72u;

var<workgroup> staged: array<vec4<f32>, TAPS * OUT_CHANNELS>; // [tap][out]
var<private> positions: array<vec4<f32>, 4u * REACHING>;

fn run(workgroup: u32, local: u32) {
    let group = workgroup % IN_GROUPS;
    for (var at = local; at < TAPS * OUT_CHANNELS; at += INVOCATIONS) {
        staged[at] = weight[at * IN_GROUPS + group];
    }
    workgroupBarrier();
    let index = (workgroup / IN_GROUPS) * INVOCATIONS + local;
    let last = batch * BLOCKS_HIGH * BLOCKS_WIDE - 1u;
    let block = min(index, last);
    let origin = block_origin(block);
    #each REACHING take(origin, $u);
    var sums = mat4x4<f32>();
    #each STEPS sums = add(sums, weights_of($u), reaching($u / OUT_GROUPS, $u % OUT_GROUPS));
    if (index <= last) {
        store(sums, block, group);
    }
}

// Columns are four output channels, rows four input channels.
fn weights_of(step: u32) -> Rows {
    return mat4x4(staged[4u * step], staged[4u * step + 1u], staged[4u * step + 2u], staged[4u * step + 3u]);
}

// Spreads the gradients of four channels of a window over its positions.
fn take(origin: vec3<u32>, which: u32) {
    let group = which % OUT_GROUPS;
    let row = (which / OUT_GROUPS) / REACH;
    let column = (which / OUT_GROUPS) % REACH;
    // Windows before the first wrap to huge numbers: one comparison finds both ends.
    let y = origin.y / 2u + row - KERNEL / 2u;
    let x = origin.z / 2u + column - KERNEL / 2u;
    let inside = y < POOLED_HEIGHT && x < POOLED_WIDTH;
    let at = select(0u, ((origin.x * POOLED_HEIGHT + y) * POOLED_WIDTH + x) * OUT_GROUPS + group, inside);
    let gradient = select(vec4(0.0), grad_output[at], inside);
    let position = bytes_of(argmax[at]);
    let first = (2u * row * SIDE + 2u * column) * OUT_GROUPS + group;
    positions[first] = select(vec4(0.0), gradient, position == vec4<u32>(0u));
    positions[first + OUT_GROUPS] = select(vec4(0.0), gradient, position == vec4<u32>(1u));
    positions[first + SIDE * OUT_GROUPS] = select(vec4(0.0), gradient, position == vec4<u32>(2u));
    positions[first + (SIDE + 1u) * OUT_GROUPS] = select(vec4(0.0), gradient, position == vec4<u32>(3u));
}

// What reaches the block's pixels under a tap: columns are the pixels, rows four output channels.
fn reaching(tap: u32, channel: u32) -> Columns {
    let y = 2u * (KERNEL / 2u) - tap / KERNEL;
    let x = 2u * (KERNEL / 2u) - tap % KERNEL;
    let at = (y * SIDE + x) * OUT_GROUPS + channel;
    let below = at + SIDE * OUT_GROUPS;
    return mat4x4(positions[at], positions[at + OUT_GROUPS], positions[below], positions[below + OUT_GROUPS]);
}
