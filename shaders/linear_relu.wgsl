// Linear layer, bias and (RELU 1) ReLU: output = input x weight + bias.
#import shared/linear_images

const RELU: u32 = 1u;
const DEPTH: u32 = INPUTS / 4u;
const ALL_GROUPS: u32 = OUTPUTS / 4u;

@group(0) @binding(0) var<storage, read_write> source: array<vec4<f32>>; // input [n][in / 4]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [in][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][out / 4]
@group(0) @binding(4) var<uniform> batch: u32;

// Columns are four inputs, rows four outputs.
fn rows(outer: u32, depth: u32, group: u32) -> Rows {
    return weights(4u * depth * ALL_GROUPS + group, ALL_GROUPS);
}

fn store_line(sums: vec4<f32>, image: u32, group: u32) {
    let sum = sums + bias[group];
    output[image * ALL_GROUPS + group] = select(sum, max(sum, vec4(0.0)), RELU == 1u);
}
