//! What each distortion does to an image, found in the images themselves.

use gpu_mnist::kernels::augment_batch::{Augmentation, Stream};
use gpu_mnist::kernels::images::ImageShape;
use gpu_mnist::kernels::reference::augment::Draws;
use gpu_mnist::kernels::simd;

use super::{BYTES, MNIST, OFF, STREAM, on_cpu};

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
