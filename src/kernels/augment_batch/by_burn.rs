//! The distortion in Burn's own operations; what is drawn comes from the host.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::distortion::{CONTROL_ROUNDING, Distortion, draw_controls};
use super::spline::weights;
use super::{Augmentation, Stream, colour};
use crate::kernels::gather_batch::{normalise, unpack};
use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::parts::of_parts;

/// As [`super::augment_batch`], with Burn's own operations; `samples` are the same indices on the host.
pub fn by_burn(
    parts: &[Tensor<2, Int>],
    (indices, samples): (Tensor<1, Int>, &[i32]),
    shape: ImageShape,
    scale: ChannelScale,
    augmentation: &Augmentation,
    stream: Stream,
) -> Tensor<4> {
    let bytes = of_parts(parts, indices, |words, indices, _| {
        unpack(words.select(0, indices), shape)
    });
    let bytes = augmented(bytes, samples, shape, augmentation, stream);
    normalise(bytes, shape, scale)
}

/// `bytes` `[n, height, width, device channels]` of the images `samples` `[n]`, distorted as by
/// [`super::augment_batch`].
fn augmented(
    bytes: Tensor<4>,
    samples: &[i32],
    shape: ImageShape,
    augmentation: &Augmentation,
    stream: Stream,
) -> Tensor<4> {
    let [count, height, width, channels] = bytes.dims();
    assert_eq!(
        [height, width],
        [shape.height, shape.width],
        "sides of the images"
    );
    assert_eq!(samples.len(), count, "numbers of images");
    let device = bytes.device();
    let area = shape.pixels();
    let drawn: Vec<Distortion> = samples
        .iter()
        .map(|&sample| Distortion::draw(augmentation, stream, sample as u32, shape))
        .collect();

    // As relative to the centre, from the frame of what is filled in, which is one pixel wide up and left.
    let centre = |side: usize| (side as f32 - 1.0) / 2.0;
    let across = grid(shape, |_, column| column as f32 - centre(width));
    let down = grid(shape, |row, _| row as f32 - centre(height));
    let across = floats(across, [1, area], &device);
    let down = floats(down, [1, area], &device);
    let source = |row: usize| {
        let number = |of: &dyn Fn(&Distortion) -> f32| {
            floats(drawn.iter().map(of).collect(), [count, 1], &device)
        };
        let [x, y] = [0, 1].map(|column| number(&|drawn| drawn.matrix[2 * row + column]));
        let centre = centre([width, height][row]);
        let offset = number(&|drawn| drawn.shift[row] + centre + 1.0);
        across.clone() * x + (down.clone() * y + offset)
    };
    let mut places = [source(0), source(1)];
    if augmentation.elastic > 0.0 {
        let [moved_x, moved_y] =
            displacements(samples, &drawn, augmentation, stream, shape, &device);
        let [x, y] = places;
        places = [x + moved_x, y + moved_y];
    }
    let kept = kept(&drawn, augmentation.cutout as i32, shape, &device);
    let fill = augmentation.fill_of_word(shape).map(f32::from);
    let planes = (0..channels).map(|channel| {
        let plane = bytes
            .clone()
            .slice([0..count, 0..height, 0..width, channel..channel + 1]);
        let plane = plane.reshape([count, height, width]);
        let read = interpolate(plane, fill[channel], places.clone()) * kept.clone();
        match fill[channel] == 0.0 {
            true => read,
            false => read + (-kept.clone() + 1.0) * fill[channel],
        }
        .reshape([count, height, width, 1])
    });
    let bytes = Tensor::cat(planes.collect(), 3);
    match augmentation.recolours() {
        true => recoloured(bytes, &drawn),
        false => bytes,
    }
}

