//! The parts of parameter updates other than Adam's.

use crate::kernels::case::{Case, Numbers, Outputs, f64s, plain};
use crate::kernels::reference;

/// Those of a parameter of so many numbers.
pub fn cases(count: usize) -> [Case; 3] {
    [norm(count), blend(count), scale(count)]
}

/// The squared norm, which Muon and the clipping of gradients divide by.
fn norm(count: usize) -> Case {
    Case {
        op: "sum_squares",
        shape: count.to_string(),
        work: Box::new(move |subject| {
            let numbers = Numbers::new(8).floats(count, 1.0);
            let expected = f64s(&numbers).iter().map(|number| number * number).sum();
            let found = subject
                .kernels
                .sum_squares(plain(&numbers, [count], subject));
            Outputs::default().with("sum", found, vec![expected])
        }),
    }
}

/// What momentum, moving averages and updates use.
fn blend(count: usize) -> Case {
    Case {
        op: "blend",
        shape: count.to_string(),
        work: Box::new(move |subject| {
            let mut numbers = Numbers::new(9);
            let [target, source] = [(); 2].map(|()| numbers.floats(count, 1.0));
            let (keep, take) = (0.95, -0.3);
            let pairs = f64s(&target).into_iter().zip(f64s(&source));
            let expected = pairs.map(|(target, source)| target * keep + source * take);
            let found = subject.kernels.blend(
                plain(&target, [count], subject),
                plain(&source, [count], subject),
                [keep, take],
            );
            Outputs::default().with("sum", found, expected.collect())
        }),
    }
}

/// What gradient clipping uses.
fn scale(count: usize) -> Case {
    Case {
        op: "scale",
        shape: count.to_string(),
        work: Box::new(move |subject| {
            let numbers = Numbers::new(10).floats(count, 1.0);
            let factor = 0.37f32;
            let expected = f64s(&numbers).into_iter();
            let expected = expected.map(|number| number * f64::from(factor));
            let found = subject.kernels.scale(
                plain(&numbers, [count], subject),
                plain(&[factor], [1], subject),
            );
            Outputs::default().with("product", found, expected.collect())
        }),
    }
}

/// Muon's update of a matrix.
pub fn orthogonal([rows, columns]: [usize; 2]) -> Case {
    Case {
        op: "orthogonal",
        shape: format!("{rows}x{columns}"),
        work: Box::new(move |subject| {
            let matrix = Numbers::new(11).floats(rows * columns, 1.0);
            let expected = reference::orthogonal(&f64s(&matrix), columns);
            let found = subject
                .kernels
                .orthogonal(plain(&matrix, [rows, columns], subject));
            Outputs::default().with("matrix", found, expected)
        }),
    }
}
