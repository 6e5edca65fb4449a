//! Gathers, distorts and normalises a batch on the CPU: lanes are the pixels of a row.

use super::distortion::{CONTROL_ROUNDING, Distortion, draw_controls};
use super::spline::weights;
use super::{Augmentation, Stream};
use crate::kernels::gather_batch::cpu::{Normalisation, OutOfRange};
use crate::kernels::parallel;
use crate::kernels::simd::{Level, Task, Vector, dispatch, scratch};

/// Pictures that one task takes.
const CHUNK: usize = 16;
/// The widest register: rows of working memory are multiples of it.
const WIDEST: usize = 16;

/// What the pictures of a batch have in common.
pub struct Plan {
    side: usize,
    augmentation: Augmentation,
    stream: Stream,
    /// A byte becomes `byte * scale + shift`.
    scale: f32,
    shift: f32,
    /// `side` rounded up to whole registers.
    width: usize,
    /// Each column relative to the centre, `[width]`.
    columns: Vec<f32>,
    /// What a column takes of the control points beside it, `[controls][width]`.
    basis: Vec<f32>,
    /// For each row its first control point and the weights of four.
    rows: Vec<(usize, [f32; 4])>,
}

impl Plan {
    /// For square pictures of `side` pixels a side.
    pub fn new(
        side: usize,
        augmentation: Augmentation,
        stream: Stream,
        normalisation: Normalisation,
    ) -> Self {
        let deviation = f64::from(normalisation.deviation);
        let width = side.next_multiple_of(WIDEST);
        let rows: Vec<_> = (0..side)
            .map(|at| weights(at, side, augmentation.controls() - 3))
            .collect();
        let mut basis = vec![0.0; augmentation.controls() * width];
        for (column, (first, weights)) in rows.iter().enumerate() {
            for (control, weight) in weights.iter().enumerate() {
                basis[(first + control) * width + column] = *weight;
            }
        }
        Self {
            side,
            augmentation,
            stream,
            scale: (255.0 * deviation).recip() as f32,
            shift: (-f64::from(normalisation.mean) / deviation) as f32,
            width,
            columns: (0..width).map(|column| centred(column, side)).collect(),
            basis,
            rows,
        }
    }

    /// `images [pictures, side * side]`, bytes, picked by `indices [n]`, distorted and normalised into `output
    /// [n, side * side]`.
    ///
    /// # Errors
    /// An index is negative or too large; the outputs are then untouched.
    ///
    /// # Panics
    /// A slice does not have the length its shape says.
    pub fn run(
        &self,
        level: Level,
        images: &[u8],
        indices: &[i32],
        output: &mut [f32],
    ) -> Result<(), OutOfRange> {
        let pixels = self.side * self.side;
        let pictures = images.len().checked_div(pixels).unwrap_or(0);
        assert_eq!(images.len(), pictures * pixels, "images");
        assert_eq!(output.len(), indices.len() * pixels, "output");
        let outside = |&&index: &&i32| !usize::try_from(index).is_ok_and(|index| index < pictures);
        if let Some(&index) = indices.iter().find(outside) {
            return Err(OutOfRange { index, pictures });
        }
        if pixels > 0 {
            let chunks = output.chunks_mut(CHUNK * pixels).zip(indices.chunks(CHUNK));
            parallel::for_each(chunks, |(output, indices)| {
                dispatch(
                    level,
                    Augment {
                        plan: self,
                        images,
                        indices,
                        output,
                    },
                )
            });
        }
        Ok(())
    }
}

/// Pixel `at` of `side` relative to the centre.
fn centred(at: usize, side: usize) -> f32 {
    at as f32 - (side as f32 - 1.0) / 2.0
}

struct Augment<'a> {
    plan: &'a Plan,
    images: &'a [u8],
    indices: &'a [i32],
    output: &'a mut [f32],
}

impl Task for Augment<'_> {
    type Output = ();

    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let plan = self.plan;
        let pixels = plan.side * plan.side;
        let mut windows = Windows::new(plan.side);
        let mut elastic = Elastic::new(plan);
        for (output, &index) in self.output.chunks_exact_mut(pixels).zip(self.indices) {
            windows.fill(&self.images[index as usize * pixels..][..pixels]);
            let drawn = Distortion::draw(&plan.augmentation, plan.stream, index as u32, plan.side);
            // SAFETY: the caller vouches for the instruction set.
            unsafe {
                if plan.augmentation.elastic > 0.0 {
                    elastic.draw::<V>(plan, index as u32, drawn.mirror);
                }
                distort::<V>(plan, &drawn, &windows, &elastic, output);
            }
            cut_out(plan, drawn.hole, output);
        }
    }
}

/// Every 2x2 window of a picture with a border of ground, a word each: what linear interpolation reads at once.
struct Windows {
    side: usize,
    /// Of a row, in windows.
    stride: usize,
    /// The picture from its second row and column on, `[side + 3][stride]`, as bytes.
    framed: scratch::Scratch,
    /// `[side + 2][stride]`; the bytes of a word are top left, top right, bottom left, bottom right.
    words: scratch::Scratch,
}

impl Windows {
    fn new(side: usize) -> Self {
        let stride = (side + 3).next_multiple_of(WIDEST);
        Self {
            side,
            stride,
            // One word more than the rows: the last window looks one byte past them.
            framed: scratch::zeroed((side + 3) * stride / 4 + 1),
            words: scratch::dirty((side + 2) * stride),
        }
    }

