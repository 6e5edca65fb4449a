//! Batch norm in float64.

use super::column_sums;

/// A batch norm of `input [rows, channels]` (Ioffe and Szegedy, arXiv:1502.03167), plus a residual.
pub struct BatchNorm {
    /// `[rows, channels]`.
    pub input: Vec<f64>,
    /// `[channels]`.
    pub scale: Vec<f64>,
    /// `[channels]`.
    pub shift: Vec<f64>,
    /// `[rows, channels]`, added before the ReLU.
    pub residual: Option<Vec<f64>>,
    /// Added to the variance.
    pub epsilon: f64,
}

impl BatchNorm {
    fn rows(&self) -> f64 {
        (self.input.len() / self.scale.len()) as f64
    }

    /// Mean and (biased) variance of each channel.
    pub fn statistics(&self) -> [Vec<f64>; 2] {
        let channels = self.scale.len();
        let share = |sums: Vec<f64>| sums.iter().map(|sum| sum / self.rows()).collect();
        let mean: Vec<f64> = share(column_sums(&self.input, channels));
        let squares: Vec<f64> = (self.input.iter().enumerate())
            .map(|(at, value)| (value - mean[at % channels]).powi(2))
            .collect();
        let variance = share(column_sums(&squares, channels));
        [mean, variance]
    }

    fn normal(&self, mean: &[f64], variance: &[f64]) -> Vec<f64> {
        let channels = self.scale.len();
        let normal = |(at, value): (usize, &f64)| {
            let channel = at % channels;
            (value - mean[channel]) / (variance[channel] + self.epsilon).sqrt()
        };
        self.input.iter().enumerate().map(normal).collect()
    }

    /// Scaled, shifted and added to the residual.
    pub fn normalise(&self, mean: &[f64], variance: &[f64]) -> Vec<f64> {
        let channels = self.scale.len();
        let mut output = self.normal(mean, variance);
        for (at, value) in output.iter_mut().enumerate() {
            *value = *value * self.scale[at % channels] + self.shift[at % channels];
            *value += self.residual.as_ref().map_or(0.0, |residual| residual[at]);
        }
        output
    }

    /// Gradients of input, scale and shift where mean and variance are the input's own.
    pub fn backward(&self, mean: &[f64], variance: &[f64], grad: &[f64]) -> [Vec<f64>; 3] {
        let channels = self.scale.len();
        let normal = self.normal(mean, variance);
        let products: Vec<f64> = grad.iter().zip(&normal).map(|(g, x)| g * x).collect();
        let (grad_scale, grad_shift) = (
            column_sums(&products, channels),
            column_sums(grad, channels),
        );
        let grad_input = (grad.iter().zip(&normal).enumerate())
            .map(|(at, (grad, normal))| {
                let channel = at % channels;
                let common = (grad_shift[channel] + normal * grad_scale[channel]) / self.rows();
                let factor = self.scale[channel] / (variance[channel] + self.epsilon).sqrt();
                factor * (grad - common)
            })
            .collect();
        [grad_input, grad_scale, grad_shift]
    }
}
