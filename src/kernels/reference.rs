//! The network's operations in float64 on the CPU, written as plainly as they are defined.
//! Layouts as the model has them: images `[n, h, w, c]`, convolution weights `[out, in, k, k]`,
//! linear weights `[in, out]`.

pub mod augment;
mod batch_norm;
mod loss;

use rayon::prelude::*;

use super::orthogonal::iteration::{COEFFICIENTS, STEPS};

pub use batch_norm::BatchNorm;
pub use loss::{Shares, cross_entropy, log_softmax};

/// Sizes of a convolution with a square kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Convolution {
    /// Images.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the input.
    pub inputs: usize,
    /// Channels of the output.
    pub outputs: usize,
    /// Pixels a side.
    pub kernel: usize,
    /// Pixels between two places of the kernel.
    pub stride: usize,
    /// Pixels of zeros around each image.
    pub padding: usize,
}

impl Convolution {
    /// Height and width of the output.
    pub fn sides(&self) -> [usize; 2] {
        let places = |side| (side + 2 * self.padding - self.kernel) / self.stride + 1;
        [self.height, self.width].map(places)
    }

    /// Numbers of the input, `[n, h, w, in]`.
    pub fn input_size(&self) -> usize {
        self.batch * self.height * self.width * self.inputs
    }

    /// Numbers of the weight, `[out, in, k, k]`.
    pub fn weight_size(&self) -> usize {
        self.outputs * self.inputs * self.kernel * self.kernel
    }

    /// Numbers of the output, `[n, h', w', out]`.
    pub fn output_size(&self) -> usize {
        let [height, width] = self.sides();
        self.batch * height * width * self.outputs
    }

    /// Calls `visit` with (offset in an output image, offset in an input image, offset in the
    /// `[k, k, in, out]` weight), each the start of a row of channels.
    fn taps(&self, mut visit: impl FnMut(usize, usize, usize)) {
        let [height, width] = self.sides();
        for y in 0..height {
            for x in 0..width {
                for dy in 0..self.kernel {
                    for dx in 0..self.kernel {
                        let row = (y * self.stride + dy).wrapping_sub(self.padding);
                        let column = (x * self.stride + dx).wrapping_sub(self.padding);
                        if row >= self.height || column >= self.width {
                            continue;
                        }
                        visit(
                            (y * width + x) * self.outputs,
                            (row * self.width + column) * self.inputs,
                            (dy * self.kernel + dx) * self.inputs * self.outputs,
                        );
                    }
                }
            }
        }
    }

    /// `[out, in, k, k]` to `[k, k, in, out]`, so that the innermost loops run over outputs.
    fn pack(&self, weight: &[f64]) -> Vec<f64> {
        let taps = self.kernel * self.kernel;
        let mut packed = vec![0.0; weight.len()];
        for output in 0..self.outputs {
            for input in 0..self.inputs {
                for tap in 0..taps {
                    packed[(tap * self.inputs + input) * self.outputs + output] =
                        weight[(output * self.inputs + input) * taps + tap];
                }
            }
        }
        packed
    }

    fn unpack(&self, packed: &[f64]) -> Vec<f64> {
        let taps = self.kernel * self.kernel;
        let mut weight = vec![0.0; packed.len()];
        for output in 0..self.outputs {
            for input in 0..self.inputs {
                for tap in 0..taps {
                    weight[(output * self.inputs + input) * taps + tap] =
                        packed[(tap * self.inputs + input) * self.outputs + output];
                }
            }
        }
        weight
    }

    /// Sums `[n, h', w', out]`.
    pub fn forward(&self, input: &[f64], weight: &[f64], bias: &[f64]) -> Vec<f64> {
        let packed = self.pack(weight);
        let mut output = vec![0.0; self.output_size()];
        output
            .par_chunks_mut(self.output_size() / self.batch)
            .zip(input.par_chunks(self.input_size() / self.batch))
            .for_each(|(output, input)| {
                for row in output.chunks_mut(self.outputs) {
                    row.copy_from_slice(bias);
                }
                self.taps(|to, from, tap| {
                    for channel in 0..self.inputs {
                        let value = input[from + channel];
                        let weights = &packed[tap + channel * self.outputs..][..self.outputs];
                        let sums = &mut output[to..to + self.outputs];
                        for (sum, weight) in sums.iter_mut().zip(weights) {
                            *sum += value * weight;
                        }
                    }
                });
            });
        output
    }

