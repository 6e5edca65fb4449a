//! Steps that are recorded and replayed: the same bits as steps launched one by one, whatever the settings.

use std::ops::ControlFlow;

use gpu_mnist::checks::replay::beside_launches;
use gpu_mnist::checks::{Scope, steps};
use gpu_mnist::config::Config;
use gpu_mnist::data::batches::{Batch, DeviceSplit, Normalisation, upload_indices};
use gpu_mnist::data::synthetic::{self, network};
use gpu_mnist::device::{Device, DeviceError};
use gpu_mnist::evaluation::batches::Batches;
use gpu_mnist::evaluation::evaluate;
use gpu_mnist::evaluation::inference::{answers, classify};
use gpu_mnist::model::Model;
use gpu_mnist::training::history::Recorder;
use gpu_mnist::training::state::Snapshot;
use gpu_mnist::training::trainer::Trainer;

use crate::support::{EVERY_LAYER, EVERY_LAYER_FLAT, adapter_or_skip, initial, settings};

/// Twelve whole batches an epoch, enough to record several steps together, and a smaller one.
const BATCH: usize = 16;
const IMAGES: usize = 12 * BATCH + 5;
const SMALL: &[&str] = &[
    "training.batch_size=16",
    "training.epochs=8",
    "model.layers=[{convolution=4,kernel=5,pool=2},{linear=12}]",
];
const NORMED: &str = "model.layers=[\
    {convolution=4,kernel=3,padding=1,norm='batch'},\
    {convolution=4,kernel=3,padding=1,norm='batch',residual=true},\
    {convolution=8,kernel=3,padding=1,pool=2,norm='batch'},{pool='average'},{linear=13}]";

/// What a training came to: losses, numbers right, and all that it goes on from.
#[derive(Debug, PartialEq)]
struct Found {
    scores: Vec<(f64, f64)>,
    end: Snapshot,
    replayed: bool,
    /// How often five steps were queued at once.
    fives: usize,
}

/// `steps` steps from `start`, epoch after epoch.
fn train(config: &Config, device: &Device, start: Snapshot, steps: usize, replays: bool) -> Found {
    let device = device.clone().with_replays(replays);
    let split = synthetic::draw(3, 0, IMAGES);
    let images = DeviceSplit::upload(&split, Normalisation::measure(&split), &device);
    let recorder = Recorder::of(&start);
    let all = config.training.epochs * IMAGES.div_ceil(BATCH);
    let trainer = Trainer::new(start, &images, all, config, &device);
    let mut trainer = trainer.expect("a training");
    let mut outcomes = Vec::new();
    let mut fives = 0;
    while outcomes.len() < steps {
        if trainer.epoch_is_over() {
            trainer.end_epoch();
            trainer.begin_epoch(&[]);
        }
        let most = steps - outcomes.len();
        let queued = trainer.next_steps(most).expect("steps");
        assert!(!queued.is_empty() && queued.len() <= most);
        fives += usize::from(queued.len() == 5);
        outcomes.extend(queued);
    }
    let (losses, correct) = trainer.scores(&outcomes);
    let (losses, correct) = (losses.into_data(), correct.into_data());
    Found {
        scores: losses.iter::<f64>().zip(correct.iter::<f64>()).collect(),
        end: pollster::block_on(trainer.snapshot(&recorder)).expect("read"),
        replayed: trainer.replays(),
        fives,
    }
}

fn config(more: &[&str]) -> Config {
    settings(&[SMALL, more].concat())
}

