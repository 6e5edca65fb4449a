// `convolve_pool_relu_grad_weight` for images of one channel: a row is four taps.
#import shared/max_pool_weight_gradient

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]

const ALL_ROWS: u32 = (TAPS + 3u) / 4u;
alias Row = vec4<u32>;

// Taps past the last repeat it: their sums are never read.
fn row_of(row: u32) -> Row {
    let taps = min(vec4<u32>(4u * row) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(TAPS - 1u));
    return (taps / KERNEL) * WIDTH + taps % KERNEL;
}

// Columns are four taps, rows the window's positions.
fn pixels(place: Place, row: Row) -> mat4x4<f32> {
    return mat4x4(
        window_pixels(place.pixel + row.x),
        window_pixels(place.pixel + row.y),
        window_pixels(place.pixel + row.z),
        window_pixels(place.pixel + row.w),
    );
}

fn window_pixels(at: u32) -> vec4<f32> {
    return vec4(input[at], input[at + 1u], input[at + WIDTH], input[at + WIDTH + 1u]);
}
