//! Gathering in Burn's own operations.

use burn::tensor::{DType, Device, Int, Tensor, TensorData};

use super::dims;
use crate::kernels::images::{ChannelScale, ImageShape};
use crate::kernels::parts::of_parts;

/// As [`super::gather_batch`], with Burn's own operations.
pub fn by_burn(
    parts: &[Tensor<2, Int>],
    indices: Tensor<1, Int>,
    shape: ImageShape,
    scale: ChannelScale,
) -> Tensor<4> {
    let bytes = of_parts(parts, indices, |words, indices, _| {
        unpack(words.select(0, indices), shape)
    });
    normalise(bytes, shape, scale)
}

/// The bytes `[n, height, width, device channels]` of `words` `[n, shape.words()]`.
pub fn unpack(words: Tensor<2, Int>, shape: ImageShape) -> Tensor<4> {
    let [count, width] = words.dims();
    let byte = |shift: i32| {
        words
            .clone()
            .bitwise_right_shift_scalar(shift)
            .bitwise_and_scalar(255)
            .reshape([count, width, 1])
    };
    let bytes = Tensor::cat(vec![byte(0), byte(8), byte(16), byte(24)], 2)
        .float()
        .reshape([count, width * 4]);
    let numbers = shape.pixels() * shape.device_channels();
    match width * 4 == numbers {
        true => bytes,
        false => bytes.slice([0..count, 0..numbers]),
    }
    .reshape(dims(count, shape))
}

/// Bytes `[n, height, width, device channels]`, normalised.
pub(crate) fn normalise(bytes: Tensor<4>, shape: ImageShape, scale: ChannelScale) -> Tensor<4> {
    let ChannelScale { mean, deviation } = scale;
    if shape.channels == 1 {
        return (bytes / 255.0 - mean[0]) / deviation[0];
    }
    let device = bytes.device();
    let [[r, g, b], [r_of, g_of, b_of]] = [mean, deviation];
    (bytes / 255.0 - per_channel([r, g, b, 0.0], &device))
        / per_channel([r_of, g_of, b_of, 1.0], &device)
}

/// A number a channel, `[1, 1, 1, 4]`.
pub(crate) fn per_channel(numbers: [f32; 4], device: &Device) -> Tensor<4> {
    let data = TensorData::new(numbers.to_vec(), [1, 1, 1, 4]);
    Tensor::from_data(data, (device, DType::F32))
}