    #[inline(always)]
    fn fill(&mut self, image: &[u8]) {
        let (side, stride) = (self.side, self.stride);
        let framed: &mut [u8] = bytemuck::cast_slice_mut(&mut self.framed);
        for (row, pixels) in image.chunks_exact(side).enumerate() {
            framed[(row + 1) * stride + 1..][..side].copy_from_slice(pixels);
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
}

/// The elastic displacement of one picture, summed over the control points of each row: a pixel takes part of four of
/// these rows.
struct Elastic {
    controls: [scratch::Scratch; 2],
    /// `[controls][width]`, in x and in y.
    summed: [scratch::Scratch; 2],
}

impl Elastic {
    fn new(plan: &Plan) -> Self {
        let (controls, columns) = match plan.augmentation.elastic > 0.0 {
            true => (plan.augmentation.controls(), plan.basis.len()),
            false => (0, 0),
        };
        let points = (controls * controls).next_multiple_of(CONTROL_ROUNDING);
        let two = |length| [scratch::dirty(length), scratch::dirty(length)];
        Self {
            controls: two(points),
            summed: two(columns),
        }
    }

    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    unsafe fn draw<V: Vector>(&mut self, plan: &Plan, sample: u32, mirror: f32) {
        let [x, y] = &mut self.controls;
        draw_controls(&plan.augmentation, plan.stream, sample, mirror, x, y);
        let (controls, width) = (plan.augmentation.controls(), plan.width);
        for (points, summed) in self.controls.iter().zip(&mut self.summed) {
            let rows = points
                .chunks_exact(controls)
                .zip(summed.chunks_exact_mut(width));
            for (points, summed) in rows {
                for at in (0..width).step_by(V::LANES) {
                    // SAFETY: a row of the basis and of the sums holds `width` floats, a multiple of the lanes.
                    unsafe {
                        let mut sum = V::zero();
                        for (point, basis) in points.iter().zip(plan.basis.chunks_exact(width)) {
                            sum = V::load(basis.as_ptr().add(at)).mul_add(V::splat(*point), sum);
                        }
                        sum.store(summed.as_mut_ptr().add(at));
                    }
                }
            }
        }
    }
}

/// # Safety
/// The processor has the instruction set of `V`.
#[inline(always)]
unsafe fn distort<V: Vector>(
    plan: &Plan,
    drawn: &Distortion,
    windows: &Windows,
    elastic: &Elastic,
    output: &mut [f32],
) {
    let (side, width) = (plan.side, plan.width);
    let words: &[u32] = bytemuck::cast_slice(&windows.words);
    assert!(words.len() >= (side + 2) * windows.stride);
    let [matrix_xx, matrix_xy, matrix_yx, matrix_yy] = drawn.matrix;
    // Windows begin one pixel up and left of the picture.
    let origin = (side as f32 - 1.0) / 2.0 + 1.0;
    // SAFETY: rows of columns and sums hold `width` floats, a multiple of the lanes; a row of the output holds `side`.
    // Windows are looked up in rows and columns 0..=side + 1, which there are; the caller vouches for the
    // instruction set.
    unsafe {
        let (scale, ground) = (V::splat(plan.scale), V::splat(plan.shift));
        let (low, high) = (V::zero(), V::splat(side as f32 + 1.0));
        let stride = V::splat(windows.stride as f32);
        let (xx, yx) = (V::splat(matrix_xx), V::splat(matrix_yx));
        for (row, output) in output.chunks_exact_mut(side).enumerate() {
            let y = centred(row, side);
            let row_x = V::splat(matrix_xy * y + drawn.shift[0] + origin);
            let row_y = V::splat(matrix_yy * y + drawn.shift[1] + origin);
            let (first, weights) = plan.rows[row];
            for at in (0..side).step_by(V::LANES) {
                let column = V::load(plan.columns.as_ptr().add(at));
                let mut x = column.mul_add(xx, row_x);
                let mut y = column.mul_add(yx, row_y);
                if plan.augmentation.elastic > 0.0 {
                    for (control, &weight) in weights.iter().enumerate() {
                        let from = (first + control) * width + at;
                        let weight = V::splat(weight);
                        x = V::load(elastic.summed[0].as_ptr().add(from)).mul_add(weight, x);
                        y = V::load(elastic.summed[1].as_ptr().add(from)).mul_add(weight, y);
                    }
                }
                let (x, y) = (x.clamp(low, high), y.clamp(low, high));
                let (left, top) = (x.truncate(), y.truncate());
                let (x, y) = (x.sub(left), y.sub(top));
                let [a, b, c, d] = V::look_up(words.as_ptr(), top.mul_add(stride, left));
                let upper = b.sub(a).mul_add(x, a);
                let lower = d.sub(c).mul_add(x, c);
                let value = lower.sub(upper).mul_add(y, upper).mul_add(scale, ground);
                let to = output.as_mut_ptr().add(at);
                match side - at >= V::LANES {
                    true => value.store(to),
                    false => value.store_first(to, side - at),
                }
            }
        }
    }
}

fn cut_out(plan: &Plan, [left, top]: [i32; 2], output: &mut [f32]) {
    let range = |start: i32| {
        let end = start + plan.augmentation.cutout as i32;
        let inside = |at: i32| at.clamp(0, plan.side as i32) as usize;
        inside(start)..inside(end)
    };
    for row in range(top) {
        output[row * plan.side..][range(left)].fill(plan.shift);
    }
}
