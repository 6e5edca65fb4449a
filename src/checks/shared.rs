//! Burn's operations that serve whatever the kernels: they move and count numbers.

use burn::tensor::Tensor;

use super::Scope;
use crate::kernels::case::{Case, Numbers, Outputs, f64s, plain, whole};

pub fn cases(classes: usize, scope: Scope) -> Vec<Case> {
    let mut sizes = vec![scope.batch];
    if scope.odd_shapes {
        sizes.push(77);
    }
    sizes
        .into_iter()
        .flat_map(move |size| {
            [
                select(size, classes),
                highest(size, classes),
                join(size),
                sum(size, classes),
            ]
        })
        .collect()
}

fn case(
    op: &'static str,
    shape: String,
    work: impl Fn(&crate::kernels::case::Subject) -> Outputs + 'static,
) -> Case {
    Case {
        op,
        shape,
        work: Box::new(work),
    }
}

/// Labels of a batch out of all.
fn select(size: usize, classes: usize) -> Case {
    const ALL: usize = 1000;
    case("select", format!("{size} of {ALL}"), move |subject| {
        let mut numbers = Numbers::new(21);
        let labels = numbers.whole(ALL, classes);
        let indices = numbers.whole(size, ALL);
        let expected = indices
            .iter()
            .map(|&index| labels[index as usize].into())
            .collect();
        let found = whole(&labels, [ALL], subject).select(0, whole(&indices, [size], subject));
        Outputs::default().with_exact("output", found, expected)
    })
}

fn highest(size: usize, classes: usize) -> Case {
    case("argmax", format!("{size}x{classes}"), move |subject| {
        let logits = Numbers::new(22).floats(size * classes, 8.0);
        let expected = logits
            .chunks(classes)
            .map(|row| {
                let best = (0..classes).max_by(|a, b| row[*a].total_cmp(&row[*b]));
                best.unwrap_or_default() as f64
            })
            .collect();
        let found = plain(&logits, [size, classes], subject).argmax(1);
        Outputs::default().with_exact("output", found, expected)
    })
}

fn join(size: usize) -> Case {
    case("cat and slice", size.to_string(), move |subject| {
        let mut numbers = Numbers::new(24);
        let (left, right) = (numbers.floats(size, 1.0), numbers.floats(size, 1.0));
        let joined: Vec<f64> = f64s(&left).into_iter().chain(f64s(&right)).collect();
        let middle = size / 2..size / 2 + size;
        let expected = joined[middle.clone()].to_vec();
        let tensors = vec![
            plain(&left, [size], subject),
            plain(&right, [size], subject),
        ];
        let found = Tensor::cat(tensors, 0).slice(middle);
        Outputs::default().with("output", found, expected)
    })
}

fn sum(size: usize, classes: usize) -> Case {
    case("sum", format!("{size}x{classes}"), move |subject| {
        let values = Numbers::new(25).floats(size * classes, 1.0);
        let expected = f64s(&values).iter().map(|value| value + 1.0).sum();
        let found = (plain(&values, [size, classes], subject) + 1.0).sum();
        Outputs::default().with("output", found, vec![expected])
    })
}
