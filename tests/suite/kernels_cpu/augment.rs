//! Distorted images: the stream against its published answers, the CPU kernel against float64, and what each distortion
//! does to an image.

mod distortions;

use gpu_mnist::kernels::augment_batch::cpu::Plan;
use gpu_mnist::kernels::augment_batch::random::threefry;
use gpu_mnist::kernels::augment_batch::{Augmentation, Stream};
use gpu_mnist::kernels::gather_batch::cpu::{self as gather, OutOfRange};
use gpu_mnist::kernels::images::{ChannelScale, ImageShape};
use gpu_mnist::kernels::reference::augment::augment;
use gpu_mnist::kernels::simd::{self, Level};

use xxhash_rust::xxh3::xxh3_64;

pub(crate) const MNIST: ImageShape = ImageShape::grey(28, 28);
pub(crate) const SCALE: ChannelScale = ChannelScale {
    mean: [0.1307, 0.3, 0.5],
    deviation: [0.3081, 0.2, 0.4],
};
/// Bytes come out as they are.
const BYTES: ChannelScale = ChannelScale {
    mean: [0.0; 3],
    deviation: [1.0 / 255.0; 3],
};
pub(crate) const STREAM: Stream = Stream {
    seed: 0xfedc_ba98_7654_3210,
    epoch: 4,
};
pub(crate) const OFF: Augmentation = Augmentation {
    rotation: 0.0,
    scale: 0.0,
    shear: 0.0,
    shift: 0.0,
    elastic: 0.0,
    elastic_cells: 5,
    cutout: 0,
    flip: false,
    fill: [0; 3],
    brightness: 0.0,
    contrast: 0.0,
    saturation: 0.0,
};
pub(crate) const ALL: Augmentation = Augmentation {
    rotation: 20.0,
    scale: 0.15,
    shear: 0.2,
    shift: 3.0,
    elastic: 5.0,
    elastic_cells: 5,
    cutout: 7,
    flip: true,
    fill: [0; 3],
    brightness: 0.1,
    contrast: 0.2,
    saturation: 0.4,
};

/// Shapes of images, and distortions of them.
pub(crate) fn cases() -> Vec<(ImageShape, Augmentation)> {
    let coarse = Augmentation {
        rotation: 180.0,
        elastic_cells: 1,
        cutout: 3,
        ..ALL
    };
    let fine = Augmentation {
        elastic_cells: 14,
        shift: 28.0,
        ..ALL
    };
    let rigid = Augmentation {
        elastic: 0.0,
        flip: false,
        ..ALL
    };
    let bent = Augmentation {
        elastic: 6.0,
        ..OFF
    };
    let filled = Augmentation {
        fill: [255, 90, 30],
        ..ALL
    };
    let filled_coarse = Augmentation {
        fill: [200, 255, 0],
        ..coarse
    };
    let mut cases: Vec<_> = [ALL, coarse, fine, rigid, bent, OFF, filled]
        .map(|augmentation| (MNIST, augmentation))
        .into();
    cases.extend([
        (ImageShape::grey(10, 10), coarse),
        (ImageShape::grey(2, 2), ALL),
        (ImageShape::grey(34, 34), ALL),
    ]);
    for shape in [
        ImageShape::grey(14, 14),
        ImageShape::grey(32, 20),
        ImageShape::grey(15, 9),
        ImageShape::rgb(32, 32),
        ImageShape::rgb(9, 13),
    ] {
        cases.extend([ALL, OFF, filled, filled_coarse].map(|augmentation| (shape, augmentation)));
    }
    // More than a shader's workgroup memory holds: of the image, and of the spline's sums.
    cases.extend([
        (ImageShape::rgb(72, 64), filled),
        (
            ImageShape::grey(8, 112),
            Augmentation {
                fill: [255; 3],
                ..fine
            },
        ),
        (ImageShape::rgb(128, 128), rigid),
    ]);
    cases
}

/// Smooth images that differ, so that the last bits of a place do not count for more than in a digit.
pub(crate) fn images(count: usize, shape: ImageShape) -> Vec<u8> {
    let ImageShape {
        height,
        width,
        channels,
    } = shape;
    let value = |at: usize| {
        let (channel, pixel) = (at % channels, at / channels);
        let (image, row, column) = (
            pixel / (height * width),
            pixel / width % height,
            pixel % width,
        );
        let phase = image as f64 + 2.0 * channel as f64;
        let wave = (row as f64 * 0.7 + phase).sin() * (column as f64 * 0.9).cos();
        (127.5 + 127.0 * wave) as u8
    };
    (0..count * shape.bytes()).map(value).collect()
}

