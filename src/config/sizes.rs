//! A network for images of some shape and a number of classes, and the size of each of its layers.

use serde::{Deserialize, Serialize};

use super::network::{ConvolutionConfig, LayerConfig, ModelConfig};
use crate::kernels::images::ImageShape;

const MOST_LAYERS: usize = 100;
const MOST_CHANNELS: usize = 1024;
const MOST_WIDTH: usize = 16_384;
/// The longest side of a kernel, and the longest stride: those of the largest image.
pub(super) const MOST_SIDE: usize = 128;
/// Five times these, as a checkpoint may hold them, stay below what a reader takes.
const MOST_WEIGHTS: usize = 150_000_000;

/// A network: its layers, the images it takes and the classes it tells apart.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    pub model: ModelConfig,
    pub input: ImageShape,
    pub classes: usize,
}

/// A network with the size of each of its layers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sizes {
    pub convolutions: Vec<ConvolutionSize>,
    /// Rows and columns that the last convolution leaves, and its channels.
    pub height: usize,
    pub width: usize,
    pub channels: usize,
    /// Whether each channel is averaged before the linear layers.
    pub average: bool,
    /// Inputs and outputs of each linear layer; the last gives the classes.
    pub linears: Vec<[usize; 2]>,
}

/// A convolution with the images it works on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionSize {
    pub layer: ConvolutionConfig,
    /// Rows and columns of the input, without padding.
    pub height: usize,
    pub width: usize,
    /// Channels of the input.
    pub inputs: usize,
}

impl ConvolutionSize {
    /// Rows and columns of what the convolution gives, before pooling.
    pub fn convolved(&self) -> [usize; 2] {
        let ConvolutionConfig {
            kernel,
            stride,
            padding,
            ..
        } = self.layer;
        [self.height, self.width].map(|side| (side + 2 * padding - kernel) / stride + 1)
    }

    /// Rows and columns of what the layer gives; pooling drops an odd last row and column.
    pub fn output(&self) -> [usize; 2] {
        match self.layer.pool {
            true => self.convolved().map(|side| side / 2),
            false => self.convolved(),
        }
    }
}

impl ModelConfig {
    /// The network of these layers for images of a shape in so many classes.
    pub fn network(&self, input: ImageShape, classes: usize) -> Architecture {
        Architecture {
            model: self.clone(),
            input,
            classes,
        }
    }

    /// Checks what can be checked without knowing the images.
    ///
    /// # Errors
    /// Which entry cannot be, and why.
    pub fn check(&self) -> Result<(), String> {
        if self.layers.len() > MOST_LAYERS {
            return Err(format!("must have at most {MOST_LAYERS} entries"));
        }
        let mut before = None;
        for (index, layer) in self.layers.iter().enumerate() {
            check_entry(layer, before)
                .map_err(|reason| format!("entry {}: {reason}", index + 1))?;
            before = match layer {
                LayerConfig::Convolution(_) => before,
                LayerConfig::AveragePool => Some("the average over all pixels"),
                LayerConfig::Linear(_) => Some("a linear layer"),
            };
        }
        Ok(())
    }
}

impl Architecture {
    /// The size of every layer.
    ///
    /// # Errors
    /// Which entry cannot be, and why; settings are checked where the images are known, files
    /// when they are read.
    pub fn sizes(&self) -> Result<Sizes, String> {
        self.model.check()?;
        let mut sizes = Sizes {
            convolutions: Vec::new(),
            height: self.input.height,
            width: self.input.width,
            channels: self.input.channels,
            average: false,
            linears: Vec::new(),
        };
        let mut weights = 0;
        let last = LayerConfig::Linear(self.classes);
        for (index, &layer) in self.model.layers.iter().chain([&last]).enumerate() {
            let entry = index + 1;
            weights += sizes
                .add(layer)
                .map_err(|reason| format!("entry {entry}: {reason}"))?;
            if weights > MOST_WEIGHTS {
                return Err(format!(
                    "entry {entry}: more than {MOST_WEIGHTS} weights up to here"
                ));
            }
        }
        Ok(sizes)
    }

    /// The sizes of a network that was checked when it was made.
    pub(crate) fn checked_sizes(&self) -> Sizes {
        self.sizes().expect("checked with the images")
    }
}

impl Sizes {
    /// Appends a layer; the count is its weights.
    fn add(&mut self, layer: LayerConfig) -> Result<usize, String> {
        match layer {
            LayerConfig::Convolution(layer) => {
                let size = ConvolutionSize {
                    layer,
                    height: self.height,
                    width: self.width,
                    inputs: self.channels,
                };
                fits(&size)?;
                self.convolutions.push(size);
                [self.height, self.width] = size.output();
                self.channels = layer.channels;
                Ok(size.inputs * layer.channels * layer.kernel * layer.kernel)
            }
            LayerConfig::AveragePool => {
                self.average = true;
                Ok(0)
            }
            LayerConfig::Linear(outputs) => {
                let inputs = self.features();
                self.linears.push([inputs, outputs]);
                Ok(inputs * outputs)
            }
        }
    }

    /// Numbers an image that the next linear layer gets.
    fn features(&self) -> usize {
        match (self.linears.last(), self.average) {
            (Some(&[_, outputs]), _) => outputs,
            (None, true) => self.channels,
            (None, false) => self.height * self.width * self.channels,
        }
    }
}

/// Checks an entry by itself and against what has made an end of rows and columns `before` it.
fn check_entry(layer: &LayerConfig, before: Option<&str>) -> Result<(), String> {
    match (layer, before) {
        (LayerConfig::Linear(width), _) => within("linear", *width, MOST_WIDTH),
        (LayerConfig::Convolution(_), Some(before)) => {
            Err(format!("a convolution cannot follow {before}"))
        }
        (LayerConfig::AveragePool, Some(before)) => {
            Err(format!("pool = \"average\" cannot follow {before}"))
        }
        (LayerConfig::AveragePool, None) => Ok(()),
        (LayerConfig::Convolution(layer), None) => {
            within("convolution", layer.channels, MOST_CHANNELS)?;
            within("kernel", layer.kernel, MOST_SIDE)?;
            within("stride", layer.stride, MOST_SIDE)?;
            match layer.padding < layer.kernel {
                true => Ok(()),
                false => Err(format!(
                    "padding = {} must be less than kernel = {}",
                    layer.padding, layer.kernel
                )),
            }
        }
    }
}

/// Checks a convolution against its input.
fn fits(size: &ConvolutionSize) -> Result<(), String> {
    let ConvolutionSize {
        layer,
        height,
        width,
        inputs,
    } = *size;
    let shortest = height.min(width);
    if shortest + 2 * layer.padding < layer.kernel || size.output().contains(&0) {
        return Err(format!(
            "nothing is left of its {height}x{width} input: take a smaller kernel or stride, no pool, or more padding"
        ));
    }
    let ([rows, columns], channels) = (size.output(), layer.channels);
    if layer.residual && (rows, columns, channels) != (height, width, inputs) {
        return Err(format!(
            "residual adds its input, {height}x{width} of {inputs} channels, to its output, {rows}x{columns} of {channels}: they must be alike"
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
