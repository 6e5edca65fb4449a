//! The convolution with stride and zero padding: the reference pads and thins out by hand what the
//! plain one of [`super::reference`] computes.

use super::Group;
use super::case::{Case, Numbers, Outputs, doubt, f64s, leaf, send_back};
use super::reference::Convolution;
use crate::kernels::convolve::convolve;

/// A convolution as the model asks for it.
#[derive(Clone, Copy, Debug)]
pub struct Padded {
    /// Sizes of the pictures before they are padded.
    pub sizes: Convolution,
    pub stride: usize,
    pub padding: usize,
    pub relu: bool,
}

/// Shapes that leave pixels, channels or pictures over in every tile; the last of them is one
/// that shaders leave to Burn's own operations.
pub fn odd_cases() -> impl Iterator<Item = Case> {
    let shape = |[batch, height, width]: [usize; 3],
                 [inputs, outputs]: [usize; 2],
                 [kernel, stride, padding]: [usize; 3],
                 relu| Padded {
        sizes: Convolution {
            batch,
            height,
            width,
            inputs,
            outputs,
            kernel,
        },
        stride,
        padding,
        relu,
    };
    [
        shape([9, 14, 14], [8, 16], [3, 1, 1], true),
        shape([7, 13, 11], [4, 12], [3, 2, 1], false),
        shape([9, 28, 28], [1, 8], [3, 1, 1], true),
        shape([1, 9, 10], [1, 4], [2, 1, 1], true),
        shape([5, 9, 7], [3, 5], [4, 1, 2], true),
    ]
    .into_iter()
    .map(case)
}

/// Output and gradients of one shape.
pub fn case(shape: Padded) -> Case {
    let Padded {
        sizes,
        stride,
        padding,
        relu,
    } = shape;
    Case {
        group: Group::Fused,
        op: "convolve",
        shape: format!("{}, stride {stride}, padding {padding}", sizes.describe()),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(7);
            let input = numbers.floats(sizes.input_size(), 1.0);
            let weight = numbers.floats(sizes.weight_size(), 0.5);
            let bias = numbers.floats(sizes.outputs, 0.5);
            let (x, w, b) = (shape.pad(&f64s(&input)), f64s(&weight), f64s(&bias));
            let whole = shape.whole();
            let mut sums = shape.thin(&whole.forward(&x, &w, &b));
            let mut upstream = numbers.floats(sums.len(), 1.0);
            if relu {
                let doubt = doubt(&sums);
                for (upstream, sum) in upstream.iter_mut().zip(&sums) {
                    if sum.abs() < doubt {
                        *upstream = 0.0;
                    }
                }
            }
            let passes = |sum: f64| !relu || sum > 0.0;
            let grads: Vec<f64> = upstream
                .iter()
                .zip(&sums)
                .map(|(&grad, &sum)| if passes(sum) { grad.into() } else { 0.0 })
                .collect();
            let [grad_input, grad_weight, grad_bias] =
                whole.backward(&x, &w, &shape.spread(&grads));
            if relu {
                sums.iter_mut().for_each(|sum| *sum = sum.max(0.0));
            }

            let dims = [sizes.batch, sizes.height, sizes.width, sizes.inputs];
            let input = leaf(&input, dims, device);
            let kernel = [sizes.outputs, sizes.inputs, sizes.kernel, sizes.kernel];
            let weight = leaf(&weight, kernel, device);
            let bias = leaf(&bias, [sizes.outputs], device);
            let (x, w, b) = (input.clone(), weight.clone(), Some(bias.clone()));
            let output = convolve(x, w, b, stride, padding, relu);
            let gradients = send_back(&output, &upstream);
            let grad_input = shape.crop(&grad_input);
            Outputs::default()
                .with("output", output.inner(), sums)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
                .with_gradient("gradient of weight", &weight, &gradients, grad_weight)
                .with_gradient("gradient of bias", &bias, &gradients, grad_bias)
        }),
    }
}

impl Padded {
    /// The convolution of the padded pictures with stride 1.
    fn whole(&self) -> Convolution {
        Convolution {
            height: self.sizes.height + 2 * self.padding,
            width: self.sizes.width + 2 * self.padding,
            ..self.sizes
        }
    }

    fn pad(&self, pictures: &[f64]) -> Vec<f64> {
        let mut padded = vec![0.0; self.whole().input_size()];
        for (from, to) in self.input_places().enumerate() {
            padded[to] = pictures[from];
        }
        padded
    }

    fn crop(&self, padded: &[f64]) -> Vec<f64> {
        self.input_places().map(|place| padded[place]).collect()
    }

    /// Every `stride`-th output.
    fn thin(&self, whole: &[f64]) -> Vec<f64> {
        self.output_places().map(|place| whole[place]).collect()
    }

    /// The gradient of all outputs from that of every `stride`-th.
    fn spread(&self, grads: &[f64]) -> Vec<f64> {
        let mut spread = vec![0.0; self.whole().output_size()];
        for (from, to) in self.output_places().enumerate() {
            spread[to] = grads[from];
        }
        spread
    }

    fn input_places(&self) -> impl Iterator<Item = usize> {
        let whole = self.whole();
        let inner = |side: usize| self.padding..self.padding + side;
        places(
            [whole.height, whole.width, whole.inputs],
            whole.batch,
            inner(self.sizes.height).collect(),
            inner(self.sizes.width).collect(),
        )
    }

    fn output_places(&self) -> impl Iterator<Item = usize> {
        let whole = self.whole();
        let [height, width] = whole.sides();
        places(
            [height, width, whole.outputs],
            whole.batch,
            (0..height).step_by(self.stride).collect(),
            (0..width).step_by(self.stride).collect(),
        )
    }
}

/// Indices of the chosen rows and columns in pictures `[height, width, channels]`, in order.
fn places(
    [height, width, channels]: [usize; 3],
    batch: usize,
    rows: Vec<usize>,
    columns: Vec<usize>,
) -> impl Iterator<Item = usize> {
    (0..batch).flat_map(move |picture| {
        let columns = columns.clone();
        rows.clone().into_iter().flat_map(move |row| {
            columns.clone().into_iter().flat_map(move |column| {
                let pixel = (picture * height + row) * width + column;
                pixel * channels..(pixel + 1) * channels
            })
        })
    })
}
