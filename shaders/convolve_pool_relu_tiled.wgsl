// `convolve_pool_relu` for graphics cards.
#import shared/pooled_sizes
#import shared/max_pool
#import shared/rows_of_channels
#import shared/staged_image

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]

const AREA: u32 = HEIGHT * WIDTH;
const ALL_BLOCKS: u32 = WINDOWS;
const ALL_STAGED: u32 = IN_GROUPS;
const STAGED_WORDS: u32 = AREA * STAGED; // [y][x][in / 4]
alias Staged = vec4<f32>;

fn stage(image: u32, first: u32, at: u32) -> Staged {
    return input[(image * AREA + at / STAGED) * IN_GROUPS + first + at % STAGED];
}

fn place_of(window: u32, tap: u32) -> u32 {
    return (window_pixel(window) + tap_pixel(tap)) * STAGED;
}

// Columns are the window's four pixels, rows four input channels.
fn columns(place: u32, channel: u32) -> Columns {
    let at = place + channel;
    let below = at + WIDTH * STAGED;
    return mat4x4(staged[at], staged[at + STAGED], staged[below], staged[below + STAGED]);
}
