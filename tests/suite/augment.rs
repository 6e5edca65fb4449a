//! Augmentation: the stream against its published answers, shader = CPU kernel = Burn's own operations = float64, and
//! what each distortion does to an image.

use burn::tensor::{DType, Int, Tensor, TensorData};
use gpu_mnist::data::Split;
use gpu_mnist::data::batches::{self as data, DeviceSplit};
use gpu_mnist::device::Device;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::kernels::augment_batch::cpu::Plan;
use gpu_mnist::kernels::augment_batch::random::threefry;
use gpu_mnist::kernels::augment_batch::{self, Augmentation, Stream, augment_batch};
use gpu_mnist::kernels::gather_batch::cpu::{self as gather, OutOfRange};
use gpu_mnist::kernels::gather_batch::{self, gather_batch};
use gpu_mnist::kernels::images::{ChannelScale, ImageShape};
use gpu_mnist::kernels::reference::augment::{Draws, augment};
use gpu_mnist::kernels::simd::{self, Level};

use xxhash_rust::xxh3::xxh3_64;

use crate::support::adapter_or_skip;

const MNIST: ImageShape = ImageShape::grey(28, 28);
const SCALE: ChannelScale = ChannelScale {
    mean: [0.1307, 0.3, 0.5],
    deviation: [0.3081, 0.2, 0.4],
};
/// Bytes come out as they are.
const BYTES: ChannelScale = ChannelScale {
    mean: [0.0; 3],
    deviation: [1.0 / 255.0; 3],
};
const STREAM: Stream = Stream {
    seed: 0xfedc_ba98_7654_3210,
    epoch: 4,
};
const OFF: Augmentation = Augmentation {
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
const ALL: Augmentation = Augmentation {
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
fn cases() -> Vec<(ImageShape, Augmentation)> {
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
fn images(count: usize, shape: ImageShape) -> Vec<u8> {
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

fn expected(
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
fn tolerance(shape: ImageShape, augmentation: Augmentation) -> f64 {
    let placed = match (shape.pixels() > 2000, shape.channels) {
        (true, _) => 2e-4,
        (false, 1) => 3e-5,
        (false, _) => 6e-5,
    };
    let larger = (1.0 + augmentation.contrast) * (1.0 + augmentation.saturation);
    placed * f64::from(larger)
}

/// The largest difference; NaN if there is one.
fn difference(found: &[f32], expected: &[f64]) -> f64 {
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

const SPOTS: i32 = 200;

/// A soft spot at `place` relative to the centre, right and down, distorted as images 0 to [`SPOTS`] are; where it
/// is then.
fn spots(augmentation: Augmentation, place: [f64; 2]) -> Vec<[f64; 2]> {
    let centred = |at: usize| at as f64 - 13.5;
    let spot: Vec<u8> = (0..784)
        .map(|at| {
            let (x, y) = (centred(at % 28) - place[0], centred(at / 28) - place[1]);
            (255.0 * (-(x * x + y * y) / 4.5).exp()) as u8
        })
        .collect();
    let images = spot.repeat(SPOTS as usize);
    let indices: Vec<i32> = (0..SPOTS).collect();
    let found = on_cpu(
        simd::detect(),
        MNIST,
        augmentation,
        BYTES,
        &images,
        &indices,
    );
    let centre = |picture: &[f32]| {
        let [mut mass, mut x, mut y] = [0.0; 3];
        for (at, &value) in picture.iter().enumerate() {
            let value = f64::from(value);
            mass += value;
            x += value * centred(at % 28);
            y += value * centred(at / 28);
        }
        [x / mass, y / mass]
    };
    found.chunks_exact(784).map(centre).collect()
}

/// Holds the spots against where `expected` puts them for what is drawn; `moved` is the least that one must move.
fn spots_move(
    augmentation: Augmentation,
    place: [f64; 2],
    moved: f64,
    expected: impl Fn(&Draws) -> [f64; 2],
) {
    let distance = |a: [f64; 2], b: [f64; 2]| (a[0] - b[0]).hypot(a[1] - b[1]);
    let found = spots(augmentation, place);
    for (sample, &found) in found.iter().enumerate() {
        let expected = expected(&Draws::new(STREAM, sample as u32));
        let error = distance(found, expected);
        assert!(error < 0.15, "{sample}: at {found:?}, not {expected:?}");
    }
    let most = found
        .iter()
        .fold(0.0f64, |most, &found| most.max(distance(found, place)));
    assert!(most > moved, "none moved further than {most}");
}

#[test]
fn a_shift_moves_a_spot_by_what_is_drawn() {
    let shifted = Augmentation { shift: 5.0, ..OFF };
    spots_move(shifted, [2.0, -3.0], 4.0, |draws| {
        [2.0 - 5.0 * draws.unit(4), -3.0 - 5.0 * draws.unit(5)]
    });
}

#[test]
fn a_rotation_turns_a_spot_around_the_centre() {
    let rotated = Augmentation {
        rotation: 90.0,
        ..OFF
    };
    // The source is turned, right towards down where the number is positive: the picture turns back.
    spots_move(rotated, [8.0, 0.0], 8.0, |draws| {
        let angle = 90.0f64.to_radians() * draws.unit(0);
        [8.0 * angle.cos(), -8.0 * angle.sin()]
    });
}

#[test]
fn a_scale_moves_a_spot_towards_the_centre_or_away() {
    let scaled = Augmentation { scale: 0.3, ..OFF };
    spots_move(scaled, [5.0, -6.0], 2.0, |draws| {
        [
            5.0 / (1.0 + 0.3 * draws.unit(1)),
            -6.0 / (1.0 + 0.3 * draws.unit(2)),
        ]
    });
}

#[test]
fn a_shear_moves_a_spot_sideways_by_its_height() {
    let sheared = Augmentation { shear: 0.5, ..OFF };
    spots_move(sheared, [1.0, -6.0], 2.0, |draws| {
        [1.0 + 0.5 * draws.unit(3) * 6.0, -6.0]
    });
}

#[test]
fn elastic_bending_moves_spots_by_a_third_of_the_setting_and_not_all_alike() {
    let bent = Augmentation {
        elastic: 6.0,
        ..OFF
    };
    let deviation = |found: &[f64]| {
        let mean = found.iter().sum::<f64>() / found.len() as f64;
        let squares = found.iter().map(|x| (x - mean).powi(2)).sum::<f64>();
        (squares / found.len() as f64).sqrt()
    };
    let left = spots(bent, [-7.0, 0.0]);
    let right = spots(bent, [7.0, 0.0]);
    for axis in [0, 1] {
        let along = |spots: &[[f64; 2]]| spots.iter().map(|spot| spot[axis]).collect::<Vec<_>>();
        let (left, right) = (along(&left), along(&right));
        let apart: Vec<f64> = left.iter().zip(&right).map(|(l, r)| l - r).collect();
        for found in [deviation(&left), deviation(&right)] {
            assert!((1.2..2.6).contains(&found), "moves by {found}");
        }
        assert!(deviation(&apart) > 1.7, "{}", deviation(&apart));
    }
}

#[test]
fn a_flip_mirrors_half_of_the_pictures() {
    let flipped = Augmentation { flip: true, ..OFF };
    let mut mirrored = 0;
    for (sample, found) in spots(flipped, [5.0, 3.0]).into_iter().enumerate() {
        let draws = Draws::new(STREAM, sample as u32);
        let flips = draws.word(8) >> 31 == 1;
        mirrored += usize::from(flips);
        let expected = if flips { -5.0 } else { 5.0 };
        assert!((found[0] - expected).abs() < 0.1 && (found[1] - 3.0).abs() < 0.1);
    }
    assert!((75..=125).contains(&mirrored), "{mirrored} of {SPOTS}");
}

#[test]
fn a_cutout_empties_one_square_around_a_pixel_of_the_picture() {
    let white = vec![255; 400 * 784];
    let indices: Vec<i32> = (0..400).collect();
    for cutout in [1, 8, 9] {
        let cut = Augmentation { cutout, ..OFF };
        let found = on_cpu(simd::detect(), MNIST, cut, BYTES, &white, &indices);
        let mut whole = 0;
        for (sample, picture) in found.chunks_exact(784).enumerate() {
            let draws = Draws::new(STREAM, sample as u32);
            let ranges = [6, 7].map(|at| {
                let start = i64::from(((draws.word(at) >> 8) * 28) >> 24) - i64::from(cutout / 2);
                start.max(0) as usize..(start + i64::from(cutout)).min(28) as usize
            });
            let [columns, rows] = ranges;
            for (at, &value) in picture.iter().enumerate() {
                let cut = columns.contains(&(at % 28)) && rows.contains(&(at / 28));
                assert!(((value == 0.0) == cut) && (cut || (value - 255.0).abs() < 1e-3));
            }
            whole += usize::from(columns.len() * rows.len() == (cutout * cutout) as usize);
        }
        assert!(whole > 150, "{whole} squares lie inside");
    }
}

#[test]
fn what_is_cut_out_or_comes_in_is_filled() {
    let shape = ImageShape::rgb(20, 12);
    let black = vec![0; 60 * shape.bytes()];
    let indices: Vec<i32> = (0..60).collect();
    let fill = [10, 200, 255];
    let filled = |augmentation| {
        let images = on_cpu(simd::detect(), shape, augmentation, BYTES, &black, &indices);
        let is_filled = |pixel: &&[f32; 4]| {
            let mut pairs = pixel.iter().zip(fill);
            pairs.all(|(value, fill)| (value - f32::from(fill)).abs() < 1e-3)
        };
        images.as_chunks().0.iter().filter(is_filled).count()
    };
    let cut = Augmentation {
        cutout: 5,
        fill,
        ..OFF
    };
    let found = filled(cut);
    // At most 25 pixels an image, fewer where a square lies over the edge.
    assert!((60 * 12..60 * 25).contains(&found), "{found} pixels");
    let shifted = Augmentation {
        shift: 6.0,
        fill,
        ..OFF
    };
    let found = filled(shifted);
    assert!((60 * 50..60 * 150).contains(&found), "{found} pixels");
    assert_eq!(filled(OFF), 0);
}

#[test]
fn what_is_drawn_is_even_and_unrelated() {
    const SAMPLES: usize = 4000;
    let draw = |stream, at| -> Vec<f64> {
        (0..SAMPLES as u32)
            .map(|sample| Draws::new(stream, sample).unit(at))
            .collect()
    };
    let product = |a: &[f64], b: &[f64]| {
        a.iter().zip(b).map(|(a, b)| a * b).sum::<f64>() / SAMPLES as f64 * 3.0
    };
    let next = Stream {
        epoch: STREAM.epoch + 1,
        ..STREAM
    };
    let after = Stream {
        seed: STREAM.seed + 1,
        ..STREAM
    };
    for at in [0, 1, 2, 3, 4, 5, 6, 7, 8, 12, 13, 139] {
        let drawn = draw(STREAM, at);
        let mut bins = [0.0f64; 20];
        for number in &drawn {
            bins[((number + 1.0) * 10.0) as usize] += 1.0;
        }
        let even = SAMPLES as f64 / 20.0;
        let chi_squared: f64 = bins.iter().map(|bin| (bin - even).powi(2) / even).sum();
        // 19 degrees of freedom: one in ten thousand is above 50.
        assert!(chi_squared < 50.0, "word {at}: {chi_squared}");
        // Products of unrelated numbers have a mean of 0 and, so scaled, a deviation of 0.016.
        let mut shifted = drawn.clone();
        shifted.rotate_left(1);
        for other in [
            draw(next, at),
            draw(after, at),
            draw(STREAM, at + 1),
            shifted,
        ] {
            assert!(product(&drawn, &other).abs() < 0.07, "word {at}");
        }
    }
}
