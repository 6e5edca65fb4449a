// `convolve_pool_relu_grad_weight_single_channel` for adapters that run on the CPU.
#import shared/weight_sums

@group(0) @binding(0) var<storage, read_write> input: array<f32>; // [n][y][x]

const PLANES: u32 = 1u;
alias Pixels = f32;
alias Sums = vec4<f32>;

fn add_pixels(sums: Sums, gradients: mat4x4<f32>, one: Pixels, two: Pixels, three: Pixels, four: Pixels) -> Sums {
    let first = fma(gradients[1], vec4(two), fma(gradients[0], vec4(one), sums));
    return fma(gradients[3], vec4(four), fma(gradients[2], vec4(three), first));
}

fn store_sums(sums: Sums, at: u32, tap: u32, plane: u32) {
    partials[at + tap * OUT_GROUPS] = sums;
}
