// Gradient of a linear layer by its weight: grad_weight = input transposed x grad_sum. Images are summed in their
// order, four at a time, those past the last as zeros.
#import shared/linear_tile

const WIDTH: u32 = INPUTS / 4u;
const ALL_GROUPS: u32 = OUTPUTS / 4u;

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][in / 4]
@group(0) @binding(1) var<storage, read_write> grad_sum: array<vec4<f32>>; // [n][out / 4]
@group(0) @binding(2) var<storage, read_write> grad_weight: array<vec4<f32>>; // [in][out / 4]
@group(0) @binding(3) var<uniform> batch: u32;

alias Start = u32;

fn lines() -> u32 {
    return INPUTS;
}

fn inner_steps() -> u32 {
    return (batch + 3u) / 4u;
}

fn start_of(block: u32) -> Start {
    return block;
}

// Columns are four inputs, rows four images.
fn columns(start: Start, step: u32) -> Columns {
    let at = min(images(step), vec4<u32>(batch - 1u)) * WIDTH + start;
    return transpose(mat4x4(input[at.x], input[at.y], input[at.z], input[at.w]));
}

// Columns are four images, rows four outputs.
fn rows(outer: u32, step: u32, group: u32) -> Rows {
    let inside = min(images(step), vec4<u32>(batch - 1u));
    let valid = vec4<f32>(images(step) == inside);
    let at = inside * ALL_GROUPS + group;
    return mat4x4(
        valid.x * grad_sum[at.x],
        valid.y * grad_sum[at.y],
        valid.z * grad_sum[at.z],
        valid.w * grad_sum[at.w],
    );
}

fn images(step: u32) -> vec4<u32> {
    return vec4<u32>(4u * step) + vec4<u32>(0u, 1u, 2u, 3u);
}

fn store_line(sums: vec4<f32>, line: u32, group: u32) {
    grad_weight[line * ALL_GROUPS + group] = sums;
}
