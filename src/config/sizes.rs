//! The sizes of every layer, as they follow from the settings and the 28x28 picture.

use super::network::{ConvolutionConfig, LayerConfig, ModelConfig};
use crate::data::{CLASSES, SIDE};

const MOST_LAYERS: usize = 100;
const MOST_CHANNELS: usize = 1024;
const MOST_WIDTH: usize = 16_384;
/// Five times these, as a checkpoint may hold them, stay below what a reader takes.
const MOST_WEIGHTS: usize = 150_000_000;

/// A network with the size of each of its layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub convolutions: Vec<ConvolutionSize>,
    /// Side of the square that the last convolution leaves, and its channels.
    pub side: usize,
    pub channels: usize,
    /// Whether each channel is averaged before the linear layers.
    pub average: bool,
    /// Inputs and outputs of each linear layer; the last gives the classes.
    pub linears: Vec<[usize; 2]>,
}

/// A convolution with the square it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionSize {
    pub layer: ConvolutionConfig,
    /// Side of the input, without padding.
    pub side: usize,
    /// Channels of the input.
    pub inputs: usize,
}

impl ConvolutionSize {
    /// Side of what the convolution gives, before pooling.
    pub fn convolved(&self) -> usize {
        let ConvolutionConfig {
            kernel,
            stride,
            padding,
            ..
        } = self.layer;
        (self.side + 2 * padding - kernel) / stride + 1
    }

    /// Side of what the layer gives; pooling drops an odd last row and column.
    pub fn output(&self) -> usize {
        match self.layer.pool {
            true => self.convolved() / 2,
            false => self.convolved(),
        }
    }
}

impl ModelConfig {
    /// The size of every layer.
    ///
    /// # Errors
    /// Which entry cannot be, and why; settings and files are checked when they are read.
    pub fn sizes(&self) -> Result<Sizes, String> {
        if self.layers.len() > MOST_LAYERS {
            return Err(format!("must have at most {MOST_LAYERS} entries"));
        }
        let mut sizes = Sizes {
            convolutions: Vec::new(),
            side: SIDE,
            channels: 1,
            average: false,
            linears: Vec::new(),
        };
        let mut weights = 0;
        for (index, &layer) in self.layers.iter().enumerate() {
            weights += sizes
                .add(layer)
                .map_err(|reason| format!("entry {}: {reason}", index + 1))?;
            if weights > MOST_WEIGHTS {
                let entry = index + 1;
                return Err(format!(
                    "entry {entry}: more than {MOST_WEIGHTS} weights up to here"
                ));
            }
        }
        sizes.linears.push([sizes.width(), CLASSES]);
        Ok(sizes)
    }

    /// The sizes of settings that were checked when they were read.
    pub(crate) fn checked_sizes(&self) -> Sizes {
        self.sizes().expect("checked with the settings")
    }
}

impl Sizes {
    /// Appends a layer; the count is its weights.
    fn add(&mut self, layer: LayerConfig) -> Result<usize, String> {
        match layer {
            LayerConfig::Convolution(layer) => {
                if let Some(before) = self.past_pictures() {
                    return Err(format!("a convolution cannot follow {before}"));
                }
                let size = ConvolutionSize {
                    layer,
                    side: self.side,
                    inputs: self.channels,
                };
                check(&size)?;
                self.convolutions.push(size);
                (self.side, self.channels) = (size.output(), layer.channels);
                Ok(size.inputs * layer.channels * layer.kernel * layer.kernel)
            }
            LayerConfig::AveragePool => match self.past_pictures() {
                Some(before) => Err(format!("pool = \"average\" cannot follow {before}")),
                None => {
                    self.average = true;
                    Ok(0)
                }
            },
            LayerConfig::Linear(width) => {
                within("linear", width, MOST_WIDTH)?;
                let inputs = self.width();
                self.linears.push([inputs, width]);
                Ok(inputs * width)
            }
        }
    }

    /// What has made an end of rows and columns.
    fn past_pictures(&self) -> Option<&'static str> {
        match (self.linears.is_empty(), self.average) {
            (false, _) => Some("a linear layer"),
            (true, true) => Some("the average over all pixels"),
            (true, false) => None,
        }
    }

    /// Numbers a picture that the next linear layer gets.
    fn width(&self) -> usize {
        match (self.linears.last(), self.average) {
            (Some(&[_, outputs]), _) => outputs,
            (None, true) => self.channels,
            (None, false) => self.side * self.side * self.channels,
        }
    }
}

fn check(size: &ConvolutionSize) -> Result<(), String> {
    let ConvolutionSize {
        layer,
        side,
        inputs,
    } = *size;
    within("convolution", layer.channels, MOST_CHANNELS)?;
    within("kernel", layer.kernel, SIDE)?;
    within("stride", layer.stride, SIDE)?;
    if layer.padding >= layer.kernel {
        return Err(format!(
            "padding = {} must be less than kernel = {}",
            layer.padding, layer.kernel
        ));
    }
    if side + 2 * layer.padding < layer.kernel || size.output() == 0 {
        return Err(format!(
            "nothing is left of its {side}x{side} input: take a smaller kernel or stride, no pool, or more padding"
        ));
    }
    let (found, channels) = (size.output(), layer.channels);
    if layer.residual && (found, channels) != (side, inputs) {
        return Err(format!(
            "residual adds its input, {side}x{side} of {inputs} channels, to its output, {found}x{found} of {channels}: they must be alike"
        ));
    }
    Ok(())
}

fn within(key: &str, value: usize, most: usize) -> Result<(), String> {
    match (1..=most).contains(&value) {
        true => Ok(()),
        false => Err(format!("{key} = {value} must lie from 1 to {most}")),
    }
}