/// Other light and colours.
fn recoloured(bytes: Tensor<4>, drawn: &[Distortion]) -> Tensor<4> {
    let [count, height, width, channels] = bytes.dims();
    let device = bytes.device();
    let number = |of: &dyn Fn(&Distortion) -> f32| {
        floats(drawn.iter().map(of).collect(), [count, 1], &device).reshape([count, 1, 1, 1])
    };
    let mut bytes = bytes;
    if channels > 1 {
        let [red, green, blue] = [0, 1, 2].map(|channel| {
            let plane = [0..count, 0..height, 0..width, channel..channel + 1];
            bytes.clone().slice(plane) * colour::GREY[channel]
        });
        let grey = red + green + blue;
        bytes = (bytes - grey.clone()) * number(&|drawn| drawn.saturation) + grey;
    }
    let contrast = number(&|drawn| drawn.contrast);
    let light = number(&|drawn| colour::MIDDLE + drawn.brightness);
    let lit = (bytes - colour::MIDDLE) * contrast + light;
    match channels {
        1 => lit,
        _ => {
            let colours = lit.slice([0..count, 0..height, 0..width, 0..3]);
            let fourth = Tensor::zeros([count, height, width, 1], (&device, DType::F32));
            Tensor::cat(vec![colours, fourth], 3)
        }
    }
}

/// `plane` `[n, height, width]` in a frame of `fill`, at columns and rows `[n, height * width]` of it.
fn interpolate(plane: Tensor<3>, fill: f32, [x, y]: [Tensor<2>; 2]) -> Tensor<2> {
    let [count, height, width] = plane.dims();
    let framed_sides = [height + 3, width + 3];
    let framed = Tensor::<3>::full(
        [count, framed_sides[0], framed_sides[1]],
        fill,
        (&plane.device(), DType::F32),
    )
    .slice_assign([0..count, 1..height + 1, 1..width + 1], plane)
    .reshape([count, framed_sides[0] * framed_sides[1]]);
    let (x, y) = (
        x.clamp(0.0, width as f32 + 1.0),
        y.clamp(0.0, height as f32 + 1.0),
    );
    let (left, top) = (x.clone().floor(), y.clone().floor());
    let (x, y) = (x - left.clone(), y - top.clone());
    let corner = (top * framed_sides[1] as f32 + left).int();
    let at = |offset: usize| framed.clone().gather(1, corner.clone() + offset as i32);
    let row = |offset: usize| {
        let (left, right) = (at(offset), at(offset + 1));
        left.clone() + (right - left) * x.clone()
    };
    let (upper, lower) = (row(0), row(framed_sides[1]));
    upper.clone() + (lower - upper) * y
}

/// How far the spline moves each pixel in x and y, each `[n, height * width]`.
fn displacements(
    samples: &[i32],
    drawn: &[Distortion],
    augmentation: &Augmentation,
    stream: Stream,
    shape: ImageShape,
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
    let area = shape.pixels();
    let mut basis = vec![0.0; points * area];
    for row in 0..shape.height {
        let (first_row, row_weights) = weights(row, shape.height, controls - 3);
        for column in 0..shape.width {
            let (first, column_weights) = weights(column, shape.width, controls - 3);
            for (down, row_weight) in row_weights.iter().enumerate() {
                for (across, weight) in column_weights.iter().enumerate() {
                    let point = (first_row + down) * controls + first + across;
                    basis[point * area + row * shape.width + column] = row_weight * weight;
                }
            }
        }
    }
    let basis = floats(basis, [points, area], device);
    moved.map(|moved| floats(moved, [samples.len(), points], device).matmul(basis.clone()))
}

/// 0 where an image is cut out, else 1, `[n, height * width]`.
fn kept(drawn: &[Distortion], cutout: i32, shape: ImageShape, device: &Device) -> Tensor<2> {
    let mask = drawn
        .iter()
        .flat_map(|drawn| {
            let cut = |at: usize, start: i32| (start..start + cutout).contains(&(at as i32));
            let [left, top] = drawn.hole;
            grid(shape, |row, column| {
                f32::from(u8::from(!(cut(row, top) && cut(column, left))))
            })
        })
        .collect();
    floats(mask, [drawn.len(), shape.pixels()], device)
}

/// A number for each row and column, row by row.
fn grid(shape: ImageShape, number: impl Fn(usize, usize) -> f32) -> Vec<f32> {
    (0..shape.pixels())
        .map(|at| number(at / shape.width, at % shape.width))
        .collect()
}

fn floats(numbers: Vec<f32>, dims: [usize; 2], device: &Device) -> Tensor<2> {
    Tensor::from_data(TensorData::new(numbers, dims), (device, DType::F32))
}
