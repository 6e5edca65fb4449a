// `convolve_pool_relu_single_channel` for graphics cards.
#import shared/pooled_sizes
#import shared/max_pool
#import shared/rows_of_taps
#import shared/staged_image

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]

const ALL_BLOCKS: u32 = WINDOWS;
const ALL_STAGED: u32 = 1u;
const STAGED_WORDS: u32 = HEIGHT * WIDTH;
alias Staged = f32;

fn stage(image: u32, first: u32, at: u32) -> Staged {
    return input[image * STAGED_WORDS + at];
}

fn place_of(window: u32, tap: u32) -> u32 {
    return window_pixel(window) + tap_pixel(tap);
}

// The window's four pixels.
fn columns(at: u32, channel: u32) -> Columns {
    return vec4(staged[at], staged[at + 1u], staged[at + WIDTH], staged[at + WIDTH + 1u]);
}
