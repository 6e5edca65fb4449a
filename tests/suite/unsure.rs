//! The scale of unsure answers: how many sound answers lie above it, by how many were held out to measure it.

use gpu_mnist::evaluation::Familiarity;
use gpu_mnist::evaluation::inference::Answer;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Above it an answer is unsure.
const THRESHOLD: f32 = 1.0;
const CLASSES: usize = 3;
const WIDTH: usize = 8;

/// An answer to an image of the set, and its class.
fn sound(random: &mut ChaCha8Rng) -> (Answer, u16) {
    let class = random.random_range(0..CLASSES);
    let mut near = |centre: f32| {
        let spread: f32 = (0..6).map(|_| random.random_range(-1.0..1.0f32)).sum();
        (centre + spread).max(0.0)
    };
    let features = (0..WIDTH)
        .map(|at| near(if at % CLASSES == class { 6.0 } else { 1.0 }))
        .collect();
    let logits = (0..CLASSES)
        .map(|at| near(if at == class { 9.0 } else { 0.0 }))
        .collect();
    (Answer { features, logits }, class as u16)
}

/// An answer to an image of none.
fn odd(random: &mut ChaCha8Rng) -> Answer {
    let mut any = |count| (0..count).map(|_| random.random_range(0.0..5.0)).collect();
    Answer {
        features: any(WIDTH),
        logits: any(CLASSES),
    }
}

/// The shares of sound answers and of odd ones that are called unsure where so many were held out, over forty trials.
fn flagged(held_out: usize) -> [f64; 2] {
    let mut random = ChaCha8Rng::seed_from_u64(held_out as u64);
    let mut shares = [0.0; 2];
    for _ in 0..40 {
        let (known, labels): (Vec<_>, Vec<_>) = (0..300).map(|_| sound(&mut random)).unzip();
        let outliers: Vec<_> = (0..300).map(|_| odd(&mut random)).collect();
        let held: Vec<_> = (0..held_out).map(|_| sound(&mut random).0).collect();
        let scale = Familiarity::measure(&known, &labels, &outliers, &held, 0.042);
        let scale = scale.expect("a scale");
        let mut share = |draw: &mut dyn FnMut(&mut ChaCha8Rng) -> Answer| {
            let above = (0..200).filter(|_| scale.score(&draw(&mut random)) > THRESHOLD);
            above.count() as f64 / 200.0 / 40.0
        };
        shares[0] += share(&mut |random| sound(random).0);
        shares[1] += share(&mut |random| odd(random));
    }
    shares
}

#[test]
fn few_images_that_were_held_out_flag_no_more_sound_ones_than_many() {
    for held_out in [10, 15, 24, 30, 50, 78, 100, 500] {
        let [sound, odd] = flagged(held_out);
        assert!(sound < 0.05, "{held_out}: {sound}");
        assert!(odd > 0.5, "{held_out}: {odd}");
    }
}

#[test]
fn too_few_images_make_no_scale() {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let (known, labels): (Vec<_>, Vec<_>) = (0..300).map(|_| sound(&mut random)).unzip();
    let outliers: Vec<_> = (0..300).map(|_| odd(&mut random)).collect();
    let measure = |images: usize, held_out: usize| {
        let (known, labels) = (&known[..images], &labels[..images]);
        Familiarity::measure(known, labels, &outliers, &known[..held_out], 0.042)
    };
    assert!(measure(300, 10).is_some());
    assert!(measure(300, 9).is_none());
    assert!(measure(99, 20).is_none());
}

#[test]
fn features_too_large_to_square_make_no_scale_that_fails() {
    let mut random = ChaCha8Rng::seed_from_u64(2);
    let (mut known, labels): (Vec<_>, Vec<_>) = (0..300).map(|_| sound(&mut random)).unzip();
    let mut outliers: Vec<_> = (0..300).map(|_| odd(&mut random)).collect();
    for answer in known.iter_mut().chain(&mut outliers) {
        answer.features.iter_mut().for_each(|value| *value *= 1e37);
    }
    let found = Familiarity::measure(&known, &labels, &outliers, &known[..100], 0.042);
    assert!(found.is_none_or(|found| found.is_sound() && found.score(&known[0]).is_finite()));
}
