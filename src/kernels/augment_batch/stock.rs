//! The distortion in Burn's own operations; what is drawn comes from the host.

use burn::tensor::{DType, Device, Tensor, TensorData};

use super::distortion::{CONTROL_ROUNDING, Distortion, draw_controls};
use super::spline::weights;
use super::{Augmentation, Stream, side};

/// `pixels` `[n, side * side]` of the pictures `samples` `[n]`, distorted as by [`super::augment_batch`]; 0 is ground.
pub fn distort(
    pixels: Tensor<2>,
    samples: &[i32],
    augmentation: &Augmentation,
    stream: Stream,
) -> Tensor<2> {
    let [count, area] = pixels.dims();
    assert_eq!(samples.len(), count, "numbers of pictures");
    let device = pixels.device();
    let side = side(area);
    let drawn: Vec<Distortion> = samples
        .iter()
        .map(|&sample| Distortion::draw(augmentation, stream, sample as u32, side))
        .collect();

    let centre = (side as f32 - 1.0) / 2.0;
    let centred = |at: usize| at as f32 - centre;
    let across = floats(grid(side, |_, column| centred(column)), [1, area], &device);
    let down = floats(grid(side, |row, _| centred(row)), [1, area], &device);
    // Relative to the frame of ground that is one pixel wide up and left.
    let source = |row: usize| {
        let number = |of: &dyn Fn(&Distortion) -> f32| {
            floats(drawn.iter().map(of).collect(), [count, 1], &device)
        };
        let [x, y] = [0, 1].map(|column| number(&|drawn| drawn.matrix[2 * row + column]));
        let offset = number(&|drawn| drawn.shift[row] + centre + 1.0);
        across.clone() * x + (down.clone() * y + offset)
    };
    let (mut x, mut y) = (source(0), source(1));
    if augmentation.elastic > 0.0 {
        let [moved_x, moved_y] =
            displacements(samples, &drawn, augmentation, stream, side, &device);
        (x, y) = (x + moved_x, y + moved_y);
    }
    let read = interpolate(pixels, side, x, y);
    read * kept(&drawn, augmentation.cutout as i32, side, &device)
}

/// `pixels` at columns `x` and rows `y` of a frame of ground around them, all `[n, side * side]`.
fn interpolate(pixels: Tensor<2>, side: usize, x: Tensor<2>, y: Tensor<2>) -> Tensor<2> {
    let [count, area] = pixels.dims();
    let framed_side = side + 3;
    let framed = Tensor::<3>::zeros(
        [count, framed_side, framed_side],
        (&pixels.device(), DType::F32),
    )
    .slice_assign(
        [0..count, 1..side + 1, 1..side + 1],
        pixels.reshape([count, side, side]),
    )
    .reshape([count, framed_side * framed_side]);
    let (x, y) = (
        x.clamp(0.0, side as f32 + 1.0),
        y.clamp(0.0, side as f32 + 1.0),
    );
    let (left, top) = (x.clone().floor(), y.clone().floor());
    let (x, y) = (x - left.clone(), y - top.clone());
    let corner = (top * framed_side as f32 + left).int();
    let at = |offset: usize| framed.clone().gather(1, corner.clone() + offset as i32);
    let row = |offset: usize| {
        let (left, right) = (at(offset), at(offset + 1));
        left.clone() + (right - left) * x.clone()
    };
    let (upper, lower) = (row(0), row(framed_side));
    debug_assert_eq!(upper.dims(), [count, area]);
    upper.clone() + (lower - upper) * y
}

/// How far the spline moves each pixel in x and y, each `[n, side * side]`.
fn displacements(
    samples: &[i32],
    drawn: &[Distortion],
    augmentation: &Augmentation,
    stream: Stream,
    side: usize,
    device: &Device,
) -> [Tensor<2>; 2] {
    let controls = augmentation.controls();
    let points = controls * controls;
    let rounded = points.next_multiple_of(CONTROL_ROUNDING);
    let mut moved = [Vec::new(), Vec::new()];
    for (&sample, drawn) in samples.iter().zip(drawn) {
        let (mut x, mut y) = (vec![0.0; rounded], vec![0.0; rounded]);
        let mirror = drawn.mirror;
        draw_controls(augmentation, stream, sample as u32, mirror, &mut x, &mut y);
        moved[0].extend_from_slice(&x[..points]);
        moved[1].extend_from_slice(&y[..points]);
    }
    let mut basis = vec![0.0; points * side * side];
    for row in 0..side {
        let (first_row, row_weights) = weights(row, side, controls - 3);
        for column in 0..side {
            let (first, column_weights) = weights(column, side, controls - 3);
            for (down, row_weight) in row_weights.iter().enumerate() {
                for (across, weight) in column_weights.iter().enumerate() {
                    let point = (first_row + down) * controls + first + across;
                    basis[point * side * side + row * side + column] = row_weight * weight;
                }
            }
        }
    }
    let basis = floats(basis, [points, side * side], device);
    moved.map(|moved| floats(moved, [samples.len(), points], device).matmul(basis.clone()))
}

/// 0 where a picture is cut out, else 1, `[n, side * side]`.
fn kept(drawn: &[Distortion], cutout: i32, side: usize, device: &Device) -> Tensor<2> {
    let mask = drawn
        .iter()
        .flat_map(|drawn| {
            let cut = |at: usize, start: i32| (start..start + cutout).contains(&(at as i32));
            let [left, top] = drawn.hole;
            grid(side, |row, column| {
                f32::from(u8::from(!(cut(row, top) && cut(column, left))))
            })
        })
        .collect();
    floats(mask, [drawn.len(), side * side], device)
}

/// A number for each row and column, row by row.
fn grid(side: usize, number: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    (0..side * side)
        .map(|at| number(at / side, at % side))
        .collect()
}

fn floats(numbers: Vec<f32>, dims: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(numbers, dims), (device, DType::F32))
}
