//! Inverted dropout (Srivastava et al., JMLR 15, 2014): in training a share of the numbers becomes 0 and the rest
//! grows, so that the evaluation takes all as they are.

use burn::module::Module;
use burn::tensor::{DType, Tensor, TensorData};
use serde::{Deserialize, Serialize};

use super::entry::read;
use super::{Activations, Compute, Describe, Draw, Kind, Place, Shape, Statistics, Tensors};
use crate::kernels::augment_batch::random::{threefry, threefry_lanes};
use crate::kernels::case::{Case, Numbers, Outputs, f64s, leaf, send_back};
use crate::kernels::parallel;
#[cfg(not(target_family = "wasm"))]
use crate::model::onnx::Chain;

/// Keeps these numbers apart from what else is drawn for a seed.
const STREAM: u32 = 1;
/// Numbers that a thread draws at a time.
const TOGETHER: usize = 4096;
/// Counters side by side, of four numbers each.
const LANES: usize = 16;

pub const KIND: Kind = Kind {
    name: "a dropout",
    key: "dropout",
    word: None,
    options: &[],
    example: "dropout = P",
    read: read::<Config>,
    takes_images: false,
    takes_padded_colour: false,
    flattens: false,
    odd_cases,
    #[cfg(not(target_family = "wasm"))]
    operations: &[],
};

/// `{ dropout = P }`: the share that becomes 0.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    dropout: f64,
}

impl Describe for Config {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn check(&self) -> Result<(), String> {
        match (0.0..1.0).contains(&self.dropout) {
            true => Ok(()),
            false => Err(format!(
                "dropout = {} must lie from 0 to below 1",
                self.dropout
            )),
        }
    }

    fn output(&self, input: Shape) -> Result<Shape, String> {
        Ok(input)
    }

    fn build(&self, place: &Place, _tensors: &mut Tensors) -> super::Layer {
        super::Layer::Dropout(Layer {
            config: *self,
            number: place.number,
        })
    }

    fn draws_in_training(&self) -> bool {
        self.dropout > 0.0
    }

    /// None: an exported network only answers.
    #[cfg(not(target_family = "wasm"))]
    fn nodes(&self, _place: &Place, _chain: &mut Chain) {}

    fn cases(&self, place: &Place, batch: usize) -> Vec<Case> {
        vec![case(*self, [batch, place.input.count()])]
    }
}

/// The layer on its device.
#[derive(Module, Debug)]
pub struct Layer {
    #[module(skip)]
    config: Config,
    /// Among the dropouts of the network.
    number: usize,
}

impl Compute for Layer {
    fn forward_eval(&self, input: Activations) -> Activations {
        input
    }

    fn forward_train(&self, input: Activations, draw: Draw) -> (Activations, Option<Statistics>) {
        let output = match input {
            Activations::Image(image) => Activations::Image(self.drop(image, draw)),
            Activations::Features(features) => Activations::Features(self.drop(features, draw)),
        };
        (output, None)
    }
}

impl Layer {
    fn drop<const D: usize>(&self, input: Tensor<D>, draw: Draw) -> Tensor<D> {
        let dims = input.dims();
        let factors = factors(self.config, draw, self.number, dims.iter().product());
        let options = (&input.device(), DType::F32);
        input * Tensor::from_data(TensorData::new(factors, dims), options)
    }
}

/// What each number of a batch is multiplied by, the same whatever the device: the high 24 bits of a
/// counter-based stream, keyed by seed, step and layer, are compared with the share that is kept.
fn factors(config: Config, draw: Draw, number: usize, count: usize) -> Vec<f32> {
    let kept = 1.0 - config.dropout;
    let (below, factor) = (
        (kept * f64::from(1 << 24)).ceil() as u32,
        (1.0 / kept) as f32,
    );
    let key = [
        draw.seed as u32,
        (draw.seed >> 32) as u32,
        draw.step as u32,
        number as u32,
    ];
    let mut factors = vec![0.0; count];
    let chunks = factors.chunks_mut(TOGETHER).enumerate();
    parallel::for_each(chunks, |(chunk, factors)| {
        for (at, factors) in factors.chunks_mut(4 * LANES).enumerate() {
            let first = (chunk * (TOGETHER / 4) + at * LANES) as u32;
            let counters = std::array::from_fn(|lane| first + lane as u32);
            let words = threefry_lanes(key, [counters, [0; LANES], [0; LANES], [STREAM; LANES]]);
            for (place, to) in factors.iter_mut().enumerate() {
                let word = words[place % 4][place / 4];
                *to = if word >> 8 < below { factor } else { 0.0 };
            }
        }
    });
    factors
}

fn odd_cases() -> Vec<Case> {
    let sizes = [[7, 13], [1, 1], [3, 5000]];
    sizes.map(|size| case(Config { dropout: 0.3 }, size)).into()
}

/// Output and gradient of a batch of so many features; a number is drawn alone here.
fn case(config: Config, size: [usize; 2]) -> Case {
    let draw = Draw { seed: 5, step: 77 };
    Case {
        op: "dropout",
        shape: format!("{}x{}", size[0], size[1]),
        work: Box::new(move |subject| {
            let mut numbers = Numbers::new(19);
            let input = numbers.floats(size[0] * size[1], 1.0);
            let upstream = numbers.floats(input.len(), 1.0);
            let kept = 1.0 - config.dropout;
            let passed = |(at, number): (usize, f64)| {
                let words = threefry([5, 0, 77, 1], [at as u32 / 4, 0, 0, STREAM]);
                let drawn = f64::from(words[at % 4] >> 8) / f64::from(1 << 24);
                if drawn < kept { number / kept } else { 0.0 }
            };
            let expected = f64s(&input).into_iter().enumerate().map(passed);
            let grad_input = f64s(&upstream).into_iter().enumerate().map(passed);
            let layer = Layer { config, number: 1 };
            let input = leaf(&input, size, subject);
            let output = layer.drop(input.clone(), draw);
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), expected.collect())
                .with_gradient(
                    "gradient of input",
                    &input,
                    &gradients,
                    grad_input.collect(),
                )
        }),
    }
}
