//! The kinds of layers. A kind is a file, or a folder, that says everything of it; `kinds!` lists them all.

mod average_pool;
mod batch_norm;
mod convolution;
mod dropout;
mod entry;
mod linear;
mod max_pool;

use burn::module::{Module, Param, ParamId};
use burn::tensor::{Device, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::parameters::ParameterList;
use crate::kernels::Kernels;
use crate::kernels::case::Case;
#[cfg(not(target_family = "wasm"))]
use crate::model::onnx::{Chain, Evaluate};
pub use batch_norm::{Norm, Statistics};
pub use entry::Entry;

macro_rules! kinds {
    ($($(#[$about:meta])* $kind:ident($file:ident)),* $(,)?) => {
        /// One entry of `model.layers`.
        #[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
        #[serde(try_from = "Entry", untagged)]
        pub enum LayerConfig {
            $($(#[$about])* $kind($file::Config)),*
        }

        /// A layer with its numbers.
        #[derive(Module, Debug)]
        #[allow(clippy::large_enum_variant)] // A network has few.
        pub enum Layer {
            $($(#[$about])* $kind($file::Layer)),*
        }

        const KINDS: &[Kind] = &[$($file::KIND),*];

        impl LayerConfig {
            /// What its kind says of it.
            pub fn describe(&self) -> &dyn Describe {
                match self {
                    $(Self::$kind(config) => config),*
                }
            }
        }

        impl Layer {
            /// What its kind computes.
            pub fn compute(&self) -> &dyn Compute {
                match self {
                    $(Self::$kind(layer) => layer),*
                }
            }

            /// The same, to be changed.
            pub fn compute_mut(&mut self) -> &mut dyn Compute {
                match self {
                    $(Self::$kind(layer) => layer),*
                }
            }
        }

        $(impl From<$file::Config> for LayerConfig {
            fn from(config: $file::Config) -> Self {
                Self::$kind(config)
            }
        })*
    };
}

kinds! {
    /// A convolution with what follows it: pooling, batch norm, its own input added, ReLU.
    Convolution(convolution),
    /// The mean of each channel.
    AveragePool(average_pool),
    /// 2x2 max-pooling by itself.
    MaxPool(max_pool),
    /// A linear layer and, but for the last one, ReLU.
    Linear(linear),
    /// Numbers set to 0 at random, in training.
    Dropout(dropout),
}

impl LayerConfig {
    /// A linear layer without a ReLU, as a network ends with.
    pub fn last(outputs: usize) -> Self {
        linear::Config::last(outputs).into()
    }
}

/// A kind of layer as plain data.
pub struct Kind {
    /// As messages call one.
    pub name: &'static str,
    /// The key that makes an entry one of this kind; with its word, where kinds share a key.
    pub key: &'static str,
    /// The value of `key` that means this kind; `None` where any value does.
    pub word: Option<&'static str>,
    /// Its other keys.
    pub options: &'static [&'static str],
    /// How an entry begins.
    pub example: &'static str,
    /// Reads an entry, or says what is wrong with it.
    pub read: fn(Entry) -> Result<LayerConfig, String>,
    /// Whether it takes images alone, not features.
    pub takes_images: bool,
    /// Whether it takes coloured images with the fourth channel of zeros that they have on a device.
    pub takes_padded_colour: bool,
    /// Whether it makes features of an image.
    pub flattens: bool,
    /// Checks at shapes that leave something over in every tile.
    pub odd_cases: fn() -> Vec<Case>,
    /// The ONNX operations that it brings.
    #[cfg(not(target_family = "wasm"))]
    pub operations: &'static [(&'static str, Evaluate)],
}

/// What flows between layers, of one image.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Rows, columns, channels.
    Image([usize; 3]),
    /// `[n, features]`.
    Features(usize),
}

impl Shape {
    /// How many numbers those are.
    pub fn count(self) -> usize {
        match self {
            Self::Image(sides) => sides.iter().product(),
            Self::Features(count) => count,
        }
    }

    /// Rows, columns and channels, of layers that take images alone.
    ///
    /// # Panics
    /// For features, which such layers are never given.
    pub fn image(self) -> [usize; 3] {
        match self {
            Self::Image(sides) => sides,
            Self::Features(count) => unreachable!("{count} features as an image"),
        }
    }
}

/// A layer where it stands in a network.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// The layer.
    pub layer: LayerConfig,
    /// Among those of its kind, from 1.
    pub number: usize,
    /// What it takes.
    pub input: Shape,
    /// What it gives.
    pub output: Shape,
    /// Whether the input is the images themselves, which need no gradients.
    pub is_first: bool,
    /// How its batch norm computes.
    pub norm: Norm,
}

/// What a layer is before it has numbers.
pub trait Describe {
    /// The kind of layer that this is an entry of.
    fn kind(&self) -> &'static Kind;

    /// Checks what can be checked without knowing the input.
    ///
    /// # Errors
    /// What cannot be.
    fn check(&self) -> Result<(), String> {
        Ok(())
    }

    /// What it makes of an input.
    ///
    /// # Errors
    /// Why it can make nothing.
    fn output(&self, input: Shape) -> Result<Shape, String>;

    /// Adds its tensors by PyTorch's names, in the order in which the module holds them.
    fn parameters(&self, _place: &Place, _list: &mut ParameterList) {}

    /// The layer with its numbers, taken in that order.
    fn build(&self, place: &Place, tensors: &mut Tensors) -> Layer;

    /// Whether the host draws numbers for it in every step of a training.
    fn draws_in_training(&self) -> bool {
        false
    }

    /// Multiply-adds of a training step, an image.
    fn products(&self, _place: &Place) -> f64 {
        0.0
    }

    /// Adds its ONNX nodes.
    #[cfg(not(target_family = "wasm"))]
    fn nodes(&self, place: &Place, chain: &mut Chain);

    /// Its operations on a batch, against float64.
    fn cases(&self, place: &Place, batch: usize) -> Vec<Case>;
}

/// What a layer computes.
pub trait Compute {
    /// As the evaluation has it, with running statistics.
    fn forward_eval(&self, input: Activations) -> Activations;

    /// As the training has it; with what a batch norm saw of the batch.
    fn forward_train(&self, input: Activations, _draw: Draw) -> (Activations, Option<Statistics>) {
        (self.forward_eval(input), None)
    }

    /// Moves running statistics towards those of a batch.
    fn follow(&mut self, _found: Statistics) {}
}

/// Whose numbers are drawn in training. What a layer draws is a function of these and its place alone,
/// whatever the device.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Draw {
    /// Of the run.
    pub seed: u64,
    /// Steps before this one.
    pub step: u64,
}

/// What flows between layers, of a batch.
#[derive(Clone, Debug)]
pub enum Activations {
    /// `[n, h, w, c]`
    Image(Tensor<4>),
    /// `[n, c]`
    Features(Tensor<2>),
}

impl Activations {
    /// The same as a constant beside what records gradients.
    #[must_use]
    pub fn autodiff(self) -> Self {
        match self {
            Self::Image(image) => Self::Image(image.autodiff()),
            Self::Features(features) => Self::Features(features.autodiff()),
        }
    }

    /// `[n, h, w, c]`, of layers that take images alone.
    pub fn image(self) -> Tensor<4> {
        match self {
            Self::Image(image) => image,
            Self::Features(_) => unreachable!("such layers are refused behind features"),
        }
    }

    /// `[n, c]`; an image's rows, columns and channels become one.
    pub fn features(self) -> Tensor<2> {
        match self {
            Self::Image(image) => image.flatten(1, 3),
            Self::Features(features) => features,
        }
    }
}

/// The numbers of a network, on their way to a device layer by layer.
pub struct Tensors {
    data: Box<dyn Iterator<Item = TensorData>>,
    device: Device,
    /// Whose operations compute the layers.
    pub kernels: Kernels,
}

impl Tensors {
    /// Numbers in the order of the network's parameters, for a device, to be computed with by these kernels.
    pub fn new(
        data: impl Iterator<Item = TensorData> + 'static,
        device: Device,
        kernels: Kernels,
    ) -> Self {
        Self {
            data: Box::new(data),
            device,
            kernels,
        }
    }

    /// Has those to come live on another device.
    pub fn go_on_with(&mut self, device: Device) {
        self.device = device;
    }

    /// The next one, which gets gradients where the device records them.
    pub fn parameter<const D: usize>(&mut self) -> Param<Tensor<D>> {
        Param::from_data(self.next(), &self.device)
    }

    /// The next one, which gets none.
    pub fn statistic(&mut self) -> Param<Tensor<1>> {
        let tensor = Tensor::from_data(self.next(), &self.device);
        Param::initialized(ParamId::new(), tensor)
    }

    fn next(&mut self) -> TensorData {
        self.data.next().expect("a list for every tensor")
    }
}

/// Every kind's checks at odd shapes.
pub fn odd_cases() -> Vec<Case> {
    let cases = KINDS.iter().map(|kind| (kind.odd_cases)());
    batch_norm::odd_cases().chain(cases.flatten()).collect()
}

/// What computes an ONNX operation, where a layer brings it.
#[cfg(not(target_family = "wasm"))]
pub fn evaluator(operation: &str) -> Option<Evaluate> {
    let mut operations = KINDS.iter().flat_map(|kind| kind.operations);
    operations
        .find(|(name, _)| *name == operation)
        .map(|(_, evaluate)| *evaluate)
}

/// Checks a number of a setting.
fn within(key: &str, value: usize, most: usize) -> Result<(), String> {
    match (1..=most).contains(&value) {
        true => Ok(()),
        false => Err(format!("{key} = {value} must lie from 1 to {most}")),
    }
}

/// The input without the channel of zeros that coloured images come with.
pub fn own_channels(input: Tensor<4>, own: usize) -> Tensor<4> {
    let [count, height, width, channels] = input.dims();
    match own < channels {
        true => input.slice([0..count, 0..height, 0..width, 0..own]),
        false => input,
    }
}
