// Either gradient of a linear layer, widths in fours, where invocations tell each other what they load.
#import shared/subgroup_product

@group(0) @binding(0) var<storage, read_write> left: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> right: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> product: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

fn finished(sum: vec4<f32>, group: u32) -> vec4<f32> {
    return sum;
}
