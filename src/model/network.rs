//! The network as a Burn module: its layers in order. With the default settings it is the reference network of
//! the benchmarks.

use burn::module::{Module, ModuleVisitor, Param};
use burn::tensor::{Tensor, TensorData};

use super::Architecture;
use super::layers::{Activations, Draw, Layer, Place, Statistics, Tensors, own_channels};
use crate::device::Device;
use crate::kernels::gpu::Place as BufferPlace;

/// The layers in order. Tensors are visited in the order of [`Architecture::parameters`].
#[derive(Module, Debug)]
pub struct Model {
    layers: Vec<Layer>,
    /// How many of the first layers stay as they are in training.
    frozen: usize,
    /// Channels of the images where the first layer takes no fourth one of zeros.
    channels: Option<usize>,
    /// Of the next step.
    #[module(skip)]
    draw: Draw,
}

/// What each layer saw of a batch, where it is one with batch norm.
pub type BatchStatistics = Vec<Option<Statistics>>;

impl Model {
    /// Builds the network on `device`, by whose kernels it computes, from one list of numbers a tensor,
    /// in the order and layout of [`Architecture::parameters`]. It records no gradients.
    ///
    /// # Panics
    /// When a list has the wrong length; readers of files check that first.
    pub fn from_values(network: &Architecture, values: Vec<Vec<f32>>, device: &Device) -> Self {
        Self::partly_trainable(network, values, usize::MAX, device)
    }

    /// The same, recording gradients.
    ///
    /// # Panics
    /// As [`Self::from_values`].
    pub fn trainable(network: &Architecture, values: Vec<Vec<f32>>, device: &Device) -> Self {
        Self::partly_trainable(network, values, 0, device)
    }

    /// The same; the first `frozen` layers record none and stay as they are.
    ///
    /// # Panics
    /// As [`Self::from_values`].
    pub fn partly_trainable(
        network: &Architecture,
        values: Vec<Vec<f32>>,
        frozen: usize,
        device: &Device,
    ) -> Self {
        let shapes = network.parameters().into_iter();
        let data = (shapes.zip(values)).map(|(shape, values)| TensorData::new(values, shape.dims));
        let mut tensors = Tensors::new(data, device.burn().clone(), device.kernels());
        let places = network.checked_places();
        let frozen = frozen.min(places.len());
        let padded = places[0].layer.describe().kind().takes_padded_colour;
        let build = |(index, place): (usize, &Place)| {
            if index == frozen {
                tensors.go_on_with(device.autodiff());
            }
            place.layer.describe().build(place, &mut tensors)
        };
        Self {
            layers: places.iter().enumerate().map(build).collect(),
            frozen,
            channels: (!padded).then_some(network.input.channels),
            draw: Draw::default(),
        }
    }

    /// The network before a step of a run, for what its layers draw.
    #[must_use]
    pub fn before(self, draw: Draw) -> Self {
        Self { draw, ..self }
    }

    /// Logits `[n, classes]` of normalised images `[n, height, width, 1 or 4]`; batch norms use
    /// their running mean and variance.
    pub fn forward_eval(&self, images: Tensor<4>) -> Tensor<2> {
        self.forward_with_features(images).1
    }

    /// What the last layer gets, `[n, features]`, and the logits it makes of it, `[n, classes]`, as
    /// [`Self::forward_eval`] computes them.
    ///
    /// # Panics
    /// Never: a network has a last layer.
    pub fn forward_with_features(&self, images: Tensor<4>) -> (Tensor<2>, Tensor<2>) {
        let (last, hidden) = self.layers.split_last().expect("a last layer");
        let step = |x, layer: &Layer| layer.compute().forward_eval(x);
        let features = hidden.iter().fold(self.input(images), step).features();
        let logits = step(Activations::Features(features.clone()), last);
        (features, logits.features())
    }

    /// Logits in training: batch norms use the mean and variance of the batch, which
    /// [`Self::with_statistics`] takes into the running ones. Frozen layers compute as in the
    /// evaluation, and nothing is recorded of them.
    pub fn forward_train(&self, images: Tensor<4>) -> (Tensor<2>, BatchStatistics) {
        let (frozen, trained) = self.layers.split_at(self.frozen);
        let input = match frozen {
            [] => self.input(images),
            frozen => frozen
                .iter()
                .fold(self.input(images.without_autodiff()), |x, layer| {
                    layer.compute().forward_eval(x)
                })
                .autodiff(),
        };
        let mut statistics = vec![None; frozen.len()];
        let logits = trained.iter().fold(input, |x, layer| {
            let (output, found) = layer.compute().forward_train(x, self.draw);
            statistics.push(found);
            output
        });
        (logits.features(), statistics)
    }

    /// The network before the next step, with the running mean and variance moved towards those of a batch.
    #[must_use]
    pub fn with_statistics(mut self, statistics: BatchStatistics) -> Self {
        for (layer, found) in self.layers.iter_mut().zip(statistics) {
            if let Some(found) = found {
                layer.compute_mut().follow(found);
            }
        }
        self.draw.step += 1;
        self
    }

    /// Where its tensors lie on their adapter.
    pub fn places(&self) -> Vec<Option<BufferPlace>> {
        let mut found = Places(Vec::new());
        self.visit(&mut found);
        found.0
    }

    /// Images as the first layer takes them.
    fn input(&self, images: Tensor<4>) -> Activations {
        Activations::Image(match self.channels {
            Some(own) => own_channels(images, own),
            None => images,
        })
    }
}

struct Places(Vec<Option<BufferPlace>>);

impl ModuleVisitor for Places {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        self.0
            .push(BufferPlace::of(&parameter.val().without_autodiff()));
    }
}
