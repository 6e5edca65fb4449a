// What is bound for the gradient of `convolve` by its weights, beside the input, and the places of the sum: four output
// pixels of a row give the product of the output's gradient and what they see under a tap.
#import shared/convolution_sizes
#import shared/weight_tile

@group(0) @binding(1) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y][x][out / 4]
@group(0) @binding(2) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][PARTIAL]
@group(0) @binding(3) var<uniform> sizes: Sizes;

const FOURS: u32 = (OUT_WIDTH + 3u) / 4u;
const STEPS: u32 = OUT_HEIGHT * FOURS;

// Image, y and x of the first of four output pixels.
alias Place = vec3<u32>;

fn place_of(step: u32) -> Place {
    let line = step / FOURS;
    return vec3(line / OUT_HEIGHT, line % OUT_HEIGHT, 4u * (step % FOURS));
}

// Columns are the four output pixels, zeros past the last of the row.
alias Gradients = mat4x4<f32>;

fn gradients(place: Place, group: u32) -> Gradients {
    let line = (place.x * OUT_HEIGHT + place.y) * OUT_WIDTH;
    return mat4x4(
        gradient(line, place.z, group),
        gradient(line, place.z + 1u, group),
        gradient(line, place.z + 2u, group),
        gradient(line, place.z + 3u, group),
    );
}

fn at_position(gradients: Gradients, position: u32) -> vec4<f32> {
    switch (position) {
        case 0u: { return gradients[0]; }
        case 1u: { return gradients[1]; }
        case 2u: { return gradients[2]; }
        default: { return gradients[3]; }
    }
}

fn total(gradients: Gradients) -> vec4<f32> {
    return gradients[0] + gradients[1] + gradients[2] + gradients[3];
}

fn gradient(line: u32, x: u32, group: u32) -> vec4<f32> {
    let at = (line + min(x, OUT_WIDTH - 1u)) * OUT_GROUPS + group;
    return select(vec4(0.0), grad_output[at], x < OUT_WIDTH);
}

// The pixel that output (y, x) of an image sees under a tap; NOWHERE past the last output too.
const NOWHERE: u32 = 0xffffffffu;

fn seen(image: u32, y: u32, x: u32, tap_y: u32, tap_x: u32) -> u32 {
    // Positions before the first wrap to huge numbers.
    let row = y * STRIDE + tap_y - PADDING;
    let column = x * STRIDE + tap_x - PADDING;
    let inside = row < IN_HEIGHT && column < IN_WIDTH && x < OUT_WIDTH;
    return select(NOWHERE, (image * IN_HEIGHT + row) * IN_WIDTH + column, inside);
}
