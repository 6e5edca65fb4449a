//! The pass of `adam`.

use crate::kernels::shader::{Pass, binding, grid};

/// Settings of one step; `weight_decay` is decoupled from the gradient (AdamW).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// Number of the step, from 1.
    pub number: u32,
    /// Learning rate.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Weight decay, in units of the learning rate; 0 for plain Adam.
    pub weight_decay: f64,
}

/// Bindings: parameter, first moment, second moment (all updated in place), gradient.
pub fn step(elements: usize, step: &Step) -> Pass {
    let corrections = [step.beta1, step.beta2].map(|beta| 1.0 - beta.powf(f64::from(step.number)));
    let bits = |value: f64| (value as f32).to_bits();
    Pass {
        name: "adam",
        template: include_str!("../../../shaders/adam.wgsl"),
        constants: vec![],
        bindings: ["parameter", "moment1", "moment2", "gradient"]
            .map(|name| binding(name, elements))
            .to_vec(),
        uniform: vec![
            elements as u32,
            bits(step.beta1),
            bits(step.beta2),
            bits(step.epsilon),
            bits(step.learning_rate / corrections[0]),
            bits(corrections[1].sqrt()),
            bits(step.learning_rate * step.weight_decay),
            0,
        ],
        workgroups: grid(elements, 64),
        workgroup_size: [64, 1, 1],
    }
}
