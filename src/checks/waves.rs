//! Images that training steps are checked and timed on: built-in digits where the network is for such, else
//! waves whose direction and colour tell the classes.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::config::Architecture;
use crate::data::{Split, synthetic};

/// `count` images of the shape and the classes that `network` takes; those of `stream` 0 to train on, of 1 to evaluate.
pub fn waves(network: &Architecture, seed: u64, stream: u64, count: usize) -> Split {
    let (shape, classes) = (network.input, network.classes);
    if (shape, classes) == (synthetic::SHAPE, synthetic::CLASSES) {
        return synthetic::draw(seed, stream, count);
    }
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    random.set_stream(stream);
    let mut images = Vec::with_capacity(count * shape.bytes());
    let labels: Vec<u16> = (0..count).map(|index| (index % classes) as u16).collect();
    for &label in &labels {
        let turn = std::f32::consts::PI * f32::from(label) / classes as f32;
        let (sine, cosine) = turn.sin_cos();
        let phase = random.random_range(0.0..0.5f32);
        for at in 0..shape.pixels() {
            let (x, y) = ((at % shape.width) as f32, (at / shape.width) as f32);
            let wave = (0.9 * (x * cosine + y * sine) + phase).sin();
            for channel in 0..shape.channels {
                let tint = (usize::from(label) + channel) % 3;
                let noise = random.random_range(-20.0..20.0f32);
                let value = 110.0 + wave * (40.0 + 30.0 * tint as f32) + noise;
                images.push(value as u8);
            }
        }
    }
    Split {
        shape,
        classes,
        images,
        labels,
    }
}
