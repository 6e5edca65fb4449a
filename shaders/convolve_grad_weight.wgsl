// Gradient of `convolve` by weights and bias: a row is a tap and four input channels.
#import shared/convolution_weight_gradient

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]

const ALL_ROWS: u32 = TAPS * IN_GROUPS;
// The tap's y and x, and the group of input channels.
alias Row = vec3<u32>;

fn row_of(row: u32) -> Row {
    let tap = row / IN_GROUPS;
    return vec3(tap / KERNEL, tap % KERNEL, row % IN_GROUPS);
}

// Columns are four input channels, rows the output pixels.
fn pixels(place: Place, row: Row) -> mat4x4<f32> {
    return transpose(mat4x4(
        pixel(place, 0u, row),
        pixel(place, 1u, row),
        pixel(place, 2u, row),
        pixel(place, 3u, row),
    ));
}

fn pixel(place: Place, right: u32, row: Row) -> vec4<f32> {
    let at = seen(place.x, place.y, place.z + right, row.x, row.y);
    let inside = at != NOWHERE;
    return select(vec4(0.0), input[select(0u, at * IN_GROUPS + row.z, inside)], inside);
}