/// The bytes of the words that images are on a device.
fn packed(images: &[u8], shape: ImageShape) -> Vec<u8> {
    let words = shape.pack(images).into_iter();
    words.flat_map(i32::to_le_bytes).collect()
}

fn on_cpu(
    level: Level,
    shape: ImageShape,
    augmentation: Augmentation,
    scale: ChannelScale,
    images: &[u8],
    indices: &[i32],
) -> Vec<f32> {
    let mut output = vec![f32::NAN; indices.len() * shape.pixels() * shape.device_channels()];
    Plan::new(shape, scale, augmentation, STREAM)
        .run(level, &packed(images, shape), indices, &mut output)
        .expect("indices in range");
    output
}

pub(crate) fn expected(
    shape: ImageShape,
    augmentation: Augmentation,
    images: &[u8],
    indices: &[i32],
) -> Vec<f64> {
    let mut numbers = Vec::new();
    for &index in indices {
        let image = &images[index as usize * shape.bytes()..][..shape.bytes()];
        let bytes = augment(image, shape, &augmentation, STREAM, index as u32);
        for pixel in bytes.chunks_exact(shape.channels) {
            for (channel, byte) in pixel.iter().enumerate() {
                let mean = f64::from(SCALE.mean[channel]);
                numbers.push((byte / 255.0 - mean) / f64::from(SCALE.deviation[channel]));
            }
            numbers.extend((shape.channels..shape.device_channels()).map(|_| 0.0));
        }
    }
    numbers
}

/// Places are rounded to some 4e-6 of a pixel, and more in larger images; the deviations of colour are lower.
/// Contrast and saturation enlarge what was rounded before.
pub(crate) fn tolerance(shape: ImageShape, augmentation: Augmentation) -> f64 {
    let placed = match (shape.pixels() > 2000, shape.channels) {
        (true, _) => 2e-4,
        (false, 1) => 3e-5,
        (false, _) => 6e-5,
    };
    let larger = (1.0 + augmentation.contrast) * (1.0 + augmentation.saturation);
    placed * f64::from(larger)
}

/// The largest difference; NaN if there is one.
pub(crate) fn difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    assert!(!expected.is_empty(), "nothing was compared");
    let pairs = found.iter().zip(expected);
    pairs.fold(0.0, |most: f64, (&found, expected)| {
        let difference = (f64::from(found) - expected).abs();
        match difference > most || difference.is_nan() {
            true => difference,
            false => most,
        }
    })
}

/// From `kat_vectors` of the authors' Random123.
#[test]
fn threefry_gives_the_published_answers() {
    for (counter, key, answer) in [
        (
            [0; 4],
            [0; 4],
            [0x9c6c_a96a, 0xe17e_ae66, 0xfc10_ecd4, 0x5256_a7d8],
        ),
        (
            [u32::MAX; 4],
            [u32::MAX; 4],
            [0x2a88_1696, 0x5701_2287, 0xf6c7_446e, 0xa16a_6732],
        ),
        (
            [0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344],
            [0xa409_3822, 0x299f_31d0, 0x082e_fa98, 0xec4e_6c89],
            [0x59cd_1dbb, 0xb887_9579, 0x86b5_d00c, 0xac8b_6d84],
        ),
    ] {
        assert_eq!(threefry(key, counter), answer);
    }
}

#[test]
fn the_cpu_kernel_agrees_with_float64_at_every_instruction_set() {
    let indices: Vec<i32> = (0..37).map(|at| at * 11 % 23).collect();
    let mut compared = 0;
    for level in simd::available() {
        for (shape, augmentation) in cases() {
            let indices = &indices[..if shape.pixels() > 2000 { 3 } else { 37 }];
            let images = images(23, shape);
            let found = on_cpu(level, shape, augmentation, SCALE, &images, indices);
            let expected = expected(shape, augmentation, &images, indices);
            let difference = difference(&found, &expected);
            let tolerance = tolerance(shape, augmentation);
            assert!(
                difference <= tolerance,
                "{level}, {shape}, {augmentation:?}: {difference:e}"
            );
            if shape.channels > 1 {
                let fourth = found.iter().skip(3).step_by(4);
                assert!(
                    fourth.clone().all(|number| number.to_bits() == 0),
                    "{level}, {shape}"
                );
            }
            compared += 1;
        }
    }
    assert!(compared >= cases().len());
}