    /// Gradients of input, weight and bias from that of the output.
    pub fn backward(&self, input: &[f64], weight: &[f64], grad: &[f64]) -> [Vec<f64>; 3] {
        let packed = self.pack(weight);
        let mut grad_input = vec![0.0; self.input_size()];
        let grad_packed = grad_input
            .par_chunks_mut(self.input_size() / self.batch)
            .zip(input.par_chunks(self.input_size() / self.batch))
            .zip(grad.par_chunks(self.output_size() / self.batch))
            .fold(
                || vec![0.0; self.weight_size()],
                |mut grad_packed, ((grad_input, input), grad)| {
                    self.taps(|to, from, tap| {
                        let grads = &grad[to..to + self.outputs];
                        for channel in 0..self.inputs {
                            let place = tap + channel * self.outputs;
                            let weights = &packed[place..][..self.outputs];
                            let value = input[from + channel];
                            let sums = &mut grad_packed[place..][..self.outputs];
                            let mut back = 0.0;
                            for ((sum, weight), grad) in sums.iter_mut().zip(weights).zip(grads) {
                                *sum += value * grad;
                                back += weight * grad;
                            }
                            grad_input[from + channel] += back;
                        }
                    });
                    grad_packed
                },
            )
            .reduce(|| vec![0.0; self.weight_size()], add);
        let grad_bias = column_sums(grad, self.outputs);
        [grad_input, self.unpack(&grad_packed), grad_bias]
    }

    /// [`max_pool`] of `sums`, as [`Self::forward`] gives them.
    pub fn pool(&self, sums: &[f64], doubt: f64) -> Pooled {
        let [height, width] = self.sides();
        max_pool(sums, [self.batch, height, width, self.outputs], doubt)
    }
}

/// The 2x2 max-pool of images `[n, h, w, c]`: the largest of each window, where it was, and whether that
/// is beyond doubt: with less than `doubt` between the two largest, rounding decides which one takes
/// the gradient.
pub fn max_pool(
    values: &[f64],
    [batch, height, width, channels]: [usize; 4],
    doubt: f64,
) -> Pooled {
    let mut pooled = Pooled::default();
    for image in 0..batch {
        for y in 0..height / 2 {
            for x in 0..width / 2 {
                for channel in 0..channels {
                    let place = |dy: usize, dx: usize| {
                        ((image * height + 2 * y + dy) * width + 2 * x + dx) * channels + channel
                    };
                    let mut places = [place(0, 0), place(0, 1), place(1, 0), place(1, 1)];
                    places.sort_by(|a, b| values[*b].total_cmp(&values[*a]));
                    pooled.values.push(values[places[0]]);
                    pooled.places.push(places[0]);
                    let lead = values[places[0]] - values[places[1]];
                    pooled.sure.push(lead >= doubt);
                }
            }
        }
    }
    pooled
}

/// What [`max_pool`] finds, `[n, h / 2, w / 2, c]`.
#[derive(Clone, Debug, Default)]
pub struct Pooled {
    /// The greatest of each window.
    pub values: Vec<f64>,
    /// Indices into the sums.
    pub places: Vec<usize>,
    /// Whether it is greater than the others by more than rounding.
    pub sure: Vec<bool>,
}

impl Pooled {
    /// The values themselves, as if each window held one.
    pub fn of_one(values: &[f64]) -> Self {
        Self {
            values: values.to_vec(),
            places: (0..values.len()).collect(),
            sure: vec![true; values.len()],
        }
    }

    /// The gradient of the sums (there are `count`) from that of the pooled values.
    pub fn backward(&self, grad: &[f64], count: usize) -> Vec<f64> {
        let mut sums = vec![0.0; count];
        for (place, grad) in self.places.iter().zip(grad) {
            sums[*place] += grad;
        }
        sums
    }
}

