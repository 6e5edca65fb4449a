// Gradient of `convolve_pool_relu` by weights and bias: a row is a tap and four input channels.
#import shared/max_pool_weight_gradient

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]

const ALL_ROWS: u32 = TAPS * IN_GROUPS;
alias Row = u32;

fn row_of(row: u32) -> Row {
    return tap_pixel(row / IN_GROUPS) * IN_GROUPS + row % IN_GROUPS;
}

// Columns are four input channels, rows the window's positions.
fn pixels(place: Place, row: Row) -> mat4x4<f32> {
    let at = place.pixel * IN_GROUPS + row;
    let below = at + WIDTH * IN_GROUPS;
    return transpose(mat4x4(input[at], input[at + IN_GROUPS], input[below], input[below + IN_GROUPS]));
}
