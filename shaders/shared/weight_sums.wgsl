// Gradients of `convolve_pool_relu` by weights and bias for adapters that run on the CPU: an invocation keeps the sums of
// all taps of one input channel, or of four, for GROUPS fours of output channels, so that what a window sees is loaded
// once for all of them. What imports this defines
//   input                        binding 0
//   Pixels, PLANES               a pixel of one input channel or four, and how many of those there are
//   Sums, add_pixels(sums, gradients, pixels of the window's positions)
//   store_sums(sums, at, tap, plane)
#import shared/pooled_sizes
#import shared/bytes
#import shared/each_invocation

struct Sizes {
    batch: u32,
    chunk: u32, // windows whose gradients one invocation adds up
}

@group(0) @binding(1) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(2) var<storage, read_write> argmax: array<u32>; // as grad_output, a byte a channel
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][PARTIAL]
@group(0) @binding(4) var<uniform> sizes: Sizes;

// A divisor of OUT_GROUPS.
const GROUPS: u32 = 2u;
const GROUP_TILES: u32 = OUT_GROUPS / GROUPS;
const SIDE: u32 = KERNEL + 1u;
// Pixels that a window sees.
const SEEN: u32 = 36u;
// A partial sum: weights [tap][in][out], filled up to fours, then the bias [out].
const ROWS: u32 = (TAPS * IN_CHANNELS + 3u) / 4u * 4u;
const PARTIAL: u32 = (ROWS + 1u) * OUT_GROUPS;

var<private> pixels: array<Pixels, SEEN>;
var<private> sums: array<Sums, TAPS * GROUPS>;
var<private> biases: array<vec4<f32>, GROUPS>;

fn run(index: u32) {
    let first = (index % GROUP_TILES) * GROUPS;
    let plane = (index / GROUP_TILES) % PLANES;
    let chunk = index / (GROUP_TILES * PLANES);
    let end = min((chunk + 1u) * sizes.chunk, sizes.batch * WINDOWS);
    if (chunk * sizes.chunk >= end) {
        return;
    }
    for (var window = chunk * sizes.chunk; window < end; window++) {
        let at = window_pixel(window);
        #each SEEN pixels[$] = input[(at + ($u / SIDE) * WIDTH + $u % SIDE) * PLANES + plane];
        #each GROUPS add_group($u, window * OUT_GROUPS + first + $u);
    }
    let at = chunk * PARTIAL + first;
    #each GROUPS store_group($u, at + $u, plane);
}

fn add_group(group: u32, at: u32) {
    let value = grad_output[at];
    let position = bytes_of(argmax[at]);
    let zero = vec4<f32>();
    // Where ReLU cut, no position won.
    biases[group] += select(zero, value, position < vec4<u32>(4u));
    // Columns are the window's positions.
    let gradients = mat4x4(
        select(zero, value, position == vec4<u32>(0u)),
        select(zero, value, position == vec4<u32>(1u)),
        select(zero, value, position == vec4<u32>(2u)),
        select(zero, value, position == vec4<u32>(3u)),
    );
    #each TAPS add_tap(group, $u, gradients);
}

fn add_tap(group: u32, tap: u32, gradients: mat4x4<f32>) {
    let at = (tap / KERNEL) * SIDE + tap % KERNEL;
    let which = tap * GROUPS + group;
    sums[which] = add_pixels(sums[which], gradients, pixels[at], pixels[at + 1u], pixels[at + SIDE], pixels[at + SIDE + 1u]);
}

fn store_group(group: u32, at: u32, plane: u32) {
    #each TAPS store_sums(sums[$u * GROUPS + group], at, $u, plane);
    if (plane == 0u) {
        partials[at + ROWS * OUT_GROUPS] = biases[group];
    }
}
