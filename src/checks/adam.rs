//! Adam's update, with decoupled weight decay and without.

use crate::kernels::adam::FusedAdam;
use crate::kernels::case::{Case, Numbers, Outputs, f64s, plain};
use crate::kernels::reference;

const RATE: f64 = 0.003;

/// Both updates of a parameter of so many numbers.
pub fn cases(count: usize) -> [Case; 2] {
    [case("adam", 0.0, count), case("adamw", 0.1, count)]
}

/// Two steps, so that the moments count.
fn case(op: &'static str, weight_decay: f32, count: usize) -> Case {
    Case {
        op,
        shape: count.to_string(),
        work: Box::new(move |subject| {
            let updates = subject.kernels.adam(FusedAdam {
                beta1: 0.7,
                beta2: 0.9,
                epsilon: 1e-8,
                weight_decay,
            });
            let mut numbers = Numbers::new(4);
            let parameter = numbers.floats(count, 1.0);
            let gradients = [numbers.floats(count, 1.0), numbers.floats(count, 1.0)];
            let mut expected = [f64s(&parameter), vec![0.0; count], vec![0.0; count]];
            let mut found = plain(&parameter, [count], subject);
            let mut moments = None;
            for (step, gradient) in (1..).zip(&gradients) {
                let settings = reference::Adam {
                    learning_rate: RATE,
                    beta1: f64::from(0.7f32),
                    beta2: f64::from(0.9f32),
                    epsilon: f64::from(1e-8f32),
                    weight_decay: weight_decay.into(),
                    step,
                };
                let [p, m, v] = &mut expected;
                reference::adam(&settings, &f64s(gradient), [p, m, v]);
                let gradient = plain(gradient, [count], subject);
                let kept;
                (found, kept) = updates.step(RATE, found, gradient, moments);
                moments = Some(kept);
            }
            let moments = moments.expect("moments after a step");
            let [p, m, v] = expected;
            Outputs::default()
                .with("parameter", found, p)
                .with("first moment", moments.moment_1, m)
                .with("second moment", moments.moment_2, v)
        }),
    }
}
