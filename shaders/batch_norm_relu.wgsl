// output = (input - mean) / sqrt(variance + epsilon) * scale + shift, plus the residual (RESIDUAL 1), then ReLU
// (RELU 1). An invocation takes four channels of one pixel.
#import shared/each_invocation

const GROUPS: u32 = 4u; // fours of channels
const RESIDUAL: u32 = 1u;
const RELU: u32 = 1u;

struct Parameters { rows: u32, epsilon: f32 }

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(1) var<storage, read_write> scale: array<vec4<f32>>; // [c / 4]
@group(0) @binding(2) var<storage, read_write> shift: array<vec4<f32>>; // [c / 4]
@group(0) @binding(3) var<storage, read_write> mean: array<vec4<f32>>; // [c / 4]
@group(0) @binding(4) var<storage, read_write> variance: array<vec4<f32>>; // [c / 4]
@group(0) @binding(5) var<storage, read_write> residual: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(6) var<storage, read_write> output: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(7) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.rows * GROUPS) {
        return;
    }
    let group = index % GROUPS;
    let factor = scale[group] / sqrt(variance[group] + parameters.epsilon);
    var value = (input[index] - mean[group]) * factor + shift[group];
    if (RESIDUAL == 1u) {
        value += residual[index];
    }
    // Not max(): NaN passes.
    output[index] = select(value, vec4(0.0), (value <= vec4(0.0)) & vec4<bool>(RELU == 1u));
}
