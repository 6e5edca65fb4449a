//! Every CPU kernel at every instruction set of this machine against a plain float64 reference.

pub(crate) mod augment;
mod average_pool;
mod batch_norm;
mod conv_pool_relu;
mod convolve;
mod linear;
mod updates;

use conv_pool_relu::{ConvCase, shape};
use gpu_mnist::kernels::adam::cpu as adam;
use gpu_mnist::kernels::count_confusion::cpu as confusion;
use gpu_mnist::kernels::gather_batch::cpu as gather;
use gpu_mnist::kernels::images::{ChannelScale, ImageShape};
use gpu_mnist::kernels::linear_relu::cpu::Shape;
use gpu_mnist::kernels::parallel::for_each;
use gpu_mnist::kernels::reference::Shares;
use gpu_mnist::kernels::simd::{self, Level};
use gpu_mnist::kernels::softmax_cross_entropy::cpu as loss;
use gpu_mnist::kernels::sum_squares::cpu::sum_squares;

/// Largest difference allowed, relative to the largest number of the reference.
const TOLERANCE: f64 = 4e-6;

/// Uniform in -1..1, by a splitmix generator.
fn random(seed: u64, length: usize) -> Vec<f32> {
    let mut state = seed;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed >> 40) as f32 / (1u64 << 23) as f32) - 1.0
    };
    (0..length).map(|_| next()).collect()
}

/// The largest difference, relative to the largest number of the reference; NaN if one side holds NaN.
fn difference(got: &[f32], want: &[f64]) -> f64 {
    assert_eq!(got.len(), want.len());
    let scale = want
        .iter()
        .fold(1e-30f64, |scale, value| scale.max(value.abs()));
    let pairs = got
        .iter()
        .zip(want)
        .map(|(&got, want)| (f64::from(got) - want).abs() / scale);
    pairs.fold(0.0, |largest: f64, each| {
        if each > largest || each.is_nan() {
            each
        } else {
            largest
        }
    })
}

/// Equal also where both are the same NaN.
fn bits(values: &[f32]) -> Vec<u32> {
    values.iter().map(|value| value.to_bits()).collect()
}

fn check(what: &str, got: &[f32], want: &[f64]) {
    let difference = difference(got, want);
    assert!(!want.is_empty(), "{what}: nothing was compared");
    assert!(difference <= TOLERANCE, "{what}: differs by {difference:e}");
}

#[test]
fn results_do_not_depend_on_the_thread_count() {
    let mut cases = 0;
    for level in simd::available() {
        let run = || {
            let mut parts = vec![];
            for shape in [
                shape(77, (28, 28), 1, 24, 5),
                shape(77, (12, 12), 24, 32, 3),
            ] {
                let got = ConvCase::new(shape).run(level);
                parts.extend([got.output, got.grad_input, got.grad_weight, got.grad_bias]);
            }
            for shape in [
                convolve::shape(77, (14, 14), 16, 24, [3, 1, 1]),
                convolve::shape(77, (15, 14), 1, 8, [5, 2, 2]),
            ] {
                parts.extend(convolve::Case::new(shape, true).run(level));
            }
            parts.extend(
                linear::LinearCase::new(
                    Shape {
                        batch: 77,
                        inputs: 800,
                        outputs: 256,
                    },
                    true,
                )
                .run(level),
            );
            for switches in [[true, true], [false, true]] {
                parts.extend(batch_norm::NormCase::new(9000, 24, switches, 0.3).run(level));
            }
            let (logits, labels) = (
                random(9, 770),
                (0..77).map(|row| row % 10).collect::<Vec<_>>(),
            );
            let mut gradient = vec![0.0; 770];
            let outcome = loss::forward_backward(10, &logits, &labels, &mut gradient)
                .expect("labels in range");
            parts.extend([gradient, vec![outcome.loss]]);
            let bits = parts.concat().into_iter().map(f32::to_bits);
            bits.collect::<Vec<_>>()
        };
        // The threads a product is cut for; the calling thread alone; all of them.
        let cut_for = |threads| {
            let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
            pool.expect("a pool").install(run)
        };
        let alone = std::sync::Mutex::new(vec![]);
        for_each(0..2, |item| {
            // Inside of a region another one is worked on by its own thread.
            if item == 0 {
                *alone.lock().expect("one writer") = run();
            }
        });
        let alone = alone.into_inner().expect("one writer");
        let all = [cut_for(1), cut_for(3), alone, run()];
        assert!(all.iter().all(|one| *one == all[0]), "{level}");
        cases += all[0].len();
    }
    assert!(cases > 0);
}

