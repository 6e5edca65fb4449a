// What passes ReLU of a convolution's gradient: zero where the output is not positive.
#import shared/each_invocation

@group(0) @binding(0) var<storage, read_write> grad_output: array<vec4<f32>>;
@group(0) @binding(1) var<storage, read_write> output: array<vec4<f32>>;
@group(0) @binding(2) var<storage, read_write> masked: array<vec4<f32>>;
@group(0) @binding(3) var<uniform> fours: u32;

fn run(index: u32) {
    if (index < fours) {
        masked[index] = select(grad_output[index], vec4(0.0), output[index] <= vec4(0.0));
    }
}
