//! Images for the checks, as bytes and as they should lie in a batch on a device.

use burn::tensor::{Int, Tensor};

use crate::kernels::case::Subject;
use crate::kernels::case::whole;
use crate::kernels::images::{ChannelScale, ImageShape};

/// Last words that are not full, sides that differ, odd sides, and colour.
pub const ODD_SHAPES: [ImageShape; 5] = [
    ImageShape::grey(14, 14),
    ImageShape::grey(32, 20),
    ImageShape::grey(15, 9),
    ImageShape::rgb(32, 32),
    ImageShape::rgb(9, 13),
];

/// A scale of its own for each channel.
pub const SCALE: ChannelScale = ChannelScale {
    mean: [0.125, 0.25, 0.5],
    deviation: [0.3, 0.2, 0.4],
};

/// As the table of `doctor` shows a batch.
pub fn describe(batch: usize, images: usize, parts: usize, shape: ImageShape) -> String {
    match parts {
        1 => format!("{batch} of {images}, {shape}"),
        parts => format!("{batch} of {images} in {parts} parts, {shape}"),
    }
}

/// The bytes `[n, height, width, device channels]` of the images `indices`: what `of` makes of the
/// bytes and the number of each, with a fourth channel of zeros in colour.
pub fn batch_of(
    images: &[u8],
    indices: &[i32],
    shape: ImageShape,
    of: impl Fn(&[u8], u32) -> Vec<f64>,
) -> Vec<f64> {
    let bytes = shape.bytes();
    let mut batch = Vec::new();
    for &index in indices {
        for pixel in of(&images[index as usize * bytes..][..bytes], index as u32)
            .chunks_exact(shape.channels)
        {
            batch.extend_from_slice(pixel);
            batch.extend((shape.channels..shape.device_channels()).map(|_| 0.0));
        }
    }
    batch
}

/// A batch of bytes, normalised by [`SCALE`].
pub fn normalised(batch: &[f64], shape: ImageShape) -> Vec<f64> {
    let channels = shape.device_channels();
    let normalise = |(at, &byte): (usize, &f64)| {
        let channel = at % channels;
        match channel < shape.channels {
            true => {
                let mean = f64::from(SCALE.mean[channel]);
                (byte / 255.0 - mean) / f64::from(SCALE.deviation[channel])
            }
            false => 0.0,
        }
    };
    batch.iter().enumerate().map(normalise).collect()
}

/// The words of images on a device, in about as many `parts`.
pub fn in_parts(
    images: &[u8],
    shape: ImageShape,
    parts: usize,
    subject: &Subject,
) -> Vec<Tensor<2, Int>> {
    let (words, width) = (shape.pack(images), shape.words());
    let rows = (words.len() / width).div_ceil(parts);
    let part = |words: &[i32]| whole(words, [words.len() / width, width], subject);
    words.chunks(rows * width).map(part).collect()
}
