//! Copies of one picture between zeros, so that no kernel needs to know the border.

use super::Shape;
use crate::kernels::simd::{Task, Vector};

/// Where the pixels of a picture `[rows, columns, channels]` lie in a larger one, in floats.
pub(super) struct Frame {
    rows: usize,
    columns: usize,
    channels: usize,
    pub first: usize,
    /// A row of the larger picture.
    pub line: usize,
    /// From one row of pixels to the next.
    pub row: usize,
    /// From one pixel to the next.
    pub step: usize,
    /// Floats of the larger picture.
    pub size: usize,
}

impl Frame {
    /// The input, padded. With `even`, as for an output of even sides: Winograd's tiles hang over odd ones.
    pub fn of_input(shape: &Shape, even: bool) -> Self {
        let &Shape {
            height,
            width,
            in_channels: channels,
            padding,
            ..
        } = shape;
        let over = |side: usize| usize::from(even) * (side % 2);
        let line = (width + 2 * padding + over(shape.output_width())) * channels;
        Self {
            rows: height,
            columns: width,
            channels,
            first: padding * (line + channels),
            line,
            row: line,
            step: channels,
            size: (height + 2 * padding + over(shape.output_height())) * line,
        }
    }

    /// The gradient of the output, its pixels `stride` apart, so that a convolution with stride 1 and the weight turned
    /// by 180 degrees gives the gradient of the input; `even` as for the input.
    pub fn of_gradient(shape: &Shape, even: bool) -> Self {
        let border = shape.kernel - 1 - shape.padding;
        let channels = shape.out_channels;
        let side = |side: usize| side + shape.kernel - 1 + usize::from(even) * (side % 2);
        let line = side(shape.width) * channels;
        Self {
            first: border * (line + channels),
            line,
            row: shape.stride * line,
            step: shape.stride * channels,
            size: side(shape.height) * line,
            ..Self::of_gradient_alone(shape, even)
        }
    }

    /// The gradient of the output without zeros; `even` adds a row and a column of them to odd sides.
    pub fn of_gradient_alone(shape: &Shape, even: bool) -> Self {
        let (rows, columns) = (shape.output_height(), shape.output_width());
        let channels = shape.out_channels;
        let side = |side: usize| side + usize::from(even) * (side % 2);
        let line = side(columns) * channels;
        Self {
            rows,
            columns,
            channels,
            first: 0,
            line,
            row: line,
            step: channels,
            size: side(rows) * line,
        }
    }

    /// Copies a picture into its place; what lies around it stays.
    pub fn copy(&self, from: &[f32], to: &mut [f32]) {
        let row = self.columns * self.channels;
        for (y, from) in from.chunks_exact(row).enumerate() {
            to[self.first + y * self.row..][..row].copy_from_slice(from);
        }
    }
}

/// Copies a gradient into its place, zero where the output is not positive.
pub(super) struct Fill<'a> {
    pub frame: &'a Frame,
    pub from: &'a [f32],
    pub output: Option<&'a [f32]>,
    pub to: &'a mut [f32],
}

impl Task for Fill<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let Self {
            frame,
            from,
            output,
            to,
        } = self;
        let Frame {
            columns, channels, ..
        } = *frame;
        // Pixels that are adjacent are one row of numbers.
        let (runs, length) = match frame.step == channels {
            true => (1, columns * channels),
            false => (columns, channels),
        };
        for y in 0..frame.rows {
            for run in 0..runs {
                let at = (y * columns + run * length / channels) * channels;
                let from = &from[at..][..length];
                let to = &mut to[frame.first + y * frame.row + run * frame.step..][..length];
                match output {
                    None => to.copy_from_slice(from),
                    // SAFETY: the slices are of one length; the caller vouches for the instruction set.
                    Some(output) => unsafe { mask::<V>(from, &output[at..][..length], to) },
                }
            }
        }
    }
}

#[inline(always)]
unsafe fn mask<V: Vector>(from: &[f32], output: &[f32], to: &mut [f32]) {
    assert!(from.len() == to.len() && output.len() == to.len());
    for at in (0..to.len()).step_by(V::LANES) {
        // SAFETY: `at + used` is at most the common length; the caller vouches for the instruction set.
        unsafe {
            let (from, output) = (from.as_ptr().add(at), output.as_ptr().add(at));
            let used = V::LANES.min(to.len() - at);
            let to = to.as_mut_ptr().add(at);
            if used == V::LANES {
                V::load(output)
                    .select_positive(V::load(from), V::zero())
                    .store(to);
            } else {
                V::load_first(output, used)
                    .select_positive(V::load_first(from, used), V::zero())
                    .store_first(to, used);
            }
        }
    }
}
