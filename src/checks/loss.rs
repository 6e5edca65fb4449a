//! The loss with its gradient, and the table of predictions.

use burn::tensor::activation::log_softmax;

use super::case::{Case, Numbers, Outputs, f64s, leaf, plain, whole};
use super::reference::{self, Shares};
use super::{Group, Scope};
use crate::config::Kernels;
use crate::evaluation::inference::best;
use crate::evaluation::loss::cross_entropy_weighted;
use crate::kernels::count_confusion::count_confusion;
use crate::kernels::softmax_cross_entropy::{
    softmax_cross_entropy, softmax_cross_entropy_weighted,
};

/// Of label smoothing, where classes have weights.
const SMOOTHING: f64 = 0.1;

/// Rows and classes that leave something over in every tile.
const ODD_SIZES: [[usize; 2]; 4] = [[77, 3], [9, 47], [5, 130], [3, 1000]];

pub fn cases(group: Group, classes: usize, scope: Scope) -> Vec<Case> {
    let case = |size| match group {
        Group::Stock => stock(size),
        _ => fused(size),
    };
    let mut cases = vec![
        case([scope.batch, classes]),
        weighted(group, [scope.batch, classes]),
    ];
    if matches!(group, Group::Fused) {
        cases.push(confusion([scope.batch, classes]));
    }
    if scope.odd_shapes {
        for size in [[1, classes], [77, classes]].into_iter().chain(ODD_SIZES) {
            cases.extend([case(size), weighted(group, size)]);
            if matches!(group, Group::Fused) {
                cases.push(confusion(size));
            }
        }
    }
    cases
}

fn fused([batch, classes]: [usize; 2]) -> Case {
    Case {
        group: Group::Fused,
        op: "softmax_cross_entropy",
        shape: format!("{batch}x{classes}"),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(3);
            let logits = numbers.floats(batch * classes, 8.0);
            let labels = numbers.whole(batch, classes);
            let (loss, gradient, correct) =
                reference::cross_entropy(&f64s(&logits), &labels, classes);
            let found = softmax_cross_entropy(
                plain(&logits, [batch, classes], device),
                whole(&labels, [batch], device),
            );
            Outputs::default()
                .with("loss", found.0, vec![loss])
                .with("gradient of logits", found.1, gradient)
                .with_exact("correct", found.2, vec![correct as f64])
        }),
    }
}

fn stock([batch, classes]: [usize; 2]) -> Case {
    Case {
        group: Group::Stock,
        op: "log_softmax",
        shape: format!("{batch}x{classes}"),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(15);
            let logits = numbers.floats(batch * classes, 8.0);
            let labels = numbers.whole(batch, classes);
            let (loss, gradient, _) = reference::cross_entropy(&f64s(&logits), &labels, classes);
            let expected = reference::log_softmax(&f64s(&logits), classes);
            let logits = leaf(&logits, [batch, classes], device);
            let likelihood = log_softmax(logits.clone(), 1);
            let labels = whole(&labels, [batch, 1], device).autodiff();
            let mean = likelihood.clone().gather(1, labels).mean().neg();
            let gradients = mean.backward();
            Outputs::default()
                .with("output", likelihood.inner(), expected)
                .with("loss", mean.inner(), vec![loss])
                .with_gradient("gradient of logits", &logits, &gradients, gradient)
        }),
    }
}

/// With weights of the classes and label smoothing.
fn weighted(group: Group, [batch, classes]: [usize; 2]) -> Case {
    Case {
        group,
        op: match group {
            Group::Stock => "weighted loss",
            _ => "softmax_cross_entropy_weighted",
        },
        shape: format!("{batch}x{classes}"),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(16);
            let logits = numbers.floats(batch * classes, 8.0);
            let labels = numbers.whole(batch, classes);
            let weights: Vec<f32> = numbers
                .floats(classes, 1.0)
                .iter()
                .map(|weight| weight.abs() + 0.1)
                .collect();
            let shares = Shares::new(&labels, &f64s(&weights), SMOOTHING);
            let (loss, gradient) = shares.cross_entropy(&f64s(&logits), classes);
            let (_, _, correct) = reference::cross_entropy(&f64s(&logits), &labels, classes);
            let labels = whole(&labels, [batch], device);
            let weights = plain(&weights, [classes], device);
            let outputs = Outputs::default();
            let correct = vec![correct as f64];
            match group {
                Group::Stock => {
                    let logits = leaf(&logits, [batch, classes], device);
                    let found = cross_entropy_weighted(
                        logits.clone(),
                        labels,
                        &weights,
                        SMOOTHING,
                        Kernels::Stock,
                    );
                    let gradients = found.differentiable.backward();
                    outputs
                        .with("loss", found.loss, vec![loss])
                        .with_gradient("gradient of logits", &logits, &gradients, gradient)
                        .with_exact("correct", found.correct, correct)
                }
                _ => {
                    let logits = plain(&logits, [batch, classes], device);
                    let found = softmax_cross_entropy_weighted(logits, labels, weights, SMOOTHING);
                    outputs
                        .with("loss", found.0, vec![loss])
                        .with("gradient of logits", found.1, gradient)
                        .with_exact("correct", found.2, correct)
                }
            }
        }),
    }
}

fn confusion([batch, classes]: [usize; 2]) -> Case {
    Case {
        group: Group::Fused,
        op: "count_confusion",
        shape: format!("{batch}x{classes}"),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(6);
            let logits = numbers.floats(batch * classes, 8.0);
            let labels = numbers.whole(batch, classes);
            let before = numbers.whole(classes * classes, 1000);
            let mut expected: Vec<f64> = before.iter().map(|&count| count.into()).collect();
            for (logits, &label) in logits.chunks_exact(classes).zip(&labels) {
                expected[label as usize * classes + best(logits)] += 1.0;
            }
            let counted = count_confusion(
                plain(&logits, [batch, classes], device),
                whole(&labels, [batch], device),
                whole(&before, [classes, classes], device),
            );
            Outputs::default().with_exact("table", counted, expected)
        }),
    }
}
