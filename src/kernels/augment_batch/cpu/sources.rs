//! An image with a frame of what fills it, laid out so that a lane reads a pixel and its neighbours at once.

use super::Plan;
use crate::kernels::simd::{Vector, WIDEST, scratch};

/// Where some pixels come from: the pixel up and left in the framed image, and how far from it.
#[derive(Clone, Copy)]
pub(super) struct Place<V> {
    pub index: V,
    pub x: V,
    pub y: V,
}

/// Factors and terms of the channels.
#[derive(Clone, Copy)]
pub(super) struct Scale<V> {
    factors: [V; 3],
    terms: [V; 3],
}

impl<V: Vector> Scale<V> {
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    pub(super) unsafe fn new(plan: &Plan) -> Self {
        let ([r, g, b, _], [r_term, g_term, b_term, _]) = (plan.factors, plan.terms);
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            Self {
                factors: [V::splat(r), V::splat(g), V::splat(b)],
                terms: [V::splat(r_term), V::splat(g_term), V::splat(b_term)],
            }
        }
    }
}

impl<V: Vector> Place<V> {
    /// Linear interpolation between the pixels up left, up right, low left and low right.
    #[inline(always)]
    fn between(&self, [a, b, c, d]: [V; 4]) -> V {
        let upper = b.sub(a).mul_add(self.x, a);
        let lower = d.sub(c).mul_add(self.x, c);
        lower.sub(upper).mul_add(self.y, upper)
    }
}

/// An image to be distorted.
pub(super) trait Source {
    /// Takes the bytes of an image's words in.
    fn fill(&mut self, bytes: &[u8]);

    /// Writes the first `used` pixels of `place`, normalised.
    ///
    /// # Safety
    /// The processor has the instruction set of `V`; the places lie in columns 0..=width + 1 and rows 0..=height + 1;
    /// there is room for `used` pixels, at most a register of them.
    unsafe fn write<V: Vector>(&self, place: Place<V>, scale: &Scale<V>, to: *mut f32, used: usize);
}

/// Pixels from one row of a framed image to the next.
pub(super) fn stride(plan: &Plan) -> usize {
    (plan.shape.width + 3).next_multiple_of(WIDEST)
}

/// Every 2x2 window of a grey image, a word each.
pub(super) struct Windows {
    width: usize,
    /// Of a row, in windows.
    stride: usize,
    /// The image from its second row and column on, `[height + 3][stride]`, as bytes.
    framed: scratch::Scratch,
    /// `[height + 2][stride]`; the bytes of a word are up left, up right, low left, low right.
    words: scratch::Scratch,
}

impl Windows {
    pub(super) fn new(plan: &Plan) -> Self {
        let rows = plan.shape.height + 3;
        let stride = stride(plan);
        // One word more than the rows: the last window looks one byte past them.
        let mut framed = scratch::dirty(rows * stride / 4 + 1);
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(&mut framed);
        bytes.fill(plan.augmentation.fill[0]);
        Self {
            width: plan.shape.width,
            stride,
            framed,
            words: scratch::dirty((rows - 1) * stride),
        }
    }
}

impl Source for Windows {
    #[inline(always)]
    fn fill(&mut self, bytes: &[u8]) {
        let (width, stride) = (self.width, self.stride);
        let framed: &mut [u8] = bytemuck::cast_slice_mut(&mut self.framed);
        let rows = self.words.len() / stride - 2;
        for (row, pixels) in bytes.chunks_exact(width).take(rows).enumerate() {
            framed[(row + 1) * stride + 1..][..width].copy_from_slice(pixels);
        }
        let words: &mut [u32] = bytemuck::cast_slice_mut(&mut self.words);
        let count = words.len();
        let (top, bottom) = (&framed[..=count], &framed[stride..][..=count]);
        let (left, right) = (&top[..count], &top[1..]);
        let (low_left, low_right) = (&bottom[..count], &bottom[1..]);
        for at in 0..count {
            words[at] = u32::from(left[at])
                | u32::from(right[at]) << 8
                | u32::from(low_left[at]) << 16
                | u32::from(low_right[at]) << 24;
        }
    }

    #[inline(always)]
    unsafe fn write<V: Vector>(
        &self,
        place: Place<V>,
        scale: &Scale<V>,
        to: *mut f32,
        used: usize,
    ) {
        // SAFETY: there is a window at each place; the caller vouches for the rest.
        unsafe {
            let corners = V::look_up(self.words.as_ptr().cast(), place.index);
            let value = place.between(corners);
            let value = value.mul_add(scale.factors[0], scale.terms[0]);
            value.store_up_to(to, used);
        }
    }
}

/// The pixels of a coloured image, a word each.
pub(super) struct Pixels {
    width: usize,
    stride: usize,
    /// `[height + 3][stride]`
    words: scratch::Scratch,
}

impl Pixels {
    pub(super) fn new(plan: &Plan) -> Self {
        let stride = stride(plan);
        let mut pixels = scratch::dirty((plan.shape.height + 3) * stride);
        let words: &mut [u32] = bytemuck::cast_slice_mut(&mut pixels);
        words.fill(u32::from_le_bytes(
            plan.augmentation.fill_of_word(plan.shape),
        ));
        Self {
            width: plan.shape.width,
            stride,
            words: pixels,
        }
    }
}

impl Source for Pixels {
    #[inline(always)]
    fn fill(&mut self, bytes: &[u8]) {
        let words: &mut [u32] = bytemuck::cast_slice_mut(&mut self.words);
        for (row, pixels) in bytes.chunks_exact(4 * self.width).enumerate() {
            let to = &mut words[(row + 1) * self.stride + 1..][..self.width];
            for (word, bytes) in to.iter_mut().zip(pixels.as_chunks().0) {
                *word = u32::from_le_bytes(*bytes);
            }
        }
    }

    #[inline(always)]
    unsafe fn write<V: Vector>(
        &self,
        place: Place<V>,
        scale: &Scale<V>,
        to: *mut f32,
        used: usize,
    ) {
        const COLOURS: usize = 3 * WIDEST;
        let mut channels = [0.0; COLOURS];
        // SAFETY: there are pixels at each place, right of it and below; a register fits its part of `channels`; the
        // caller vouches for the rest.
        unsafe {
            let top: *const u32 = self.words.as_ptr().cast();
            let bottom = top.add(self.stride);
            let corners = [
                V::look_up(top, place.index),
                V::look_up(top.add(1), place.index),
                V::look_up(bottom, place.index),
                V::look_up(bottom.add(1), place.index),
            ];
            for channel in 0..3 {
                let [a, b, c, d] = &corners;
                let value = place.between([a[channel], b[channel], c[channel], d[channel]]);
                let value = value.mul_add(scale.factors[channel], scale.terms[channel]);
                value.store(channels[channel * WIDEST..][..V::LANES].as_mut_ptr());
            }
            let (red, others) = channels.split_at(WIDEST);
            let (green, blue) = others.split_at(WIDEST);
            for lane in 0..used {
                let pixel = [red[lane], green[lane], blue[lane], 0.0];
                to.cast::<[f32; 4]>().add(lane).write_unaligned(pixel);
            }
        }
    }
}
