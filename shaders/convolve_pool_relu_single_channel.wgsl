// `convolve_pool_relu` for images of one channel: taps come one by one, not channels in fours.
#import shared/pooled_sizes
#import shared/max_pool
#import shared/add_outer
#import shared/register_tile

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]

// The inner steps are the taps: a loop of one step in a loop is slow on drivers that run on the CPU.
const OUTER: u32 = 1u;
alias Start = u32;
alias Place = u32;

fn blocks() -> u32 {
    return batch * WINDOWS;
}

fn inner_steps() -> u32 {
    return TAPS;
}

fn start_of(window: u32) -> Start {
    return window_pixel(window);
}

fn place_of(start: Start, outer: u32) -> Place {
    return start;
}

// The window's four pixels.
fn columns(place: Place, tap: u32) -> Columns {
    let at = place + tap_pixel(tap);
    return vec4(input[at], input[at + 1u], input[at + WIDTH], input[at + WIDTH + 1u]);
}

// Four output channels.
fn rows(outer: u32, tap: u32, group: u32) -> Rows {
    return weight[tap * OUT_GROUPS + group];
}