#[test]
fn softmax_cross_entropy_agrees_with_float64() {
    for (rows, classes) in [(256, 10), (77, 10), (1, 10), (5, 3), (4, 1)] {
        let mut logits: Vec<f32> = random(10, rows * classes)
            .iter()
            .map(|value| value * 8.0)
            .collect();
        logits[0] = 200.0;
        let labels: Vec<i32> = (0..rows).map(|row| (row * 7 % classes) as i32).collect();
        let mut gradient = vec![f32::NAN; logits.len()];
        let got = loss::forward_backward(classes, &logits, &labels, &mut gradient)
            .expect("labels in range");
        let (mut want, mut total) = (vec![], 0.0);
        for (row, &label) in logits.chunks_exact(classes).zip(&labels) {
            let maximum = row
                .iter()
                .fold(f64::MIN, |maximum, &value| maximum.max(f64::from(value)));
            let terms: Vec<f64> = row
                .iter()
                .map(|&value| (f64::from(value) - maximum).exp())
                .collect();
            let sum: f64 = terms.iter().sum();
            total += sum.ln() + maximum - f64::from(row[label as usize]);
            let target = |class: usize| if class == label as usize { 1.0 } else { 0.0 };
            want.extend(
                terms
                    .iter()
                    .enumerate()
                    .map(|(class, term)| (term / sum - target(class)) / rows as f64),
            );
        }
        check("loss gradient", &gradient, &want);
        let mean = total / rows as f64;
        assert!(
            (f64::from(got.loss) - mean).abs() <= 1e-6 * mean.max(1e-6),
            "{} is not {mean}",
            got.loss
        );
        let mut table = vec![0; classes * classes];
        assert_eq!(confusion::count(classes, &logits, &labels, &mut table), 0);
        assert_eq!(table.iter().sum::<i32>(), rows as i32);
        assert_eq!(
            (0..classes)
                .map(|class| table[class * classes + class])
                .sum::<i32>(),
            got.correct as i32
        );
    }
    for bad in [f32::NAN, f32::INFINITY, f32::NEG_INFINITY] {
        let mut gradient = vec![0.0; 4];
        let got = loss::forward_backward(2, &[bad, bad, 0.0, 1.0], &[0, 1], &mut gradient)
            .expect("labels in range");
        assert!(got.loss.is_nan(), "{bad}");
    }
    let wrong =
        loss::forward_backward(2, &[0.0; 4], &[0, 2], &mut [0.0; 4]).expect_err("no such class");
    assert_eq!(wrong.to_string(), "label 2 of row 1 is outside 2 classes");
    assert!(loss::forward_backward(2, &[0.0; 2], &[-1], &mut [0.0; 2]).is_err());
}

