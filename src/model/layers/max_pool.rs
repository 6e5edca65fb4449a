//! 2x2 max-pooling by itself: Burn's own, whatever the kernels.

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::convolution::cases;
use super::entry::read;
use super::{Activations, Compute, Describe, Kind, Place, Shape, Tensors};
use crate::kernels::case::Case;
use crate::kernels::max_pool::max_pool;
#[cfg(not(target_family = "wasm"))]
use crate::model::onnx::Chain;

pub const KIND: Kind = Kind {
    name: "pool = \"max\"",
    key: "pool",
    word: Some("max"),
    options: &[],
    example: "pool = \"max\"",
    read: read::<Config>,
    takes_images: true,
    takes_padded_colour: false,
    flattens: false,
    odd_cases,
    #[cfg(not(target_family = "wasm"))]
    operations: &[],
};

/// `{ pool = "max" }`
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pool: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Max,
}

impl Describe for Config {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    /// An odd last row and column are dropped.
    fn output(&self, input: Shape) -> Result<Shape, String> {
        let [height, width, channels] = input.image();
        match height.min(width) {
            0..2 => Err(format!(
                "no 2x2 window fits its {height}x{width} input: leave it out"
            )),
            _ => Ok(Shape::Image([height / 2, width / 2, channels])),
        }
    }

    fn build(&self, _place: &Place, _tensors: &mut Tensors) -> super::Layer {
        super::Layer::MaxPool(Layer {})
    }

    #[cfg(not(target_family = "wasm"))]
    fn nodes(&self, place: &Place, chain: &mut Chain) {
        super::convolution::onnx::max_pool(&format!("pool{}", place.number), chain);
    }

    fn cases(&self, place: &Place, batch: usize) -> Vec<Case> {
        let [height, width, channels] = place.input.image();
        vec![cases::pool([batch, height, width, channels])]
    }
}

/// The layer on its device.
#[derive(Module, Debug)]
pub struct Layer {}

impl Compute for Layer {
    fn forward_eval(&self, input: Activations) -> Activations {
        Activations::Image(max_pool(input.image()))
    }
}

fn odd_cases() -> Vec<Case> {
    let shapes = [[3, 9, 7, 5], [1, 2, 2, 1], [5, 13, 11, 8]];
    shapes.map(cases::pool).into()
}
