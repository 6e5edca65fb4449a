// Convolution, bias, 2x2 max-pool (the first maximum wins) and ReLU of channels in fours.
#import shared/pooled_sizes
#import shared/max_pool
#import shared/rows_of_channels
#import shared/tile_of_taps

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]

const LINE: u32 = WIDTH * IN_GROUPS;
alias Start = u32;
alias Place = u32;

fn blocks() -> u32 {
    return batch * WINDOWS;
}

fn inner_steps() -> u32 {
    return IN_GROUPS;
}

fn start_of(window: u32) -> Start {
    return window_pixel(window) * IN_GROUPS;
}

fn place_of(start: Start, tap: u32) -> Place {
    return start + tap_pixel(tap) * IN_GROUPS;
}

// Columns are the window's four pixels, rows four input channels.
fn columns(place: Place, channel: u32) -> Columns {
    let at = place + channel;
    return mat4x4(input[at], input[at + IN_GROUPS], input[at + LINE], input[at + LINE + IN_GROUPS]);
}
