//! The squared norm, which Muon and the clipping of gradients divide by.

use crate::kernels::case::{Case, Numbers, Outputs, f64s, plain};

/// Of a parameter of so many numbers.
pub fn case(count: usize) -> Case {
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
