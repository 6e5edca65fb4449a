// Linear layer, bias and (RELU 1) ReLU, widths in fours, where invocations tell each other what they load.
#import shared/subgroup_product

const RELU: u32 = 1u;

@group(0) @binding(0) var<storage, read_write> left: array<vec4<f32>>; // input [n][in / 4]
@group(0) @binding(1) var<storage, read_write> right: array<vec4<f32>>; // weight [in][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> product: array<vec4<f32>>; // output [n][out / 4]
@group(0) @binding(4) var<uniform> parameters: Parameters;

fn finished(sum: vec4<f32>, group: u32) -> vec4<f32> {
    let output = sum + bias[group];
    return select(output, max(output, vec4(0.0)), RELU == 1u);
}
