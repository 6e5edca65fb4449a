//! The loop through the library, on the CPU and on this machine's adapter.

use std::time::Duration;

use gpu_mnist::checkpoint;
use gpu_mnist::config::Config;
use gpu_mnist::data::batches::{DeviceSplit, Normalisation, order};
use gpu_mnist::data::{Split, synthetic};
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::{Evaluation, evaluate};
use gpu_mnist::model::Model;
use gpu_mnist::training::history::EpochRecord;
use gpu_mnist::training::schedule::Schedule;
use gpu_mnist::training::state::Snapshot;
use gpu_mnist::training::stopping::Ending;
use gpu_mnist::training::{self, Observer, Progress, Trained, TrainingError};

use crate::support::{adapter_or_skip, settings};

const SMALL: &[&str] = &[
    "model.conv1_channels=4",
    "model.conv2_channels=8",
    "model.hidden=32",
    "training.batch_size=64",
    "evaluation.batch_size=100",
];

/// Steps and mean losses as they were read back.
#[derive(Default)]
struct Notes {
    losses: Vec<(usize, f64)>,
    stop_at: Option<usize>,
}

impl Observer for Notes {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn interrupted(&self) -> bool {
        self.stop_at.is_some_and(|step| self.losses.len() >= step)
    }

    fn on_progress(&mut self, progress: &Progress) {
        self.losses.push((progress.step, progress.loss));
    }

    fn on_epoch(&mut self, _: &EpochRecord, _: Option<&Evaluation>) {}
}

fn config(more: &[&str]) -> Config {
    settings(&[SMALL, more].concat())
}

fn upload(split: &Split, device: &Device) -> DeviceSplit {
    DeviceSplit::upload(split, Normalisation::measure(split), device)
}

fn train_with(
    split: &Split,
    config: &Config,
    device: &Device,
    notes: &mut Notes,
) -> Result<Trained, TrainingError> {
    let start = Snapshot::initial(config);
    let train = upload(split, device);
    let valid = upload(&split.first(50), device);
    pollster::block_on(training::train(
        start, &train, &valid, config, device, notes,
    ))
}

fn model(trained: &Trained, config: &Config, device: &Device) -> Model {
    Model::from_values(&config.model, trained.last.clone(), device.burn())
}

fn evaluate_with(model: &Model, split: &Split, config: &Config, device: &Device) -> Evaluation {
    let split = upload(split, device);
    pollster::block_on(evaluate(model, &split, config, device)).expect("evaluated")
}

fn overfits(device: &Device) {
    let split = synthetic::draw(1, 0, 256);
    let config = config(&["training.epochs=30"]);
    let mut notes = Notes::default();
    let trained = train_with(&split, &config, device, &mut notes).expect("trained");
    assert_eq!(trained.history.steps, 120);
    assert_eq!(trained.history.epochs.len(), 30);
    let evaluation = evaluate_with(&model(&trained, &config, device), &split, &config, device);
    assert_eq!(evaluation.total, 256);
    assert!(evaluation.accuracy >= 0.99, "only {}", evaluation.accuracy);
    assert_eq!(evaluation.first.actual, split.labels[..30]);
}

#[test]
fn the_cpu_overfits_256_pictures() {
    overfits(&Device::cpu());
}

#[test]
fn the_adapter_overfits_256_pictures() {
    if let Some(device) = adapter_or_skip("the_adapter_overfits_256_pictures") {
        overfits(&device);
    }
}

#[test]
fn cpu_and_adapter_losses_agree_for_20_steps() {
    let Some(adapter) = adapter_or_skip("cpu_and_adapter_losses_agree_for_20_steps") else {
        return;
    };
    // 21 steps of one epoch, the last batch ragged.
    let split = synthetic::draw(2, 0, 20 * 64 + 10);
    let config = config(&["training.schedule=constant", "training.learning_rate=0.001"]);
    let (mut cpu, mut gpu) = (Notes::default(), Notes::default());
    train_with(&split, &config, &Device::cpu(), &mut cpu).expect("trained on the CPU");
    train_with(&split, &config, &adapter, &mut gpu).expect("trained on the adapter");
    assert_eq!(cpu.losses.len(), 21);
    let mut start = 0;
    let mut compared = 0;
    for (end, loss) in gpu.losses {
        let pictures = |step: usize| if step == 20 { 10.0 } else { 64.0 };
        let (sum, weight) = (start..end).fold((0.0, 0.0), |(sum, weight), step| {
            (
                sum + cpu.losses[step].1 * pictures(step),
                weight + pictures(step),
            )
        });
        let expected = sum / weight;
        let difference = (loss - expected).abs();
        assert!(
            difference <= 2e-3 * expected,
            "steps {start}..{end}: {loss} on the adapter, {expected} on the CPU"
        );
        start = end;
        compared += 1;
    }
    assert!(compared >= 3 && start == 21);
}

