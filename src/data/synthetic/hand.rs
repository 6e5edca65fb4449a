//! The writer's hand: every random choice of one image, from its own ChaCha stream.
//! Only + - * / and integer arithmetic, so that the bytes agree on every machine.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

pub struct Hand {
    random: ChaCha8Rng,
}

impl Hand {
    /// The hand of image `index` of split `stream`: independent of all other images.
    pub fn new(seed: u64, stream: u64, index: u64) -> Self {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&seed.to_le_bytes());
        key[8..16].copy_from_slice(&stream.to_le_bytes());
        let mut random = ChaCha8Rng::from_seed(key);
        random.set_stream(index);
        Self { random }
    }

    /// Uniform in `low..high`.
    pub fn between(&mut self, low: f32, high: f32) -> f32 {
        low + (high - low) * ((self.random.next_u32() >> 8) as f32 / 16_777_216.0)
    }

    pub fn chance(&mut self, probability: f32) -> bool {
        self.between(0.0, 1.0) < probability
    }

    /// Bell-shaped around `mean`, never further than 3.5 deviations: the sum of four
    /// uniforms (Irwin-Hall), which needs no logarithm or cosine.
    pub fn about(&mut self, mean: f32, deviation: f32) -> f32 {
        let (a, b) = (self.random.next_u32(), self.random.next_u32());
        let sum = (a >> 16) + (a & 0xffff) + (b >> 16) + (b & 0xffff);
        mean + deviation * 1.732_050_8 * (sum as f32 / 65_536.0 - 2.0)
    }

    /// Uniform over the integers below `bound`, which is under 2^32.
    pub fn below(&mut self, bound: usize) -> usize {
        ((u64::from(self.random.next_u32()) * bound as u64) >> 32) as usize
    }

    /// Index of one of `weights`, drawn in proportion to them.
    pub fn choose(&mut self, weights: &[f32]) -> usize {
        let mut left = self.between(0.0, weights.iter().sum());
        for (index, weight) in weights.iter().enumerate() {
            if left < *weight {
                return index;
            }
            left -= weight;
        }
        weights.len() - 1
    }
}
