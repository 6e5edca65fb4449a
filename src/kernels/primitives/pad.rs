//! Images between zeros, so that no kernel needs to know the border.

use super::registers::{Registers, for_each_register};
use crate::kernels::simd::{Task, Vector};

/// Where the pixels of an image `[rows, columns, channels]` lie in a larger one, in floats.
pub(crate) struct Frame {
    image: [usize; 3],
    /// The first pixel.
    pub first: usize,
    /// A row of the larger image.
    pub line: usize,
    /// From one row of pixels to the next.
    pub row: usize,
    /// From one pixel to the next.
    pub step: usize,
    /// Floats of the larger image.
    pub size: usize,
}

impl Frame {
    /// The larger image has `whole` rows and columns, `before` of them above and left of the first pixel; pixels are
    /// `apart` rows and columns from each other.
    pub fn new(image: [usize; 3], before: usize, whole: [usize; 2], apart: usize) -> Self {
        let channels = image[2];
        let line = whole[1] * channels;
        Self {
            image,
            first: before * (line + channels),
            line,
            row: apart * line,
            step: apart * channels,
            size: whole[0] * line,
        }
    }

    /// `padding` pixels on each side.
    pub fn padded(image: [usize; 3], padding: usize) -> Self {
        let whole = [image[0] + 2 * padding, image[1] + 2 * padding];
        Self::new(image, padding, whole, 1)
    }

    /// Copies an image into its place; what lies around it stays.
    pub fn copy(&self, from: &[f32], to: &mut [f32]) {
        let row = self.image[1] * self.image[2];
        for (y, from) in from.chunks_exact(row).enumerate() {
            to[self.first + y * self.row..][..row].copy_from_slice(from);
        }
    }

    /// Copies an image out of its place.
    pub fn crop(&self, from: &[f32], to: &mut [f32]) {
        let row = self.image[1] * self.image[2];
        for (y, to) in to.chunks_exact_mut(row).enumerate() {
            to.copy_from_slice(&from[self.first + y * self.row..][..row]);
        }
    }
}

/// Copies a gradient into its place, zero where the output is not positive.
pub(crate) struct Fill<'a> {
    pub frame: &'a Frame,
    pub from: &'a [f32],
    pub output: Option<&'a [f32]>,
    pub to: &'a mut [f32],
}

impl Task for Fill<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let frame = self.frame;
        let [rows, columns, channels] = frame.image;
        // Pixels that are adjacent are one row of numbers.
        let (runs, length) = match frame.step == channels {
            true => (1, columns * channels),
            false => (columns, channels),
        };
        for run in 0..rows * runs {
            let at = run * length;
            let from = &self.from[at..][..length];
            let to = frame.first + run / runs * frame.row + run % runs * frame.step;
            let to = &mut self.to[to..][..length];
            match self.output {
                None => to.copy_from_slice(from),
                Some(output) => {
                    let output = &output[at..][..length];
                    // SAFETY: the caller vouches for the instruction set.
                    unsafe { Mask { from, output, to }.run::<V>() }
                }
            }
        }
    }
}

/// Copies gradients, zero where the output is not positive.
pub(crate) struct Mask<'a> {
    pub from: &'a [f32],
    pub output: &'a [f32],
    pub to: &'a mut [f32],
}

impl Task for Mask<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(mut self) {
        let length = self.to.len();
        assert!(self.from.len() == length && self.output.len() == length);
        // SAFETY: the slices are of one length; the caller vouches for the instruction set.
        unsafe { for_each_register::<V>(V::LANES, length, &mut self) }
    }
}

impl Registers for Mask<'_> {
    #[inline(always)]
    unsafe fn write<V: Vector>(&mut self, at: usize, _place: usize, used: usize) {
        // SAFETY: the caller's promise.
        unsafe {
            let from = V::load_up_to(self.from.as_ptr().add(at), used);
            V::load_up_to(self.output.as_ptr().add(at), used)
                .select_positive(from, V::zero())
                .store_up_to(self.to.as_mut_ptr().add(at), used);
        }
    }
}
