// Sizes of a convolution without padding and the 2x2 max-pool behind it.
#import shared/weight_sizes

const HEIGHT: u32 = 12u;
const WIDTH: u32 = 12u;
const POOLED_HEIGHT: u32 = (HEIGHT - KERNEL + 1u) / 2u;
const POOLED_WIDTH: u32 = (WIDTH - KERNEL + 1u) / 2u;
const WINDOWS: u32 = POOLED_HEIGHT * POOLED_WIDTH;

// The first pixel that a pool window of the batch sees.
fn window_pixel(window: u32) -> u32 {
    let rest = window / POOLED_WIDTH;
    let y = 2u * (rest % POOLED_HEIGHT);
    return ((rest / POOLED_HEIGHT) * HEIGHT + y) * WIDTH + 2u * (window % POOLED_WIDTH);
}

// The pixel under a tap, counted from the first that a window sees.
fn tap_pixel(tap: u32) -> u32 {
    return (tap / KERNEL) * WIDTH + tap % KERNEL;
}
