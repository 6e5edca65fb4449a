// Convolution with stride and zero padding of channels in fours, with bias, then ReLU if RELU; TURNED, the gradient of
// the input.
#import shared/convolution
#import shared/add_blocks
#import shared/weights

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]

const PIXEL: u32 = IN_GROUPS;

fn inner_steps() -> u32 {
    return IN_GROUPS;
}

// Columns are four pixels, rows four input channels.
fn columns(place: Place, channel: u32) -> Columns {
    return mat4x4(
        pixel(place.x, channel),
        pixel(place.y, channel),
        pixel(place.z, channel),
        pixel(place.w, channel),
    );
}

fn pixel(place: u32, channel: u32) -> vec4<f32> {
    let inside = place != NOWHERE;
    return select(vec4(0.0), input[select(0u, place + channel, inside)], inside);
}

// Columns are four input channels, rows four output channels.
fn rows(tap: u32, channel: u32, group: u32) -> Rows {
    let first = select(tap, TAPS - 1u - tap, TURNED == 1u) * IN_CHANNELS;
    return weights((first + 4u * channel) * OUT_GROUPS + group, OUT_GROUPS);
}
