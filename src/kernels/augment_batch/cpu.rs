//! Gathers, distorts and normalises a batch on the CPU: lanes are the pixels of a row.

mod elastic;
mod sources;

use super::distortion::Distortion;
use super::spline::weights;
use super::{Augmentation, Stream, colour};
use crate::kernels::gather_batch::cpu::{OutOfRange, check};
use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::parallel;
use crate::kernels::simd::{Level, Task, Vector, WIDEST, dispatch};
use elastic::Elastic;
use sources::{Pixels, Place, Scale, Source, Windows, stride};

/// Images that one task takes.
const CHUNK: usize = 16;

/// What the images of a batch have in common.
pub struct Plan {
    shape: ImageShape,
    augmentation: Augmentation,
    stream: Stream,
    /// The number of the first image.
    first: u32,
    /// The bytes of a word become `byte * factor + term`.
    factors: [f32; 4],
    terms: [f32; 4],
    /// What they become where they are filled.
    filled: [f32; 4],
    /// Columns rounded up to whole registers.
    padded: usize,
    /// Each column relative to the centre, `[padded]`.
    columns: Vec<f32>,
    /// What a column takes of the control points beside it, `[controls][padded]`.
    basis: Vec<f32>,
    /// For each row its first control point and the weights of four.
    rows: Vec<(usize, [f32; 4])>,
}

impl Plan {
    /// What does not change from image to image.
    pub fn new(
        shape: ImageShape,
        scale: ChannelScale,
        augmentation: Augmentation,
        stream: Stream,
    ) -> Self {
        let cells = augmentation.controls() - 3;
        let padded = shape.width.next_multiple_of(WIDEST);
        let mut basis = vec![0.0; augmentation.controls() * padded];
        for column in 0..shape.width {
            let (first, weights) = weights(column, shape.width, cells);
            for (control, weight) in weights.iter().enumerate() {
                basis[(first + control) * padded + column] = *weight;
            }
        }
        let [factors, terms] = scale.of_word(shape);
        let fill = augmentation.fill_of_word(shape);
        let filled = |at: usize| f32::from(fill[at]).mul_add(factors[at], terms[at]);
        Self {
            shape,
            augmentation,
            stream,
            first: 0,
            factors,
            terms,
            filled: std::array::from_fn(filled),
            padded,
            columns: (0..padded)
                .map(|column| centred(column, shape.width))
                .collect(),
            basis,
            rows: (0..shape.height)
                .map(|row| weights(row, shape.height, cells))
                .collect(),
        }
    }

    /// The same where the first image has a number other than 0.
    #[must_use]
    pub fn counted_from(self, first: u32) -> Self {
        Self { first, ..self }
    }

    /// The images `indices` `[n]`, distorted and normalised, into `output` `[n, height, width, device channels]`.
    /// `bytes` are those of the words `[images, shape.words()]`, the lowest of each first.
    ///
    /// # Errors
    /// An index is negative or too large; the output is then untouched.
    ///
    /// # Panics
    /// A slice does not have the length its shape says.
    pub fn run(
        &self,
        level: Level,
        bytes: &[u8],
        indices: &[i32],
        output: &mut [f32],
    ) -> Result<(), OutOfRange> {
        check(self.shape, bytes, indices, output)?;
        let floats = self.shape.pixels() * self.shape.device_channels();
        let chunks = output.chunks_mut(CHUNK * floats).zip(indices.chunks(CHUNK));
        parallel::for_each(chunks, |(output, indices)| {
            dispatch(
                level,
                Augment {
                    plan: self,
                    bytes,
                    indices,
                    output,
                },
            )
        });
        Ok(())
    }
}

/// Pixel `at` of `side` relative to the centre.
fn centred(at: usize, side: usize) -> f32 {
    at as f32 - (side as f32 - 1.0) / 2.0
}

struct Augment<'a> {
    plan: &'a Plan,
    bytes: &'a [u8],
    indices: &'a [i32],
    output: &'a mut [f32],
}

impl Task for Augment<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let plan = self.plan;
        // SAFETY: the caller vouches for the instruction set.
        unsafe {
            match plan.shape.channels {
                1 => self.distort_from::<V, _>(Windows::new(plan)),
                _ => self.distort_from::<V, _>(Pixels::new(plan)),
            }
        }
    }
}

impl Augment<'_> {
    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    unsafe fn distort_from<V: Vector, S: Source>(self, mut source: S) {
        let plan = self.plan;
        let shape = plan.shape;
        let stride = 4 * shape.words();
        let floats = shape.pixels() * shape.device_channels();
        let mut elastic = Elastic::new(plan);
        for (output, &index) in self.output.chunks_exact_mut(floats).zip(self.indices) {
            source.fill(&self.bytes[index as usize * stride..][..stride]);
            let sample = plan.first + index as u32;
            let drawn = Distortion::draw(&plan.augmentation, plan.stream, sample, shape);
            // SAFETY: the caller vouches for the instruction set.
            unsafe {
                if plan.augmentation.elastic > 0.0 {
                    elastic.draw::<V>(plan, sample, drawn.mirror);
                }
                distort::<V, S>(plan, &drawn, &source, &elastic, output);
            }
            cut_out(plan, drawn.hole, output);
            if plan.augmentation.recolours() {
                recolour(plan, &drawn, output);
            }
        }
    }
}