#[test]
fn an_index_of_no_image_is_refused() {
    for shape in [MNIST, ImageShape::grey(15, 9), ImageShape::rgb(9, 13)] {
        let bytes = packed(&images(3, shape), shape);
        let plan = Plan::new(shape, SCALE, ALL, STREAM);
        for index in [-1, 3] {
            let mut output = vec![7.0; shape.pixels() * shape.device_channels()];
            let refused = Err(OutOfRange { index, images: 3 });
            let level = simd::detect();
            assert_eq!(plan.run(level, &bytes, &[index], &mut output), refused);
            let gathered = gather::gather(level, shape, SCALE, &bytes, &[index], &mut output);
            assert_eq!(gathered, refused);
            assert!(output.iter().all(|&number| number == 7.0));
        }
    }
}

#[test]
fn without_distortion_every_bit_is_that_of_gathering() {
    for shape in [MNIST, ImageShape::grey(32, 20), ImageShape::rgb(16, 8)] {
        let (images, indices) = (images(9, shape), [4, 0, 8, 8]);
        for level in simd::available() {
            let mut gathered = vec![f32::NAN; 4 * shape.pixels() * shape.device_channels()];
            let bytes = packed(&images, shape);
            gather::gather(level, shape, SCALE, &bytes, &indices, &mut gathered)
                .expect("indices in range");
            let found = on_cpu(level, shape, OFF, SCALE, &images, &indices);
            let bits = |numbers: &[f32]| numbers.iter().map(|x| x.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&found), bits(&gathered), "{level}, {shape}");
        }
    }
}

/// What the kernels gave when they knew MNIST's images alone.
#[test]
fn images_of_mnist_keep_their_bits() {
    let mut state = 0x2545_f491u32;
    let mut byte = || {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        if state >> 30 == 0 {
            0
        } else {
            (state >> 24) as u8
        }
    };
    let images: Vec<u8> = (0..40 * MNIST.bytes()).map(|_| byte()).collect();
    let indices: Vec<i32> = (0..77).map(|at| at * 11 % 40).collect();
    let hash = |numbers: &[f32]| xxh3_64(bytemuck::cast_slice(numbers));
    let rigid = Augmentation {
        elastic: 0.0,
        flip: false,
        cutout: 0,
        ..PINNED
    };
    for level in simd::available() {
        let mut output = vec![f32::NAN; 77 * MNIST.pixels()];
        gather::gather(level, MNIST, SCALE, &images, &indices, &mut output)
            .expect("indices in range");
        let mut found = vec![hash(&output)];
        for augmentation in [PINNED, rigid] {
            let output = on_cpu(level, MNIST, augmentation, SCALE, &images, &indices);
            found.push(hash(&output));
        }
        let expected = match level {
            // A multiply-add rounds twice.
            Level::Scalar | Level::Simd128 => [
                0x7299_0402_8a7d_e706,
                0x9f51_637d_16b4_18a9,
                0xc394_9c9f_3317_0dc7,
            ],
            _ => [
                0x0355_357c_7f15_7f8b,
                0x7710_848d_2c35_da9d,
                0x5d53_b599_c8c4_f1bb,
            ],
        };
        assert_eq!(found, expected, "{level}");
    }
}

const PINNED: Augmentation = Augmentation {
    rotation: 20.0,
    scale: 0.15,
    shear: 0.2,
    shift: 3.0,
    elastic: 5.0,
    elastic_cells: 5,
    cutout: 7,
    flip: true,
    fill: [0; 3],
    brightness: 0.0,
    contrast: 0.0,
    saturation: 0.0,
};

#[test]
fn an_image_does_not_depend_on_its_batch() {
    for shape in [MNIST, ImageShape::rgb(9, 13)] {
        let images = images(40, shape);
        let size = shape.pixels() * shape.device_channels();
        let all: Vec<i32> = (0..40).collect();
        let run = |indices: &[i32]| on_cpu(simd::detect(), shape, ALL, SCALE, &images, indices);
        let whole = run(&all);
        let turned: Vec<i32> = all.iter().rev().copied().collect();
        let turned = run(&turned);
        for index in 0..40 {
            let alone = run(&[index as i32]);
            assert!(alone == whole[index * size..][..size]);
            assert!(alone == turned[(39 - index) * size..][..size]);
        }
        let other = |stream| {
            let mut output = vec![0.0; size];
            Plan::new(shape, SCALE, ALL, stream)
                .run(simd::detect(), &packed(&images, shape), &[5], &mut output)
                .expect("in range");
            output
        };
        let next_epoch = Stream { epoch: 5, ..STREAM };
        let high_seed = Stream {
            seed: STREAM.seed ^ 1 << 40,
            ..STREAM
        };
        assert!(other(STREAM) == run(&[5]));
        assert!(other(next_epoch) != run(&[5]) && other(high_seed) != run(&[5]));
    }
}
