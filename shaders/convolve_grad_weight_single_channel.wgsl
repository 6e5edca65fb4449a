// `convolve_grad_weight` for images of one channel: a row is four taps.
#import shared/convolution_weight_gradient

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]

const ALL_ROWS: u32 = (TAPS + 3u) / 4u;
// The y and x of each tap. Sums of taps past the last are never read.
struct Row { y: vec4<u32>, x: vec4<u32> }

fn row_of(row: u32) -> Row {
    let taps = vec4<u32>(4u * row) + vec4<u32>(0u, 1u, 2u, 3u);
    return Row(taps / KERNEL, taps % KERNEL);
}

// Columns are four taps, rows the output pixels.
fn pixels(place: Place, row: Row) -> mat4x4<f32> {
    return mat4x4(
        pixels_under(place, row.y.x, row.x.x),
        pixels_under(place, row.y.y, row.x.y),
        pixels_under(place, row.y.z, row.x.z),
        pixels_under(place, row.y.w, row.x.w),
    );
}

fn pixels_under(place: Place, tap_y: u32, tap_x: u32) -> vec4<f32> {
    return vec4(
        pixel(seen(place.x, place.y, place.z, tap_y, tap_x)),
        pixel(seen(place.x, place.y, place.z + 1u, tap_y, tap_x)),
        pixel(seen(place.x, place.y, place.z + 2u, tap_y, tap_x)),
        pixel(seen(place.x, place.y, place.z + 3u, tap_y, tap_x)),
    );
}

fn pixel(at: u32) -> f32 {
    let inside = at != NOWHERE;
    return select(0.0, input[select(0u, at, inside)], inside);
}
