// One step of Adam for one parameter, in place.
#import shared/each_invocation
#import shared/adam

struct Parameters {
    elements: u32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    step_size: f32,
    root_correction: f32,
    decay: f32,
}

@group(0) @binding(0) var<storage, read_write> parameter: array<f32>;
@group(0) @binding(1) var<storage, read_write> moment1: array<f32>;
@group(0) @binding(2) var<storage, read_write> moment2: array<f32>;
@group(0) @binding(3) var<storage, read_write> gradient: array<f32>;
@group(0) @binding(4) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.elements) {
        return;
    }
    let old = Moments(parameter[index], moment1[index], moment2[index]);
    let numbers = Adam(
        parameters.beta1, parameters.beta2, parameters.epsilon,
        parameters.step_size, parameters.root_correction, parameters.decay,
    );
    let updated = adam(numbers, old, gradient[index]);
    parameter[index] = updated.parameter;
    moment1[index] = updated.moment1;
    moment2[index] = updated.moment2;
}
