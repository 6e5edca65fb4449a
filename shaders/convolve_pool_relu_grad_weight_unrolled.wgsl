// `convolve_pool_relu_grad_weight` for adapters that run on the CPU.
#import shared/weight_sums

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][y][x][in / 4]

const PLANES: u32 = IN_GROUPS;
alias Pixels = vec4<f32>;
// Columns are four input channels, rows four output channels.
alias Sums = mat4x4<f32>;

fn add_pixels(sums: Sums, gradients: mat4x4<f32>, one: Pixels, two: Pixels, three: Pixels, four: Pixels) -> Sums {
    return sums + gradients * transpose(mat4x4(one, two, three, four));
}

fn store_sums(sums: Sums, at: u32, tap: u32, plane: u32) {
    let row = at + (tap * IN_CHANNELS + 4u * plane) * OUT_GROUPS;
    partials[row] = sums[0];
    partials[row + OUT_GROUPS] = sums[1];
    partials[row + 2u * OUT_GROUPS] = sums[2];
    partials[row + 3u * OUT_GROUPS] = sums[3];
}
