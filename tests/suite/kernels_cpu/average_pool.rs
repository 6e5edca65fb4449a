//! Global average pooling against float64.

use super::{check, random};
use gpu_mnist::kernels::average_pool::cpu::{Shape, backward, forward};
use gpu_mnist::kernels::simd;

#[test]
fn average_pool_agrees_with_float64() {
    let mut cases = 0;
    for (batch, pixels, channels) in [
        (77, 9, 96),
        (256, 25, 64),
        (3, 784, 10),
        (5, 1, 33),
        (1, 7, 1),
        (2, 3, 997),
    ] {
        let shape = Shape {
            batch,
            pixels,
            channels,
        };
        let input = random(41, shape.input_size());
        let grads = random(42, shape.output_size());
        let pixel = |index: usize| {
            let (picture, channel) = (index / channels, index % channels);
            (0..pixels).map(move |pixel| (picture * pixels + pixel) * channels + channel)
        };
        let share = 1.0 / pixels as f64;
        let mean = |index| {
            let values = pixel(index).map(|at| f64::from(input[at]));
            values.sum::<f64>() * share
        };
        let want: Vec<f64> = (0..shape.output_size()).map(mean).collect();
        let mut want_grad = vec![0.0; input.len()];
        for (index, grad) in grads.iter().enumerate() {
            pixel(index).for_each(|at| want_grad[at] = f64::from(*grad) * share);
        }
        // Filled with NaN so that an element left out is seen.
        let mut grad_input = vec![f32::NAN; input.len()];
        backward(&shape, &grads, &mut grad_input);
        check(&format!("{shape:?} gradient"), &grad_input, &want_grad);
        for level in simd::available() {
            let mut output = vec![f32::NAN; grads.len()];
            forward(level, &shape, &input, &mut output);
            check(&format!("{level} {shape:?} output"), &output, &want);
            cases += 1;
        }
    }
    assert!(cases >= 6, "{cases} cases");
}
