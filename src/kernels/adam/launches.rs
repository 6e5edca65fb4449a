//! The launch of `adam`.

use crate::kernels::launch::Launch;
use crate::kernels::shader::shader;

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
pub fn step(elements: usize, step: &Step) -> Launch {
    let corrections = [step.beta1, step.beta2].map(|beta| 1.0 - beta.powf(f64::from(step.number)));
    let numbers = [
        step.beta1,
        step.beta2,
        step.epsilon,
        step.learning_rate / corrections[0],
        corrections[1].sqrt(),
        step.learning_rate * step.weight_decay,
    ];
    Launch::each(shader!("adam"), elements)
        .bind(["parameter", "moment1", "moment2", "gradient"].map(|name| (name, elements)))
        .sizes([elements])
        .numbers(numbers.map(|number| number as f32))
}
