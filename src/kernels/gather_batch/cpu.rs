//! Gathers a batch from the words of a data set and normalises it, on the CPU.

use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::parallel;
use crate::kernels::simd::{Level, Task, Vector, dispatch};

/// Images that one task gathers.
const CHUNK: usize = 16;

/// An index that names no image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("index {index} is outside a data set of {images} images")]
pub struct OutOfRange {
    /// The index.
    pub index: i32,
    /// How many images there are.
    pub images: usize,
}

/// Checks the lengths and indices of a batch.
///
/// # Errors
/// An index is negative or too large.
///
/// # Panics
/// A slice does not have the length its shape says.
pub(crate) fn check(
    shape: ImageShape,
    bytes: &[u8],
    indices: &[i32],
    output: &[f32],
) -> Result<(), OutOfRange> {
    let images = bytes.len() / (4 * shape.words());
    assert_eq!(bytes.len(), images * 4 * shape.words(), "images");
    let floats = shape.pixels() * shape.device_channels();
    assert_eq!(output.len(), indices.len() * floats, "output");
    let outside = |&&index: &&i32| !usize::try_from(index).is_ok_and(|index| index < images);
    match indices.iter().find(outside) {
        Some(&index) => Err(OutOfRange { index, images }),
        None => Ok(()),
    }
}

/// The images `indices` `[n]`, normalised, into `output` `[n, height, width, device channels]`.
/// `bytes` are those of the words `[images, shape.words()]`, the lowest of each first. No scratch.
///
/// # Errors
/// An index is negative or too large; the output is then untouched.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn gather(
    level: Level,
    shape: ImageShape,
    scale: ChannelScale,
    bytes: &[u8],
    indices: &[i32],
    output: &mut [f32],
) -> Result<(), OutOfRange> {
    check(shape, bytes, indices, output)?;
    let floats = shape.pixels() * shape.device_channels();
    let chunks = output.chunks_mut(CHUNK * floats).zip(indices.chunks(CHUNK));
    parallel::for_each(chunks, |(output, indices)| {
        dispatch(
            level,
            Gather {
                of_word: scale.of_word(shape),
                floats,
                stride: 4 * shape.words(),
                bytes,
                indices,
                output,
            },
        )
    });
    Ok(())
}

struct Gather<'a> {
    /// Factors and terms.
    of_word: [[f32; 4]; 2],
    /// Numbers of an image.
    floats: usize,
    /// Bytes from one image to the next.
    stride: usize,
    bytes: &'a [u8],
    indices: &'a [i32],
    output: &'a mut [f32],
}

impl Task for Gather<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let [factors, terms] = &self.of_word;
        for (output, &index) in self.output.chunks_exact_mut(self.floats).zip(self.indices) {
            let image = &self.bytes[index as usize * self.stride..][..self.floats];
            let whole = self.floats / V::LANES * V::LANES;
            // SAFETY: both slices hold `floats` elements; the caller vouches for the instruction set.
            unsafe {
                let (factors, terms) =
                    (V::load_four(factors.as_ptr()), V::load_four(terms.as_ptr()));
                for at in (0..whole).step_by(V::LANES) {
                    let bytes = V::load_bytes(image.as_ptr().add(at));
                    bytes
                        .mul_add(factors, terms)
                        .store(output.as_mut_ptr().add(at));
                }
            }
            for at in whole..self.floats {
                output[at] = f32::from(image[at]).mul_add(factors[at % 4], terms[at % 4]);
            }
        }
    }
}
