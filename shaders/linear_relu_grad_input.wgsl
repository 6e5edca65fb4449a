// Gradient of a linear layer by its input: grad_input = grad_sum x weight transposed.
#import shared/linear_images

const DEPTH: u32 = OUTPUTS / 4u;
const ALL_GROUPS: u32 = INPUTS / 4u;

@group(0) @binding(0) var<storage, read_write> source: array<vec4<f32>>; // grad_sum [n][out / 4]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [in][out / 4]
@group(0) @binding(2) var<storage, read_write> grad_input: array<vec4<f32>>; // [n][in / 4]
@group(0) @binding(3) var<uniform> batch: u32;

// Columns are four outputs, rows four inputs.
fn rows(outer: u32, depth: u32, group: u32) -> Rows {
    return transpose(weights(4u * group * DEPTH + depth, DEPTH));
}

fn store_line(sums: vec4<f32>, image: u32, group: u32) {
    grad_input[image * ALL_GROUPS + group] = sums;
}
