//! Gathers a batch from the byte data set and normalises it, on the CPU.

use crate::kernels::parallel;
use crate::kernels::simd::{Level, Task, Vector, dispatch};
use std::fmt;

/// Pictures that one task gathers.
const CHUNK: usize = 16;

/// The mean and standard deviation of pixels scaled to 0..=1; a pixel becomes `(byte / 255 - mean) / deviation`.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Normalisation {
    pub mean: f32,
    pub deviation: f32,
}

/// An index that names no picture.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange {
    pub index: i32,
    pub pictures: usize,
}

impl fmt::Display for OutOfRange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            formatter,
            "index {} is outside a data set of {} pictures",
            self.index, self.pictures
        )
    }
}

impl std::error::Error for OutOfRange {}

/// `images [pictures, pixels]`, bytes, picked by `indices [n]`, into `output [n, pixels]`, normalised. No scratch.
///
/// # Errors
/// An index is negative or too large; the outputs are then untouched.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn gather(
    level: Level,
    normalisation: Normalisation,
    pixels: usize,
    images: &[u8],
    indices: &[i32],
    output: &mut [f32],
) -> Result<(), OutOfRange> {
    let pictures = images.len().checked_div(pixels).unwrap_or(0);
    assert_eq!(images.len(), pictures * pixels, "images");
    assert_eq!(output.len(), indices.len() * pixels, "output");
    let outside = |&&index: &&i32| {
        usize::try_from(index)
            .is_ok_and(|index| index < pictures)
            .eq(&false)
    };
    if let Some(&index) = indices.iter().find(outside) {
        return Err(OutOfRange { index, pictures });
    }
    if pixels > 0 {
        let chunks = output.chunks_mut(CHUNK * pixels).zip(indices.chunks(CHUNK));
        parallel::for_each(chunks, |(output, indices)| {
            dispatch(
                level,
                Gather {
                    normalisation,
                    pixels,
                    images,
                    indices,
                    output,
                },
            )
        });
    }
    Ok(())
}

struct Gather<'a> {
    normalisation: Normalisation,
    pixels: usize,
    images: &'a [u8],
    indices: &'a [i32],
    output: &'a mut [f32],
}

impl Task for Gather<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let deviation = f64::from(self.normalisation.deviation);
        let scale = (255.0 * deviation).recip() as f32;
        let shift = (-f64::from(self.normalisation.mean) / deviation) as f32;
        for (output, &index) in self.output.chunks_exact_mut(self.pixels).zip(self.indices) {
            let image = &self.images[index as usize * self.pixels..][..self.pixels];
            let whole = self.pixels / V::LANES * V::LANES;
            // SAFETY: both slices hold `pixels` elements; the caller vouches for the instruction set.
            unsafe {
                let (scale, shift) = (V::splat(scale), V::splat(shift));
                for at in (0..whole).step_by(V::LANES) {
                    let bytes = V::load_bytes(image.as_ptr().add(at));
                    bytes
                        .mul_add(scale, shift)
                        .store(output.as_mut_ptr().add(at));
                }
            }
            for (output, &byte) in output[whole..].iter_mut().zip(&image[whole..]) {
                *output = f32::from(byte).mul_add(scale, shift);
            }
        }
    }
}
