// Adam as PyTorch computes it (Kingma and Ba 2015); decay > 0 decouples weight decay from the gradient (AdamW,
// Loshchilov and Hutter 2019).
struct Adam {
    beta1: f32,
    beta2: f32,
    epsilon: f32,
    step_size: f32, // learning rate / (1 - beta1^t)
    root_correction: f32, // sqrt(1 - beta2^t)
    decay: f32, // learning rate * weight decay
}

struct Moments {
    parameter: f32,
    moment1: f32,
    moment2: f32,
}

fn adam(numbers: Adam, old: Moments, g: f32) -> Moments {
    let m = numbers.beta1 * old.moment1 + (1.0 - numbers.beta1) * g;
    let v = numbers.beta2 * old.moment2 + (1.0 - numbers.beta2) * g * g;
    let before = old.parameter * (1.0 - numbers.decay);
    return Moments(before - numbers.step_size * m / (sqrt(v) / numbers.root_correction + numbers.epsilon), m, v);
}
