// `convolve_pool_relu_single_channel` for adapters that run on the CPU: an invocation a window, without a loop. llvmpipe
// loads from an address that is a constant once for all invocations, but only outside of loops and branches.
#import shared/pooled_sizes
#import shared/max_pool
#import shared/add_outer
#import shared/each_invocation

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]

// Pixels that a window sees, and how many of them are a line.
const SEEN: u32 = 36u;
const SIDE: u32 = KERNEL + 1u;

var<private> pixels: array<f32, SEEN>;

fn run(index: u32) {
    let last = batch * WINDOWS - 1u;
    let window = min(index, last);
    let at = window_pixel(window);
    #each SEEN pixels[$] = input[at + ($u / SIDE) * WIDTH + $u % SIDE];
    #each OUT_GROUPS let sums$ = sums_of($u);
    if (index <= last) {
        #each OUT_GROUPS store(sums$, window, $u);
    }
}

fn sums_of(group: u32) -> mat4x4<f32> {
    var sums = mat4x4<f32>();
    #each TAPS sums = add(sums, weight[$u * OUT_GROUPS + group], seen_by($u));
    return sums;
}

// The window's four pixels under a tap.
fn seen_by(tap: u32) -> Columns {
    let at = (tap / KERNEL) * SIDE + tap % KERNEL;
    return vec4(pixels[at], pixels[at + 1u], pixels[at + SIDE], pixels[at + SIDE + 1u]);
}
