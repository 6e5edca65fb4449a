//! Burn's operations that serve whatever the kernels: they move and count numbers.

use burn::tensor::{DType, Int, Tensor};

use super::case::{Case, Numbers, Outputs, f64s, plain, whole};
use super::{Group, Scope};
use crate::data::synthetic::CLASSES;

pub fn cases(scope: Scope) -> Vec<Case> {
    let mut sizes = vec![scope.batch];
    if scope.odd_shapes {
        sizes.push(77);
    }
    sizes
        .into_iter()
        .flat_map(|size| {
            [
                select(size),
                highest(size),
                count(size),
                join(size),
                sum(size),
            ]
        })
        .collect()
}

fn case(
    op: &'static str,
    shape: String,
    work: impl Fn(&crate::device::Device) -> Outputs + 'static,
) -> Case {
    Case {
        group: Group::Shared,
        op,
        shape,
        work: Box::new(work),
    }
}

/// Labels of a batch out of all.
fn select(size: usize) -> Case {
    const ALL: usize = 1000;
    case("select", format!("{size} of {ALL}"), move |device| {
        let mut numbers = Numbers::new(21);
        let labels = numbers.whole(ALL, CLASSES);
        let indices = numbers.whole(size, ALL);
        let expected = indices
            .iter()
            .map(|&index| labels[index as usize].into())
            .collect();
        let found = whole(&labels, [ALL], device).select(0, whole(&indices, [size], device));
        Outputs::default().with_exact("output", found, expected)
    })
}

fn highest(size: usize) -> Case {
    case("argmax", format!("{size}x{CLASSES}"), move |device| {
        let logits = Numbers::new(22).floats(size * CLASSES, 8.0);
        let expected = logits
            .chunks(CLASSES)
            .map(|row| {
                let best = (0..CLASSES).max_by(|a, b| row[*a].total_cmp(&row[*b]));
                best.unwrap_or_default() as f64
            })
            .collect();
        let found = plain(&logits, [size, CLASSES], device).argmax(1);
        Outputs::default().with_exact("output", found, expected)
    })
}

/// Confusion counts as a product of one-hot rows.
fn count(size: usize) -> Case {
    case(
        "one-hot matmul",
        format!("{CLASSES}x{size} -> {CLASSES}"),
        move |device| {
            let mut numbers = Numbers::new(23);
            let (truth, found) = (numbers.whole(size, CLASSES), numbers.whole(size, CLASSES));
            let mut expected = vec![0.0; CLASSES * CLASSES];
            for (truth, found) in truth.iter().zip(&found) {
                expected[*truth as usize * CLASSES + *found as usize] += 1.0;
            }
            let one_hot = |classes: &[i32]| {
                let columns =
                    Tensor::<1, Int>::arange(0..CLASSES as i64, (device.burn(), DType::I32));
                whole(classes, [size, 1], device)
                    .equal(columns.reshape([1, CLASSES]))
                    .float()
            };
            let counts = one_hot(&truth).transpose().matmul(one_hot(&found));
            Outputs::default().with("output", counts, expected)
        },
    )
}

fn join(size: usize) -> Case {
    case("cat and slice", size.to_string(), move |device| {
        let mut numbers = Numbers::new(24);
        let (left, right) = (numbers.floats(size, 1.0), numbers.floats(size, 1.0));
        let joined: Vec<f64> = f64s(&left).into_iter().chain(f64s(&right)).collect();
        let middle = size / 2..size / 2 + size;
        let expected = joined[middle.clone()].to_vec();
        let tensors = vec![plain(&left, [size], device), plain(&right, [size], device)];
        let found = Tensor::cat(tensors, 0).slice(middle);
        Outputs::default().with("output", found, expected)
    })
}

fn sum(size: usize) -> Case {
    case("sum", format!("{size}x{CLASSES}"), move |device| {
        let values = Numbers::new(25).floats(size * CLASSES, 1.0);
        let expected = f64s(&values).iter().map(|value| value + 1.0).sum();
        let found = (plain(&values, [size, CLASSES], device) + 1.0).sum();
        Outputs::default().with("output", found, vec![expected])
    })
}