/// What `CrossEntropyLoss(weight, label_smoothing)` of PyTorch is documented to be.
#[test]
fn weighted_softmax_cross_entropy_agrees_with_float64() {
    for (rows, classes, smoothing) in [
        (256, 10, 0.0),
        (77, 10, 0.1),
        (1, 2, 0.3),
        (5, 47, 0.1),
        (40, 1000, 0.05),
    ] {
        let logits: Vec<f32> = random(10, rows * classes)
            .iter()
            .map(|value| value * 8.0)
            .collect();
        let labels: Vec<i32> = (0..rows).map(|row| (row * 7 % classes) as i32).collect();
        let weights: Vec<f32> = random(12, classes).iter().map(|w| w.abs() + 0.01).collect();
        let shares = Shares::new(&labels, &f64s(&weights), smoothing);
        let (want_loss, want) = shares.cross_entropy(&f64s(&logits), classes);
        let mut gradient = vec![f32::NAN; logits.len()];
        let run = |weights: &[f32], gradient: &mut [f32]| {
            loss::forward_backward_weighted(weights, smoothing as f32, &logits, &labels, gradient)
                .expect("labels in range")
        };
        let got = run(&weights, &mut gradient);
        check("weighted loss gradient", &gradient, &want);
        let error = (f64::from(got.loss) - want_loss).abs();
        assert!(error <= 1e-6 * want_loss, "{} is not {want_loss}", got.loss);

        let twice: Vec<f32> = weights.iter().map(|weight| 2.0 * weight).collect();
        let mut same = vec![f32::NAN; logits.len()];
        let again = run(&twice, &mut same);
        assert!((again.loss - got.loss).abs() <= 1e-6 * got.loss);
        assert_eq!(again.correct, got.correct);

        if smoothing == 0.0 {
            let mut plain = vec![f32::NAN; logits.len()];
            let unweighted = loss::forward_backward(classes, &logits, &labels, &mut plain)
                .expect("labels in range");
            let ones = run(&vec![1.0; classes], &mut same);
            assert_eq!(ones.correct, unweighted.correct);
            assert!((ones.loss - unweighted.loss).abs() <= 1e-6 * ones.loss);
            check("weights of one", &same, &f64s(&plain));
        }
    }
    // By hand: the second row weighs three times the first; (0.5 ln 2 + 1.5 ln 4 - 1.5 ln 3) / 2.
    let (ln3, mut gradient) = (3.0f32.ln(), [0.0; 4]);
    let got = loss::forward_backward_weighted(
        &[0.5, 1.5],
        0.0,
        &[0.0, 0.0, 0.0, ln3],
        &[0, 1],
        &mut gradient,
    )
    .expect("labels in range");
    let want = (0.5 * 2f64.ln() + 1.5 * (4f64 / 3.0).ln()) / 2.0;
    assert!((f64::from(got.loss) - want).abs() < 1e-7, "{}", got.loss);
    check("by hand", &gradient, &[-0.125, 0.125, 0.1875, -0.1875]);
    let nothing = loss::forward_backward_weighted(&[0.0, 1.0], 0.0, &[0.0; 2], &[0], &mut [0.0; 2])
        .expect("labels in range");
    assert_eq!(nothing.loss, 0.0, "labels that weigh nothing cost nothing");
    let outside = loss::forward_backward_weighted(&[1.0; 2], 0.0, &[0.0; 2], &[2], &mut [0.0; 2]);
    assert!(outside.is_err());
}

fn f64s(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| number.into()).collect()
}

#[test]
fn confusion_counts_by_hand() {
    let logits = [
        1.0,
        1.0,
        0.0,
        0.0,
        5.0,
        5.0,
        0.0,
        1.0,
        2.0,
        0.0,
        f32::NAN,
        9.0,
    ];
    let mut table = vec![0; 9];
    table[0] = 4;
    assert_eq!(confusion::count(3, &logits, &[0, 2, 2, 1], &mut table), 0);
    assert_eq!(table, [5, 0, 0, 0, 1, 0, 0, 1, 1]);
    assert_eq!(confusion::count(3, &logits[..6], &[-1, 3], &mut table), 2);
}

/// The bits are those of any processor: a norm that differs in its last bit makes another training.
#[test]
fn squares_are_summed_in_one_order_everywhere() {
    for (count, expected) in [
        (1, 0x3d66_1606),
        (15, 0x4061_3ed2),
        (131, 0x4232_dbeb),
        (4096, 0x44a8_0649),
        (4097, 0x44a8_1041),
        (100_003, 0x4701_e708),
    ] {
        let numbers = random(8, count);
        let exact: f64 = numbers.iter().map(|&x| f64::from(x) * f64::from(x)).sum();
        let found = sum_squares(&numbers);
        assert!(
            (f64::from(found) - exact).abs() <= 2e-7 * exact,
            "{count}: {found} instead of {exact}"
        );
        assert_eq!(found.to_bits(), expected, "{count}: {found}");
    }
    assert!(sum_squares(&[1.0, f32::NAN, 2.0]).is_nan());
    assert_eq!(sum_squares(&[f32::MAX]), f32::INFINITY);
}

