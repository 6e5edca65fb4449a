//! The shape of images as kernels take them, and how their bytes become numbers.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::limits::LARGEST_BINDING;

/// The longest side of an image that is taken.
pub const MOST_SIDE: usize = 128;
/// Shortest and longest side of an image, in pixels.
pub const SIDES: std::ops::RangeInclusive<usize> = 8..=MOST_SIDE;

/// Height, width and channels of every image of a set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ImageShape {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// 1 (grey) or 3 (red, green, blue, interleaved).
    pub channels: usize,
}

impl ImageShape {
    /// A grey image.
    pub const fn grey(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            channels: 1,
        }
    }

    /// An image of three channels.
    pub const fn rgb(height: usize, width: usize) -> Self {
        Self {
            height,
            width,
            channels: 3,
        }
    }

    /// Rows times columns.
    pub const fn pixels(self) -> usize {
        self.height * self.width
    }

    /// Bytes of an image: a byte a channel and pixel.
    pub const fn bytes(self) -> usize {
        self.pixels() * self.channels
    }

    /// Channels of an image in a batch on a device: colour gets a fourth of zeros, so that the
    /// kernels that take channels by fours serve it.
    pub const fn device_channels(self) -> usize {
        match self.channels {
            1 => 1,
            _ => 4,
        }
    }

    /// 32-bit words of an image on a device: four grey pixels a word, the last word filled with
    /// zeros; or one pixel a word, red in the lowest byte and the highest zero.
    pub const fn words(self) -> usize {
        match self.channels {
            1 => self.pixels().div_ceil(4),
            _ => self.pixels(),
        }
    }

    /// The most images whose words every adapter can bind as one buffer: more lie in several parts.
    pub const fn most_in_a_part(self) -> usize {
        LARGEST_BINDING / self.words()
    }

    /// The words `[n, words]` of images given as bytes `[n, height, width, channels]`.
    pub fn pack(self, images: &[u8]) -> Vec<i32> {
        let word = |bytes: &[u8]| {
            let mut word = [0; 4];
            word[..bytes.len()].copy_from_slice(bytes);
            i32::from_le_bytes(word)
        };
        match self.channels {
            1 => images
                .chunks_exact(self.pixels())
                .flat_map(|image| image.chunks(4).map(word))
                .collect(),
            channels => images.chunks_exact(channels).map(word).collect(),
        }
    }
}

impl fmt::Display for ImageShape {
    /// `28x28` where grey, `32x32x3` in colour: height, width, channels.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}x{}", self.height, self.width)?;
        match self.channels {
            1 => Ok(()),
            channels => write!(f, "x{channels}"),
        }
    }
}

/// Mean and standard deviation of each channel, of bytes divided by 255: a byte becomes
/// `(byte / 255 - mean) / deviation`. Grey uses the first place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ChannelScale {
    /// The mean.
    pub mean: [f32; 3],
    /// The standard deviation.
    pub deviation: [f32; 3],
}

impl ChannelScale {
    /// Factors and terms of the four bytes of a word: a byte becomes `byte * factor + term`. In
    /// colour the fourth are zero, and so is what they make.
    pub(super) fn of_word(&self, shape: ImageShape) -> [[f32; 4]; 2] {
        let (mut factors, mut terms) = ([0.0; 4], [0.0; 4]);
        for (at, (factor, term)) in factors.iter_mut().zip(&mut terms).enumerate() {
            let channel = match shape.channels {
                1 => 0,
                channels if at < channels => at,
                _ => continue,
            };
            let deviation = f64::from(self.deviation[channel]);
            *factor = (255.0 * deviation).recip() as f32;
            *term = (-f64::from(self.mean[channel]) / deviation) as f32;
        }
        [factors, terms]
    }
}