#[test]
fn the_same_seed_gives_the_same_weights_on_the_cpu_and_another_does_not() {
    let split = synthetic::draw(3, 0, 300);
    let device = Device::cpu();
    let weights = |seed: &str| {
        let config = config(&["training.epochs=2", seed]);
        let trained = train_with(&split, &config, &device, &mut Notes::default()).expect("trained");
        trained.last
    };
    assert_eq!(weights("seed=5"), weights("seed=5"));
    assert_ne!(weights("seed=5"), weights("seed=6"));
}

#[test]
fn weights_survive_their_file() {
    let device = Device::cpu();
    let config = config(&[]);
    let split = synthetic::draw(4, 1, 200);
    let trained = train_with(&split, &config, &device, &mut Notes::default()).expect("trained");
    let description = checkpoint::Description {
        model: config.model.clone(),
        normalisation: Normalisation::measure(&split),
        class_names: gpu_mnist::data::digit_names(),
        dataset: "synthetic".into(),
    };
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let trained = model(&trained, &config, &device);
    pollster::block_on(checkpoint::save(&path, &trained, &description, &device)).expect("saved");
    let (loaded, found) = checkpoint::load(&path, device.burn()).expect("loaded");
    assert_eq!(found, description);
    assert_eq!(
        evaluate_with(&loaded, &split, &config, &device),
        evaluate_with(&trained, &split, &config, &device)
    );
    let bytes = std::fs::read(&path).expect("read");
    for (fault, damaged) in [
        ("empty", Vec::new()),
        ("cut", bytes[..bytes.len() - 9].to_vec()),
        ("noise", vec![0xff; 100]),
        (
            "another format",
            replace(&bytes, b"gpu-mnist 1", b"gpu-mnist 9"),
        ),
        (
            "a missing tensor",
            replace(&bytes, b"conv1.bias", b"conv9.bias"),
        ),
    ] {
        std::fs::write(&path, damaged).expect("written");
        let error = checkpoint::load(&path, device.burn())
            .map(|_| ())
            .expect_err(fault);
        assert!(
            error.to_string().contains("model.safetensors"),
            "{fault}: {error}"
        );
    }
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let at = bytes
        .windows(from.len())
        .position(|window| window == from)
        .expect("the bytes are there");
    let mut bytes = bytes.to_vec();
    bytes[at..at + to.len()].copy_from_slice(to);
    bytes
}

#[test]
fn a_rate_far_too_high_stops_with_the_step_and_the_rate() {
    let split = synthetic::draw(5, 0, 640);
    let config = config(&[
        "training.learning_rate=1e30",
        "training.schedule=constant",
        "training.epochs=5",
    ]);
    let error = train_with(&split, &config, &Device::cpu(), &mut Notes::default())
        .map(|_| ())
        .expect_err("diverged");
    let text = error.to_string();
    assert!(matches!(error, TrainingError::Diverged { .. }), "{text}");
    assert!(
        text.contains("at step") && text.contains("--learning-rate"),
        "{text}"
    );
}

#[test]
fn an_interrupted_run_keeps_its_weights() {
    let split = synthetic::draw(6, 0, 640);
    let mut notes = Notes {
        stop_at: Some(3),
        ..Notes::default()
    };
    let trained = train_with(&split, &config(&[]), &Device::cpu(), &mut notes).expect("stopped");
    assert_eq!(
        (trained.ending, trained.history.steps),
        (Ending::Interrupted, 3)
    );
}

#[test]
fn training_stops_at_its_target() {
    let split = synthetic::draw(1, 0, 256);
    let config = config(&["training.epochs=40", "training.target_accuracy=0.5"]);
    let trained =
        train_with(&split, &config, &Device::cpu(), &mut Notes::default()).expect("trained");
    assert_eq!(trained.ending, Ending::TargetReached);
    assert!(trained.history.epochs.len() < 40);
}

#[test]
fn the_schedule_rises_to_the_rate_and_falls_to_almost_nothing() {
    let training = config(&[]).training;
    let schedule = Schedule::new(&training, 100);
    let rates: Vec<f64> = (0..100).map(|step| schedule.learning_rate(step)).collect();
    // PyTorch: OneCycleLR(max_lr=0.01, total_steps=100), steps 0, 10, 29, 50 and 99.
    for (step, expected) in [
        (0, 0.0004),
        (10, 0.002951639485),
        (29, 0.01),
        (50, 0.007938934506),
        (99, 4e-8),
    ] {
        assert!(
            (rates[step] - expected).abs() < 1e-9,
            "step {step}: {} is not {expected}",
            rates[step]
        );
    }
    for steps in 1..5 {
        let schedule = Schedule::new(&training, steps);
        assert!((0..steps).all(|step| schedule.learning_rate(step).is_finite()));
    }
}

#[test]
fn an_order_is_a_permutation_of_its_own_epoch() {
    let first = order(0, 1, 1000);
    assert_eq!(first, order(0, 1, 1000));
    assert_ne!(first, order(0, 2, 1000));
    assert_ne!(first, order(1, 1, 1000));
    let mut sorted = first;
    sorted.sort_unstable();
    assert!(
        sorted
            .iter()
            .enumerate()
            .all(|(index, &picture)| index as i32 == picture)
    );
}
