// `convolve` for images of one channel: taps come one by one, not channels in fours.
#import shared/convolution
#import shared/rows_of_taps

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]

const PIXEL: u32 = 1u;

fn inner_steps() -> u32 {
    return 1u;
}

// Four pixels.
fn columns(place: Place, channel: u32) -> Columns {
    let inside = place != vec4<u32>(NOWHERE);
    let at = select(vec4<u32>(0u), place, inside);
    return select(vec4(0.0), vec4(input[at.x], input[at.y], input[at.z], input[at.w]), inside);
}
