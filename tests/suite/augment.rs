//! Augmentation through Burn: shader = CPU kernel = Burn's own operations = float64. What the CPU kernel does alone is
//! tested in `kernels_cpu/augment.rs`.

use burn::tensor::{DType, Int, Tensor, TensorData};
use gpu_mnist::data::Split;
use gpu_mnist::data::batches::{self as data, DeviceSplit};
use gpu_mnist::device::Device;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::kernels::augment_batch::{self, augment_batch};
use gpu_mnist::kernels::gather_batch::{self, gather_batch};
use gpu_mnist::kernels::images::ImageShape;

use crate::kernels_cpu::augment::{
    ALL, MNIST, OFF, SCALE, STREAM, cases, difference, expected, images, tolerance,
};
use crate::support::adapter_or_skip;

fn tensors(
    device: &Device,
    shape: ImageShape,
    images: &[u8],
    indices: &[i32],
) -> ([Tensor<2, Int>; 1], Tensor<1, Int>) {
    let words = shape.pack(images);
    let count = words.len() / shape.words();
    let options = || (device.burn(), DType::I32);
    let words = TensorData::new(words, [count, shape.words()]);
    (
        [Tensor::from_data(words, options())],
        Tensor::from_data(
            TensorData::new(indices.to_vec(), [indices.len()]),
            options(),
        ),
    )
}

fn numbers(tensor: Tensor<4>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// The kernels through Burn, and Burn's own operations, against float64.
fn fused_and_burn_agree_with_float64(device: &Device) {
    let mut compared = 0;
    for (shape, augmentation) in cases() {
        let images = images(23, shape);
        let is_large = shape.pixels() > 2000;
        for count in if is_large { [1, 3] } else { [1, 37] } {
            let indices: Vec<i32> = (0..count).map(|at| at * 7 % 23).collect();
            let (words, picked) = tensors(device, shape, &images, &indices);
            let distorted = expected(shape, augmentation, &images, &indices);
            let plain = expected(shape, OFF, &images, &indices);
            let picked = || picked.clone();
            let fused = augment_batch(&words, picked(), shape, SCALE, augmentation, STREAM);
            let both = (picked(), &indices[..]);
            let burn = augment_batch::by_burn(&words, both, shape, SCALE, &augmentation, STREAM);
            let gathered = gather_batch(&words, picked(), shape, SCALE);
            let burn_gathered = gather_batch::by_burn(&words, picked(), shape, SCALE);
            for (kernels, found, expected) in [
                ("fused", fused, &distorted),
                ("burn", burn, &distorted),
                ("fused, gathered", gathered, &plain),
                ("burn, gathered", burn_gathered, &plain),
            ] {
                let [height, width] = [shape.height, shape.width];
                let dims = [indices.len(), height, width, shape.device_channels()];
                assert_eq!(found.dims(), dims, "{kernels}, {shape}");
                let difference = difference(&numbers(found), expected);
                let tolerance = tolerance(shape, augmentation);
                assert!(
                    difference <= tolerance,
                    "{kernels}, {count}, {shape}, {augmentation:?}: {difference:e}"
                );
                compared += 1;
            }
        }
    }
    assert_eq!(compared, 8 * cases().len());
    let (words, picked) = tensors(device, MNIST, &images(23, MNIST), &[3, 1]);
    let found = augment_batch(&words, picked.clone(), MNIST, SCALE, OFF, STREAM);
    let gathered = gather_batch(&words, picked, MNIST, SCALE);
    assert_eq!(numbers(found), numbers(gathered));
}

/// A split too large for one buffer lies in several: the same bits as in one.
fn parts_are_one_split(device: &Device) {
    for shape in [ImageShape::grey(15, 9), ImageShape::rgb(9, 13)] {
        let images = images(23, shape);
        let indices: Vec<i32> = (0..46).map(|at| at * 7 % 23).collect();
        let ([whole], picked) = tensors(device, shape, &images, &indices);
        let part = |range| whole.clone().slice([range, 0..shape.words()]);
        let parts = [part(0..9), part(9..10), part(10..23)];
        let picked = || picked.clone();
        let both = || (picked(), &indices[..]);
        let run = |parts: &[Tensor<2, Int>]| {
            [
                gather_batch(parts, picked(), shape, SCALE),
                gather_batch::by_burn(parts, picked(), shape, SCALE),
                augment_batch(parts, picked(), shape, SCALE, ALL, STREAM),
                augment_batch::by_burn(parts, both(), shape, SCALE, &ALL, STREAM),
            ]
        };
        for (one, several) in run(std::slice::from_ref(&whole))
            .into_iter()
            .zip(run(&parts))
        {
            assert_eq!(numbers(one), numbers(several), "{shape}");
        }
    }
}

#[test]
fn parts_are_one_split_on_the_cpu() {
    parts_are_one_split(&Device::cpu());
}

#[test]
fn parts_are_one_split_on_the_adapter() {
    if let Some(device) = adapter_or_skip("parts_are_one_split_on_the_adapter") {
        parts_are_one_split(&device);
    }
}

/// 161,000 images of MNIST's shape are more than an adapter binds as one buffer.
#[test]
fn a_split_larger_than_a_buffer_is_gathered_on_the_adapter() {
    let name = "a_split_larger_than_a_buffer_is_gathered_on_the_adapter";
    let Some(device) = adapter_or_skip(name) else {
        return;
    };
    let most = MNIST.most_in_a_part();
    let count = most + 3;
    let split = Split {
        shape: MNIST,
        classes: 10,
        images: (0..count * MNIST.bytes())
            .map(|at| (at / 784 * 37 % 251) as u8)
            .collect(),
        labels: (0..count).map(|at| (at % 10) as u16).collect(),
    };
    let normalisation = data::Normalisation::grey(0.0, 1.0 / 255.0);
    let indices = [count as i32 - 1, 0, most as i32 - 1, most as i32];
    for kernels in Kernels::ALL {
        let device = device.clone().with_kernels(kernels);
        let uploaded = DeviceSplit::upload(&split, normalisation, &device);
        let batch = uploaded.gather(data::upload_indices(&indices, &device));
        let found = numbers(batch.images);
        for (image, index) in found.chunks_exact(784).zip(indices) {
            let want = (index as usize * 37 % 251) as f32;
            assert!(
                image.iter().all(|value| (value - want).abs() < 1e-3),
                "{index}"
            );
        }
    }
}

#[test]
fn fused_and_burn_agree_with_float64_on_the_cpu() {
    fused_and_burn_agree_with_float64(&Device::cpu());
}

#[test]
fn fused_and_burn_agree_with_float64_on_the_adapter() {
    if let Some(device) = adapter_or_skip("fused_and_burn_agree_with_float64_on_the_adapter") {
        fused_and_burn_agree_with_float64(&device);
    }
}