#[test]
fn replayed_steps_are_those_that_are_launched() {
    let Some(device) = adapter_or_skip("replayed_steps_are_those_that_are_launched") else {
        return;
    };
    let cases: &[(&str, &[&str])] = &[
        ("adam", &[]),
        (
            "weight decay in the gradient",
            &["training.weight_decay=0.01"],
        ),
        (
            "adamw, clipped, averaged, smoothed",
            &[
                "training.optimizer=adamw",
                "training.weight_decay=0.05",
                "training.clip_norm=0.5",
                "training.ema_decay=0.9",
                "training.label_smoothing=0.1",
            ],
        ),
        (
            "momentum, weighted classes",
            &[
                "training.optimizer=sgd",
                "training.learning_rate=0.05",
                "training.class_weights='balanced'",
            ],
        ),
        (
            "muon, batch norm, averaged",
            &[
                "training.optimizer=muon",
                "training.weight_decay=0.01",
                "training.ema_decay=0.9",
                NORMED,
            ],
        ),
        (
            "distorted",
            &[
                "augment.rotation=10",
                "augment.elastic=1.0",
                "augment.flip=true",
                "augment.off_epochs=4",
            ],
        ),
        (
            "a plateau's rates",
            &["training.schedule=plateau", "training.patience=5"],
        ),
        ("a frozen layer", &["training.freeze=1"]),
    ];
    for (name, more) in cases {
        let config = config(more);
        // Five are recorded in the third epoch, replayed in the fourth and the fifth.
        let found = train(&config, &device, initial(&config), 58, true);
        let expected = train(&config, &device, initial(&config), 58, false);
        assert!(found.replayed && !expected.replayed, "{name}");
        assert!(found.fives >= 2 && expected.fives == 0, "{name}");
        assert_eq!(found.scores, expected.scores, "{name}");
        assert!(found.end == expected.end, "{name}: the states differ");
        let first = found.scores[0].0;
        assert!(found.scores.iter().any(|(loss, _)| *loss < first), "{name}");
    }
}

#[test]
fn a_replayed_training_goes_on_from_any_step() {
    let Some(device) = adapter_or_skip("a_replayed_training_goes_on_from_any_step") else {
        return;
    };
    let config = config(&["training.ema_decay=0.9"]);
    let whole = train(&config, &device, initial(&config), 45, false);
    for stop in [1, 4, 16, 37, 42] {
        let before = train(&config, &device, initial(&config), stop, true);
        let after = train(&config, &device, before.end, 45 - stop, true);
        assert_eq!(after.scores, whole.scores[stop..], "from step {stop}");
        assert!(after.end == whole.end, "from step {stop}");
    }
}

#[test]
fn replayed_steps_learn_what_the_cpu_learns() {
    let Some(device) = adapter_or_skip("replayed_steps_learn_what_the_cpu_learns") else {
        return;
    };
    let adamw = ["training.optimizer=adamw", "training.weight_decay=0.05"];
    let muon = [
        "training.optimizer=muon",
        // So much that weights without it would be others.
        "training.weight_decay=2",
        "training.ema_decay=0.9",
    ];
    for more in [&adamw[..], &muon] {
        let config = config(more);
        let found = train(&config, &device, initial(&config), 15, true);
        let expected = train(&config, &Device::cpu(), initial(&config), 15, true);
        assert!(found.replayed && !expected.replayed);
        for ((found, _), (expected, _)) in found.scores.iter().zip(&expected.scores) {
            assert!(
                (found - expected).abs() < 1e-4,
                "{more:?}: {found}, not {expected}"
            );
        }
        let averaged = |found: &Found| found.end.averaged.clone().map(|found| found.parameters);
        let is_averaged = more.contains(&"training.ema_decay=0.9");
        for found in [&found, &expected] {
            assert_eq!(found.end.averaged.is_some(), is_averaged, "{more:?}");
        }
        for (found, expected) in [
            (
                Some(found.end.parameters.clone()),
                Some(expected.end.parameters.clone()),
            ),
            (averaged(&found), averaged(&expected)),
        ] {
            let pairs = found.iter().flatten().flatten();
            let pairs = pairs.zip(expected.iter().flatten().flatten());
            for (found, expected) in pairs {
                assert!(
                    (found - expected).abs() < 2e-3,
                    "{more:?}: a weight of {found}, not {expected}"
                );
            }
        }
    }
}