/// `input [n, inputs] x weight [inputs, outputs]`.
pub fn multiply(input: &[f64], weight: &[f64], inputs: usize, outputs: usize) -> Vec<f64> {
    let mut product = vec![0.0; input.len() / inputs * outputs];
    product
        .par_chunks_mut(outputs)
        .zip(input.par_chunks(inputs))
        .for_each(|(sums, row)| {
            for (value, weights) in row.iter().zip(weight.chunks(outputs)) {
                for (sum, weight) in sums.iter_mut().zip(weights) {
                    *sum += value * weight;
                }
            }
        });
    product
}

/// `[rows, columns]` to `[columns, rows]`.
pub fn transpose(matrix: &[f64], columns: usize) -> Vec<f64> {
    let rows = matrix.len() / columns;
    (0..matrix.len())
        .map(|index| matrix[index % rows * columns + index / rows])
        .collect()
}

/// Gradients of both sides of [`multiply`] from that of the product.
pub fn multiply_backward(
    input: &[f64],
    weight: &[f64],
    grad: &[f64],
    inputs: usize,
    outputs: usize,
) -> [Vec<f64>; 2] {
    let rows = input.len() / inputs;
    [
        multiply(grad, &transpose(weight, outputs), outputs, inputs),
        multiply(&transpose(input, inputs), grad, rows, outputs),
    ]
}

/// A matrix with its singular values made about 1 by Muon's iteration.
pub fn orthogonal(matrix: &[f64], columns: usize) -> Vec<f64> {
    let rows = matrix.len() / columns;
    if rows > columns {
        return transpose(&orthogonal(&transpose(matrix, columns), rows), rows);
    }
    let norm = matrix.iter().map(|x| x * x).sum::<f64>().sqrt();
    let mut x: Vec<f64> = matrix.iter().map(|number| number / norm).collect();
    let [a, b, c] = COEFFICIENTS.map(f64::from);
    for _ in 0..STEPS {
        let gram = multiply(&x, &transpose(&x, columns), columns, rows);
        let square = multiply(&gram, &gram, rows, rows);
        let quartic: Vec<f64> = (gram.iter().zip(&square))
            .map(|(gram, square)| b * gram + c * square)
            .collect();
        let rest = multiply(&quartic, &x, rows, columns);
        x = (x.iter().zip(&rest))
            .map(|(x, rest)| a * x + rest)
            .collect();
    }
    x
}

/// The sums of the columns of a row-major matrix.
pub fn column_sums(matrix: &[f64], columns: usize) -> Vec<f64> {
    let mut sums = vec![0.0; columns];
    for row in matrix.chunks(columns) {
        for (sum, value) in sums.iter_mut().zip(row) {
            *sum += value;
        }
    }
    sums
}

/// Settings of Adam (Kingma & Ba, arXiv:1412.6980) and the number of the step, from 1.
#[derive(Clone, Copy, Debug)]
pub struct Adam {
    /// Of this step.
    pub learning_rate: f64,
    /// Decay of the first moment.
    pub beta1: f64,
    /// Decay of the second moment.
    pub beta2: f64,
    /// Added to the root of the second moment.
    pub epsilon: f64,
    /// Decoupled from the gradient (AdamW), in units of the learning rate.
    pub weight_decay: f64,
    /// Its number, from 1.
    pub step: i32,
}

/// Parameter and moments after Adam's step, in place of those before.
pub fn adam(settings: &Adam, gradient: &[f64], tensors: [&mut [f64]; 3]) {
    let [parameter, moment1, moment2] = tensors;
    let correction1 = 1.0 - settings.beta1.powi(settings.step);
    let correction2 = 1.0 - settings.beta2.powi(settings.step);
    for (index, gradient) in gradient.iter().enumerate() {
        let (m, v) = (&mut moment1[index], &mut moment2[index]);
        *m = settings.beta1 * *m + (1.0 - settings.beta1) * gradient;
        *v = settings.beta2 * *v + (1.0 - settings.beta2) * gradient * gradient;
        let root = (*v / correction2).sqrt() + settings.epsilon;
        parameter[index] *= 1.0 - settings.learning_rate * settings.weight_decay;
        parameter[index] -= settings.learning_rate * (*m / correction1) / root;
    }
}

fn add(mut left: Vec<f64>, right: Vec<f64>) -> Vec<f64> {
    for (left, right) in left.iter_mut().zip(&right) {
        *left += right;
    }
    left
}
