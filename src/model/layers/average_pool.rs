//! The mean of each channel over all pixels.

use burn::module::Module;
use serde::{Deserialize, Serialize};

use super::entry::read;
use super::{Activations, Compute, Describe, Kind, Place, Shape, Tensors};
use crate::kernels::Kernels;
use crate::kernels::case::{Case, Numbers, Outputs, f64s, leaf, send_back};
#[cfg(not(target_family = "wasm"))]
use crate::model::onnx::{Chain, Tensor, Value, int, proto::NodeProto};

pub const KIND: Kind = Kind {
    name: "pool = \"average\"",
    key: "pool",
    word: Some("average"),
    options: &[],
    example: "pool = \"average\"",
    read: read::<Config>,
    takes_images: true,
    takes_padded_colour: false,
    flattens: true,
    odd_cases,
    #[cfg(not(target_family = "wasm"))]
    operations: &[("GlobalAveragePool", average)],
};

/// `{ pool = "average" }`
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    pool: Word,
}

#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Average,
}

impl Describe for Config {
    fn kind(&self) -> &'static Kind {
        &KIND
    }

    fn output(&self, input: Shape) -> Result<Shape, String> {
        let [_, _, channels] = input.image();
        Ok(Shape::Features(channels))
    }

    fn build(&self, _place: &Place, tensors: &mut Tensors) -> super::Layer {
        super::Layer::AveragePool(Layer {
            kernels: tensors.kernels,
        })
    }

    #[cfg(not(target_family = "wasm"))]
    fn nodes(&self, _place: &Place, chain: &mut Chain) {
        chain.then("average", "GlobalAveragePool", &[], Vec::new());
        chain.then("flat", "Flatten", &[], vec![int("axis", 1)]);
    }

    fn cases(&self, place: &Place, batch: usize) -> Vec<Case> {
        let [height, width, channels] = place.input.image();
        vec![case([batch, height, width, channels])]
    }
}

/// The layer on its device.
#[derive(Module, Debug)]
pub struct Layer {
    #[module(skip)]
    kernels: Kernels,
}

impl Compute for Layer {
    fn forward_eval(&self, input: Activations) -> Activations {
        Activations::Features(self.kernels.average_pool(input.image()))
    }
}

/// The mean of each plane.
#[cfg(not(target_family = "wasm"))]
fn average(inputs: &[&Tensor], _node: &NodeProto) -> Result<Value, String> {
    let &[x] = inputs else {
        return Err(format!("an average of {} inputs", inputs.len()));
    };
    let &[count, channels, height, width] = &x.dims[..] else {
        return Err("an average over other than four dimensions".into());
    };
    let pixels = height * width;
    let planes = x.values.chunks(pixels);
    let mean = |plane: &[f32]| {
        let sum: f64 = plane.iter().map(|&value| f64::from(value)).sum();
        (sum / pixels as f64) as f32
    };
    Ok((vec![count, channels, 1, 1], planes.map(mean).collect()))
}

fn odd_cases() -> Vec<Case> {
    let shapes = [[7, 3, 5, 96], [1, 1, 1, 3], [3, 13, 11, 10]];
    shapes.map(case).into()
}

/// Output and gradient of `[n, h, w, c]`.
fn case(shape: [usize; 4]) -> Case {
    let [batch, height, width, channels] = shape;
    Case {
        op: "average_pool",
        shape: format!("{batch}x{height}x{width}x{channels}"),
        work: Box::new(move |subject| {
            let (size, image) = (shape.iter().product(), height * width * channels);
            let share = 1.0 / (height * width) as f64;
            let mut numbers = Numbers::new(9);
            let input = numbers.floats(size, 1.0);
            let upstream = numbers.floats(batch * channels, 1.0);
            let mut expected = vec![0.0; batch * channels];
            let mut grad_input = vec![0.0; size];
            for (at, value) in f64s(&input).into_iter().enumerate() {
                let to = at / image * channels + at % channels;
                expected[to] += value * share;
                grad_input[at] = f64::from(upstream[to]) * share;
            }
            let input = leaf(&input, shape, subject);
            let output = subject.kernels.average_pool(input.clone());
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), expected)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
        }),
    }
}