#[test]
fn distorted_steps_learn_what_the_cpu_learns() {
    let Some(device) = adapter_or_skip("distorted_steps_learn_what_the_cpu_learns") else {
        return;
    };
    let config = config(&[
        "training.optimizer=sgd",
        "training.learning_rate=0.05",
        "augment.rotation=10",
        "augment.elastic=1.0",
        "augment.shift=2",
        "augment.flip=true",
    ]);
    // Into the second epoch, whose distortions are others.
    let found = train(&config, &device, initial(&config), 20, true);
    let expected = train(&config, &Device::cpu(), initial(&config), 20, true);
    assert!(found.replayed && !expected.replayed);
    for ((found, _), (expected, _)) in found.scores.iter().zip(&expected.scores) {
        assert!((found - expected).abs() < 1e-3, "{found}, not {expected}");
    }
}

#[test]
fn steps_that_draw_on_the_host_are_launched() {
    let Some(device) = adapter_or_skip("steps_that_draw_on_the_host_are_launched") else {
        return;
    };
    let config = config(&["model.layers=[{linear=12},{dropout=0.5},{linear=9}]"]);
    let found = train(&config, &device, initial(&config), 6, true);
    assert!(!found.replayed);
    assert_eq!(found.scores.len(), 6);
}

#[test]
fn without_graphs_steps_are_launched() {
    let Some(device) = adapter_or_skip("without_graphs_steps_are_launched") else {
        return;
    };
    let config = config(&[]);
    let expected = train(&config, &device, initial(&config), 8, true);
    let refusing = device
        .clone()
        .injecting("no-replay".parse().expect("an injection"));
    let found = train(&config, &refusing, initial(&config), 8, true);
    assert!(expected.replayed && !found.replayed);
    assert_eq!(found.scores, expected.scores);
    assert!(found.end == expected.end);
}

#[test]
fn the_check_finds_wrong_replays() {
    let Some(device) = adapter_or_skip("the_check_finds_wrong_replays") else {
        return;
    };
    let config = config(&[]);
    let network = network(&config.model);
    let check = |device: &Device| {
        let found = beside_launches(device, &config, &network, Scope::short());
        pollster::block_on(found).expect("replayed steps")
    };
    let right = check(&device);
    assert!(right.passed, "{right:?}");
    let wrong = check(
        &device
            .clone()
            .injecting("wrong:replay".parse().expect("an injection")),
    );
    assert!(!wrong.passed && wrong.error > Some(0.0), "{wrong:?}");
    // On the CPU there is nothing to replay.
    let cpu = Device::cpu();
    let found = beside_launches(&cpu, &config, &network, Scope::short());
    assert_eq!(pollster::block_on(found), None);
}

#[test]
fn steps_go_round_and_keep_their_scores() {
    let Some(device) = adapter_or_skip("steps_go_round_and_keep_their_scores") else {
        return;
    };
    let config = config(&[]);
    let network = network(&config.model);
    let losses = |replays| {
        let device = device.clone().with_replays(replays);
        let work = steps::Work {
            images: 2 * BATCH,
            steps: 9,
            schedule_steps: 9,
        };
        let losses = steps::losses(&device, &config, &network, work);
        pollster::block_on(losses).expect("losses")
    };
    let found = losses(true);
    assert_eq!(found, losses(false));
    let mut distinct = found.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 9, "{found:?}");
}

