//! The launches of `adam` and `adam_together`.

use crate::kernels::launch::Launch;
use crate::kernels::shader::shader;
use crate::kernels::step_state::{AdamNumbers, Row};

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

impl Step {
    /// What the shaders take.
    pub fn numbers(&self) -> AdamNumbers {
        let [first, second] =
            [self.beta1, self.beta2].map(|beta| 1.0 - beta.powf(f64::from(self.number)));
        AdamNumbers {
            beta1: self.beta1,
            beta2: self.beta2,
            epsilon: self.epsilon,
            step_size: self.learning_rate / first,
            root_correction: second.sqrt(),
            decay: self.learning_rate * self.weight_decay,
        }
    }
}

/// Bindings: parameter, first moment, second moment (all updated in place), gradient.
pub fn step(elements: usize, step: &Step) -> Launch {
    let numbers = step.numbers();
    let numbers = [
        numbers.beta1,
        numbers.beta2,
        numbers.epsilon,
        numbers.step_size,
        numbers.root_correction,
        numbers.decay,
    ];
    Launch::each(shader!("adam"), elements)
        .bind(["parameter", "moment1", "moment2", "gradient"].map(|name| (name, elements)))
        .sizes([elements])
        .numbers(numbers.map(|number| number as f32))
}

/// Numbers of a place in `adam_together`.
pub(super) const PLACE: usize = 5;

/// For parameters side by side. Bindings: row of the schedule, places u32 `[parameters, 5]`, parameters, first moments,
/// second moments (all updated in place), the weights of convolutions in two orders, a gradient for each.
pub fn together(all: usize, elements: usize, counts: &[usize]) -> Launch {
    let gradients = counts.iter().map(|count| ("gradient", *count));
    Launch::each(shader!("adam_together"), elements)
        .constants([("GRADIENTS", counts.len())])
        .bind([
            ("current", Row::COLUMNS),
            ("places", PLACE * counts.len()),
            ("parameter", all),
            ("moment1", all),
            ("moment2", all),
            ("packed", 2 * all),
        ])
        .bind(gradients)
        .sizes([elements, all])
}

/// Bindings: numbers, where they go.
pub fn copy(elements: usize) -> Launch {
    Launch::each(shader!("copy"), elements)
        .bind([("from", elements), ("to", elements)])
        .sizes([elements])
}
