// `convolve_pool_relu` for adapters that run on the CPU: an invocation a window by some fours of channels, without a
// loop. llvmpipe loads from an address that is a constant once for all invocations, but only outside of loops and
// branches, so a workgroup's weights are brought to such addresses first.
#import shared/pooled_sizes
#import shared/max_pool
#import shared/add_blocks
#import shared/each_workgroup

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]

// Fours of output channels of an invocation.
const GROUPS: u32 = 2u;
const GROUP_TILES: u32 = (OUT_GROUPS + GROUPS - 1u) / GROUPS;
const SIDE: u32 = KERNEL + 1u;
// Fours of numbers that a window sees.
const SEEN: u32 = 96u;
// Fours of channels under all taps.
const STEPS: u32 = 54u;

var<workgroup> staged: array<vec4<f32>, 4u * STEPS * GROUPS>; // [tap][in][group]
var<private> pixels: array<vec4<f32>, SEEN>;

fn run(workgroup: u32, local: u32) {
    let first = (workgroup % GROUP_TILES) * GROUPS;
    for (var at = local; at < 4u * STEPS * GROUPS; at += INVOCATIONS) {
        staged[at] = weight[(at / GROUPS) * OUT_GROUPS + min(first + at % GROUPS, OUT_GROUPS - 1u)];
    }
    workgroupBarrier();
    let index = (workgroup / GROUP_TILES) * INVOCATIONS + local;
    let last = batch * WINDOWS - 1u;
    let window = min(index, last);
    let at = window_pixel(window) * IN_GROUPS;
    #each SEEN pixels[$] = input[at + ((($u / IN_GROUPS) / SIDE) * WIDTH + ($u / IN_GROUPS) % SIDE) * IN_GROUPS + $u % IN_GROUPS];
    #each GROUPS let sums$ = sums_of($u);
    if (index <= last) {
        #each GROUPS store_inside(sums$, window, first + $u);
    }
}

fn store_inside(sums: mat4x4<f32>, window: u32, group: u32) {
    if (group < OUT_GROUPS) {
        store(sums, window, group);
    }
}

fn sums_of(group: u32) -> mat4x4<f32> {
    var sums = mat4x4<f32>();
    #each STEPS sums = add(sums, weights_of($u, group), seen_by($u / IN_GROUPS, $u % IN_GROUPS));
    return sums;
}

// Columns are four input channels, rows four output channels.
fn weights_of(step: u32, group: u32) -> Rows {
    let at = 4u * step * GROUPS + group;
    return mat4x4(staged[at], staged[at + GROUPS], staged[at + 2u * GROUPS], staged[at + 3u * GROUPS]);
}

// Columns are the window's four pixels under a tap, rows four input channels.
fn seen_by(tap: u32, channel: u32) -> Columns {
    let at = ((tap / KERNEL) * SIDE + tap % KERNEL) * IN_GROUPS + channel;
    let below = at + SIDE * IN_GROUPS;
    return mat4x4(pixels[at], pixels[at + IN_GROUPS], pixels[below], pixels[below + IN_GROUPS]);
}