/// Batches of an evaluation that are worked on, of `images` images.
fn worked_on(images: usize, device: &Device) -> usize {
    let split = synthetic::draw(3, 0, images);
    let uploaded = DeviceSplit::upload(&split, Normalisation::measure(&split), device);
    let batches = Batches::of(&uploaded, BATCH, device, "evaluating");
    let mut kept = batches.kept();
    let (mut worked, mut heard) = (0, Vec::new());
    let work = |batch: Batch| {
        worked += 1;
        let [count, height, width, channels] = batch.images.dims();
        kept.take(batch.images.reshape([count, height * width * channels]));
        None
    };
    let mut hear = |images| {
        heard.push(images);
        ControlFlow::Continue(())
    };
    let losses = batches.each(&mut hear, work);
    assert!(losses.expect("batches").is_empty());
    assert_eq!(heard.len(), images.div_ceil(BATCH));
    assert_eq!(heard.last(), Some(&images));
    let found: Vec<f32> = (kept.tensors.into_iter())
        .flat_map(|tensor| tensor.into_data().iter::<f32>().collect::<Vec<_>>())
        .collect();
    let order: Vec<i32> = (0..images as i32).collect();
    let all = uploaded.gather(upload_indices(&order, device));
    assert_eq!(
        found,
        all.images.into_data().iter::<f32>().collect::<Vec<_>>()
    );
    worked
}

#[test]
fn batches_of_an_evaluation_are_replayed_where_that_pays() {
    let Some(device) = adapter_or_skip("batches_of_an_evaluation_are_replayed_where_that_pays")
    else {
        return;
    };
    // Two before the one that is recorded, and a smaller last one.
    assert_eq!(worked_on(8 * BATCH, &device), 3);
    assert_eq!(worked_on(5 * BATCH + 1, &device), 4);
    // More than the slots of scores.
    assert_eq!(worked_on(259 * BATCH + 7, &device), 4);
    assert_eq!(worked_on(4 * BATCH + 5, &device), 5);
    assert_eq!(worked_on(1, &device), 1);
    assert_eq!(worked_on(8 * BATCH, &device.clone().with_replays(false)), 8);
    let refusing = device
        .clone()
        .injecting("no-replay".parse().expect("an injection"));
    assert_eq!(worked_on(8 * BATCH, &refusing), 8);
    assert_eq!(worked_on(8 * BATCH, &Device::cpu()), 8);
}

#[test]
fn a_replayed_evaluation_is_the_one_that_is_launched() {
    let Some(device) = adapter_or_skip("a_replayed_evaluation_is_the_one_that_is_launched") else {
        return;
    };
    // Once more batches than there are slots for their losses.
    let cases: [(&[&str], usize); 4] = [
        (&[], 280),
        (&[NORMED], 8),
        (&[EVERY_LAYER], 8),
        (&[EVERY_LAYER_FLAT], 8),
    ];
    for (layers, batches) in cases {
        let split = synthetic::draw(4, 0, batches * BATCH + 9);
        let normalisation = Normalisation::measure(&split);
        let settings = config(&[&["evaluation.batch_size=16"], layers].concat());
        let network = network(&settings.model);
        let values = initial(&settings).parameters;
        let all = |device: &Device| {
            let model = Model::from_values(&network, values.clone(), device);
            let uploaded = DeviceSplit::upload(&split, normalisation, device);
            let found = async {
                let found = evaluate(&model, &uploaded, &settings, device).await?;
                let logits = classify(&model, &split, normalisation, &settings, device).await?;
                let answers = answers(&model, &split, normalisation, &settings, device).await?;
                Ok::<_, DeviceError>((found, logits, answers))
            };
            pollster::block_on(found).expect("an evaluation")
        };
        let replayed = all(&device);
        let launched = all(&device.clone().with_replays(false));
        assert!(replayed == launched, "{layers:?}");
        let (found, logits, answers) = replayed;
        assert_eq!(logits.len(), split.len());
        assert!(
            answers
                .iter()
                .zip(&logits)
                .all(|(answer, logits)| answer.logits == *logits)
        );
        let (expected, ..) = all(&Device::cpu());
        assert_eq!(found.total, expected.total);
        let (loss, expected) = (found.loss, expected.loss);
        assert!(
            (loss - expected).abs() < 1e-4,
            "{layers:?}: {loss}, not {expected}"
        );
    }
}