/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
unsafe fn distort<V: Vector, S: Source>(
    plan: &Plan,
    drawn: &Distortion,
    source: &S,
    elastic: &Elastic,
    output: &mut [f32],
) {
    let ImageShape { height, width, .. } = plan.shape;
    let (channels, padded) = (plan.shape.device_channels(), plan.padded);
    let [matrix_xx, matrix_xy, matrix_yx, matrix_yy] = drawn.matrix;
    // The source has a frame one pixel wide up and left of the image.
    let origin = |side: usize| (side as f32 - 1.0) / 2.0 + 1.0;
    // SAFETY: rows of columns and sums hold `padded` floats, a multiple of the lanes; a row of the output holds
    // `width` pixels. Places lie in columns 0..=width + 1 and rows 0..=height + 1 of the source, which there are;
    // the caller vouches for the instruction set.
    unsafe {
        let scale = Scale::<V>::new(plan);
        let (low, pitch) = (V::zero(), V::splat(stride(plan) as f32));
        let (right, bottom) = (V::splat(width as f32 + 1.0), V::splat(height as f32 + 1.0));
        let (xx, yx) = (V::splat(matrix_xx), V::splat(matrix_yx));
        let is_elastic = plan.augmentation.elastic > 0.0;
        let (summed_x, summed_y) = (elastic.summed[0].as_ptr(), elastic.summed[1].as_ptr());
        for (row, output) in output.chunks_exact_mut(width * channels).enumerate() {
            let y = centred(row, height);
            let row_x = V::splat(matrix_xy * y + drawn.shift[0] + origin(width));
            let row_y = V::splat(matrix_yy * y + drawn.shift[1] + origin(height));
            let (first, weights) = plan.rows[row];
            for at in (0..width).step_by(V::LANES) {
                let column = V::load(plan.columns.as_ptr().add(at));
                let mut x = column.mul_add(xx, row_x);
                let mut y = column.mul_add(yx, row_y);
                if is_elastic {
                    for (control, &weight) in weights.iter().enumerate() {
                        let from = (first + control) * padded + at;
                        let weight = V::splat(weight);
                        x = V::load(summed_x.add(from)).mul_add(weight, x);
                        y = V::load(summed_y.add(from)).mul_add(weight, y);
                    }
                }
                let (x, y) = (x.clamp(low, right), y.clamp(low, bottom));
                let (left, top) = (x.truncate(), y.truncate());
                let (x, y) = (x.sub(left), y.sub(top));
                let index = top.mul_add(pitch, left);
                let to = output.as_mut_ptr().add(at * channels);
                let used = V::LANES.min(width - at);
                source.write(Place { index, x, y }, &scale, to, used);
            }
        }
    }
}

fn recolour(plan: &Plan, drawn: &Distortion, output: &mut [f32]) {
    if plan.shape.channels == 1 {
        let (factor, term) = colour::grey(drawn, plan.factors[0], plan.terms[0]);
        let change = |value: &mut f32| *value = value.mul_add(factor, term);
        return output.iter_mut().for_each(change);
    }
    let ([red, green, blue], added) = colour::transform(drawn, plan.factors, plan.terms);
    let of = |row: [f32; 3], [r, g, b, _]: [f32; 4], added: f32| {
        row[0].mul_add(r, row[1].mul_add(g, row[2].mul_add(b, added)))
    };
    for pixel in output.as_chunks_mut::<4>().0 {
        let old = *pixel;
        pixel[0] = of(red, old, added[0]);
        pixel[1] = of(green, old, added[1]);
        pixel[2] = of(blue, old, added[2]);
    }
}

fn cut_out(plan: &Plan, [left, top]: [i32; 2], output: &mut [f32]) {
    let ImageShape { height, width, .. } = plan.shape;
    let channels = plan.shape.device_channels();
    let range = |start: i32, side: usize| {
        let end = start + plan.augmentation.cutout as i32;
        let inside = |at: i32| at.clamp(0, side as i32) as usize;
        inside(start)..inside(end)
    };
    for row in range(top, height) {
        let columns = range(left, width);
        let cut = &mut output[(row * width + columns.start) * channels..];
        let cut = &mut cut[..columns.len() * channels];
        match channels {
            1 => cut.fill(plan.filled[0]),
            _ => cut.as_chunks_mut().0.fill(plan.filled),
        }
    }
}
