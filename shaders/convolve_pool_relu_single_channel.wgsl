// `convolve_pool_relu` for images of one channel: taps come one by one, not channels in fours.
#import shared/pooled_sizes
#import shared/max_pool
#import shared/add_outer
#import shared/tile_of_steps

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]

alias Start = u32;

fn blocks() -> u32 {
    return batch * WINDOWS;
}

fn inner_steps() -> u32 {
    return TAPS;
}

fn start_of(window: u32) -> Start {
    return window_pixel(window);
}

// The window's four pixels.
fn columns(start: Start, tap: u32) -> Columns {
    let at = start + tap_pixel(tap);
    return vec4(input[at], input[at + 1u], input[at + WIDTH], input[at + WIDTH + 1u]);
}

// Four output channels.
fn rows(outer: u32, tap: u32, group: u32) -> Rows {
    return weight[tap * OUT_GROUPS + group];
}
