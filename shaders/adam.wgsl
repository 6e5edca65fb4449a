// One step of Adam for one parameter, in place, as PyTorch computes it (Kingma and Ba 2015); decay > 0 decouples
// weight decay from the gradient (AdamW, Loshchilov and Hutter 2019).
#import shared/each_invocation

struct Parameters {
    elements: u32,
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    step_size: f32, // learning rate / (1 - beta1^t)
    root_correction: f32, // sqrt(1 - beta2^t)
    decay: f32, // learning rate * weight decay
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
    let g = gradient[index];
    let m = parameters.beta1 * moment1[index] + (1.0 - parameters.beta1) * g;
    let v = parameters.beta2 * moment2[index] + (1.0 - parameters.beta2) * g * g;
    let before = parameter[index] * (1.0 - parameters.decay);
    moment1[index] = m;
    moment2[index] = v;
    parameter[index] = before - parameters.step_size * m / (sqrt(v) / parameters.root_correction + parameters.epsilon);
}
