//! 2x2 max-pooling by itself.

use super::case::{Case, Numbers, Outputs, f64s, leaf, send_back};
use super::reference;
use crate::kernels::max_pool::max_pool;

/// `[n, h, w, c]`
pub fn case(shape: [usize; 4]) -> Case {
    let [batch, height, width, channels] = shape;
    Case {
        op: "max_pool",
        shape: format!("{batch}x{height}x{width}x{channels}"),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(12);
            let input = numbers.floats(shape.iter().product(), 1.0);
            let pooled = reference::max_pool(&f64s(&input), shape, 0.0);
            let upstream = numbers.floats(pooled.values.len(), 1.0);
            let grad_input = pooled.backward(&f64s(&upstream), input.len());
            let input = leaf(&input, shape, device);
            let output = max_pool(input.clone());
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), pooled.values)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
        }),
    }
}
