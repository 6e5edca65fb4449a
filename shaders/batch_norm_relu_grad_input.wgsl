// grad_input = gradient * factors[0] + factors[1] + (input - mean) * factors[2], where the gradient is that of the
// output where it passes ReLU (RELU 1: where the output is positive). With RELU 1 and RESIDUAL 1 the residual gets that
// gradient. An invocation takes four channels of one pixel.
#import shared/each_invocation

const GROUPS: u32 = 4u; // fours of channels
const RESIDUAL: u32 = 1u;
const RELU: u32 = 1u;

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(2) var<storage, read_write> grad_output: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(3) var<storage, read_write> mean: array<vec4<f32>>; // [c / 4]
@group(0) @binding(4) var<storage, read_write> factors: array<vec4<f32>>; // [3][c / 4]
@group(0) @binding(5) var<storage, read_write> grad_input: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(6) var<storage, read_write> grad_residual: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(7) var<uniform> rows: u32;

fn run(index: u32) {
    if (index >= rows * GROUPS) {
        return;
    }
    let group = index % GROUPS;
    var gradient = grad_output[index];
    if (RELU == 1u) {
        gradient = select(gradient, vec4(0.0), output[index] <= vec4(0.0));
        if (RESIDUAL == 1u) {
            grad_residual[index] = gradient;
        }
    }
    let deviation = input[index] - mean[group];
    let slope = deviation * factors[2u * GROUPS + group];
    grad_input[index] = gradient * factors[group] + factors[GROUPS + group] + slope;
}