#[test]
fn adam_agrees_with_float64() {
    let mut cases = 0;
    for level in simd::available() {
        for (length, weight_decay) in [(1, 0.0), (37, 0.0), (40_001, 0.01)] {
            let mut parameter = random(11, length);
            let mut want: Vec<f64> = parameter.iter().map(|&value| f64::from(value)).collect();
            let (mut first, mut second) = (vec![0.0; length], vec![0.0; length]);
            let (mut first64, mut second64) = (vec![0.0f64; length], vec![0.0f64; length]);
            for step in 1..=5 {
                let gradient = random(20 + u64::from(step), length);
                let settings = adam::Settings {
                    learning_rate: 0.01,
                    beta1: 0.7,
                    beta2: 0.9,
                    epsilon: 1e-8,
                    weight_decay,
                    step,
                };
                adam::update(
                    level,
                    &settings,
                    &mut parameter,
                    &gradient,
                    [&mut first, &mut second],
                );
                for at in 0..length {
                    let grad = f64::from(gradient[at]);
                    first64[at] = 0.7 * first64[at] + 0.3 * grad;
                    second64[at] = 0.9 * second64[at] + 0.1 * grad * grad;
                    let top = first64[at] / (1.0 - 0.7f64.powi(step as i32));
                    let bottom = (second64[at] / (1.0 - 0.9f64.powi(step as i32))).sqrt() + 1e-8;
                    want[at] =
                        want[at] * (1.0 - 0.01 * f64::from(weight_decay)) - 0.01 * top / bottom;
                }
                cases += 1;
            }
            check(&format!("{level} parameter"), &parameter, &want);
            check(&format!("{level} first moment"), &first, &first64);
            check(&format!("{level} second moment"), &second, &second64);
        }
    }
    assert!(cases > 0);
}

#[test]
fn gather_batch_normalises() {
    let scale = ChannelScale {
        mean: [0.1307, 0.4, 0.5],
        deviation: [0.3081, 0.2, 0.25],
    };
    for level in simd::available() {
        for shape in [
            ImageShape::grey(28, 28),
            ImageShape::grey(14, 14),
            ImageShape::grey(32, 20),
            ImageShape::grey(15, 9),
            ImageShape::rgb(32, 32),
            ImageShape::rgb(9, 13),
        ] {
            let images: Vec<u8> = (0..shape.bytes() * 40)
                .map(|at| (at * 37 % 256) as u8)
                .collect();
            let words = shape.pack(&images).into_iter();
            let bytes: Vec<u8> = words.flat_map(i32::to_le_bytes).collect();
            let indices: Vec<i32> = (0..77).map(|at| at * 11 % 40).collect();
            let mut output = vec![f32::NAN; 77 * shape.pixels() * shape.device_channels()];
            gather::gather(level, shape, scale, &bytes, &indices, &mut output)
                .expect("indices in range");
            let mut want = Vec::new();
            for &index in &indices {
                let image = &images[index as usize * shape.bytes()..][..shape.bytes()];
                for pixel in image.chunks_exact(shape.channels) {
                    for (channel, &byte) in pixel.iter().enumerate() {
                        let mean = f64::from(scale.mean[channel]);
                        let deviation = f64::from(scale.deviation[channel]);
                        want.push((f64::from(byte) / 255.0 - mean) / deviation);
                    }
                    want.extend((shape.channels..shape.device_channels()).map(|_| 0.0));
                }
            }
            check(&format!("{level} {shape}"), &output, &want);
            if shape.channels > 1 {
                assert!(
                    output
                        .iter()
                        .skip(3)
                        .step_by(4)
                        .all(|zero| zero.to_bits() == 0)
                );
            }
        }
    }
}

#[test]
fn the_switch_is_read_and_refused() {
    assert_eq!(simd::parse("scalar"), Ok(Level::Scalar));
    assert_eq!(
        simd::parse(" Auto "),
        Ok(*simd::available().last().expect("scalar at least"))
    );
    let message = simd::parse("sse9").expect_err("no such set").to_string();
    assert!(message.starts_with(
        "GPU_MNIST_SIMD=\"sse9\" names no instruction set; use auto or one of: scalar"
    ));
    // What every processor of this kind has: else no check above would have looked at it.
    #[cfg(target_arch = "aarch64")]
    assert_eq!(simd::available(), [Level::Scalar, Level::Neon]);
    for level in [Level::Neon, Level::Avx2, Level::Avx512]
        .into_iter()
        .filter(|level| !level.is_available())
    {
        assert_eq!(
            simd::parse(level.name()),
            Err(simd::Error::Unavailable(level))
        );
    }
}
