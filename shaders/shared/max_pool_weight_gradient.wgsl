// What is bound for the gradient of `convolve_pool_relu` by its weights, beside the input, and the places of the sum:
// a pool window gives the product of the pooled gradient at the position that won and the pixels there.
#import shared/pooled_sizes
#import shared/bytes
#import shared/weight_tile

@group(0) @binding(1) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(2) var<storage, read_write> argmax: array<u32>; // as grad_output, a byte a channel
@group(0) @binding(3) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][PARTIAL]
@group(0) @binding(4) var<uniform> sizes: Sizes;

const STEPS: u32 = WINDOWS;

struct Place { pixel: u32, gradient: u32 }

fn place_of(window: u32) -> Place {
    return Place(window_pixel(window), window * OUT_GROUPS);
}

// Of four output channels: the gradient, and the position that won.
struct Gradients { value: vec4<f32>, position: vec4<u32> }

fn gradients(place: Place, group: u32) -> Gradients {
    let at = place.gradient + group;
    return Gradients(grad_output[at], bytes_of(argmax[at]));
}

fn at_position(gradients: Gradients, position: u32) -> vec4<f32> {
    return select(vec4(0.0), gradients.value, gradients.position == vec4<u32>(position));
}

// Where ReLU cut, no position won.
fn total(gradients: Gradients) -> vec4<f32> {
    return select(vec4(0.0), gradients.value, gradients.position < vec4<u32>(4u));
}
