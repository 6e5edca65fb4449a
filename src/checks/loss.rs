//! The loss with its gradient, and the table of predictions.

use super::Scope;
use crate::evaluation::inference::best;
use crate::kernels::case::{Case, Numbers, Outputs, f64s, leaf, plain, whole};
use crate::kernels::reference::{self, Shares};
use crate::model::loss::Objective;

/// Of label smoothing, where classes have weights.
const SMOOTHING: f64 = 0.1;

/// Rows and classes that leave something over in every tile.
const ODD_SIZES: [[usize; 2]; 4] = [[77, 3], [9, 47], [5, 130], [3, 1000]];

pub fn cases(classes: usize, scope: Scope) -> Vec<Case> {
    let mut sizes = vec![[scope.batch, classes]];
    if scope.odd_shapes {
        sizes.extend([[1, classes], [77, classes]]);
        sizes.extend(ODD_SIZES);
    }
    let cases = |size| [loss(size, false), loss(size, true), confusion(size)];
    sizes.into_iter().flat_map(cases).collect()
}

/// Plain, or `weighted` by class with smoothed labels.
fn loss([batch, classes]: [usize; 2], weighted: bool) -> Case {
    Case {
        op: match weighted {
            true => "softmax_cross_entropy_weighted",
            false => "softmax_cross_entropy",
        },
        shape: format!("{batch}x{classes}"),
        work: Box::new(move |subject| {
            let mut numbers = Numbers::new(3);
            let logits = numbers.floats(batch * classes, 8.0);
            let labels = numbers.whole(batch, classes);
            let (mut loss, mut gradient, correct) =
                reference::cross_entropy(&f64s(&logits), &labels, classes);
            let mut objective = Objective::by(subject.kernels);
            if weighted {
                let weights: Vec<f32> = numbers
                    .floats(classes, 1.0)
                    .iter()
                    .map(|weight| weight.abs() + 0.1)
                    .collect();
                let shares = Shares::new(&labels, &f64s(&weights), SMOOTHING);
                (loss, gradient) = shares.cross_entropy(&f64s(&logits), classes);
                objective = objective.weighted(plain(&weights, [classes], subject), SMOOTHING);
            }
            let logits = leaf(&logits, [batch, classes], subject);
            let found = objective.of(logits.clone(), whole(&labels, [batch], subject));
            let gradients = found.differentiable.backward();
            Outputs::default()
                .with("loss", found.loss, vec![loss])
                .with_gradient("gradient of logits", &logits, &gradients, gradient)
                .with_exact("correct", found.correct, vec![correct as f64])
        }),
    }
}

fn confusion([batch, classes]: [usize; 2]) -> Case {
    Case {
        op: "count_confusion",
        shape: format!("{batch}x{classes}"),
        work: Box::new(move |subject| {
            let mut numbers = Numbers::new(6);
            let logits = numbers.floats(batch * classes, 8.0);
            let labels = numbers.whole(batch, classes);
            let before = numbers.whole(classes * classes, 1000);
            let mut expected: Vec<f64> = before.iter().map(|&count| count.into()).collect();
            for (logits, &label) in logits.chunks_exact(classes).zip(&labels) {
                expected[label as usize * classes + best(logits)] += 1.0;
            }
            let counted = subject.kernels.count_confusion(
                plain(&logits, [batch, classes], subject),
                whole(&labels, [batch], subject),
                whole(&before, [classes, classes], subject),
            );
            Outputs::default().with_exact("table", counted, expected)
        }),
    }
}
