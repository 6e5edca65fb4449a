//! The loop through the library, on the CPU and on this machine's adapter.

use std::cell::Cell;
use std::time::Duration;

use gpu_mnist::config::Config;
use gpu_mnist::data::batches::{DeviceSplit, Normalisation};
use gpu_mnist::data::sampling;
use gpu_mnist::data::synthetic::network;
use gpu_mnist::data::{Split, synthetic};
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::{Evaluation, evaluate};
use gpu_mnist::model::Model;
use gpu_mnist::runs::weights;
use gpu_mnist::training::history::EpochRecord;
use gpu_mnist::training::schedule::Schedule;
use gpu_mnist::training::state::{Parameters, Snapshot};
use gpu_mnist::training::stopping::{Ending, Span, span};
use gpu_mnist::training::{self, Observer, Progress, Trained, TrainingError};

use crate::support::{
    EVERY_LAYER, EVERY_LAYER_FLAT, adapter_or_skip, description, initial, settings,
};

const SMALL: &[&str] = &[
    "model.layers=[{convolution=4,kernel=5,pool=2},{convolution=8,kernel=3,pool=2},{linear=32}]",
    "training.batch_size=64",
    "evaluation.batch_size=100",
];

/// Steps and mean losses as they were read back.
#[derive(Default)]
struct Notes {
    losses: Vec<(usize, f64)>,
    stop_at: Option<usize>,
    /// The clock goes on by so much each time it is read.
    seconds_a_look: u64,
    looks: Cell<u64>,
    /// Epoch and pictures of each.
    checkpoints: Vec<(usize, usize)>,
    snapshots: Vec<Snapshot>,
}

impl Observer for Notes {
    fn now(&self) -> Duration {
        self.looks.set(self.looks.get() + 1);
        Duration::from_secs(self.looks.get() * self.seconds_a_look)
    }

    fn interrupted(&self) -> bool {
        self.stop_at.is_some_and(|step| self.losses.len() >= step)
    }

    fn on_progress(&mut self, progress: &Progress) {
        self.losses.push((progress.step, progress.loss));
    }

    fn on_epoch(&mut self, _: &EpochRecord, _: Option<&Evaluation>) {}

    fn on_checkpoint(&mut self, snapshot: &Snapshot) {
        let position = snapshot.position;
        self.checkpoints.push((position.epoch, position.images));
        self.snapshots.push(snapshot.clone());
    }
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
    train_from(initial(config), split, config, device, notes)
}

fn train_from(
    start: Snapshot,
    split: &Split,
    config: &Config,
    device: &Device,
    notes: &mut Notes,
) -> Result<Trained, TrainingError> {
    let device = &device.clone().with_kernels(config.device.kernels);
    let train = upload(split, device);
    let valid = upload(&split.first(50), device);
    pollster::block_on(training::train(
        start, &train, &valid, config, device, notes,
    ))
}

fn model(trained: &Trained, config: &Config, device: &Device) -> Model {
    Model::from_values(&network(&config.model), trained.last.clone(), device)
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
    assert_eq!(trained.history.replayed, device.is_gpu());
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
fn distorted_pictures_lead_to_other_weights_the_same_each_time_and_never_judge() {
    let split = synthetic::draw(3, 0, 300);
    let device = Device::cpu();
    let train = |more: &[&str]| {
        let config = config(&[&["training.epochs=2"], more].concat());
        let trained = train_with(&split, &config, &device, &mut Notes::default()).expect("trained");
        let model = model(&trained, &config, &device);
        let evaluation = evaluate_with(&model, &split, &config, &device);
        let mut plain = config.clone();
        plain.augment = self::config(&[]).augment;
        assert_eq!(evaluation, evaluate_with(&model, &split, &plain, &device));
        trained.last
    };
    let distorted = &["augment.shift=2", "augment.elastic=4"];
    let more = |other: &'static str| [distorted.as_slice(), &[other]].concat();
    let weights = train(distorted);
    assert_eq!(train(distorted), weights);
    let differ = [
        train(&[]),
        train(&more("seed=1")),
        train(&more("augment.rotation=1")),
        train(&more("augment.off_epochs=1")),
    ];
    for (at, other) in differ.iter().enumerate() {
        assert_ne!(*other, weights, "{at}");
        assert!(differ[..at].iter().all(|earlier| earlier != other), "{at}");
    }
    let burn = train(&more("device.kernels=burn"));
    let pairs = burn.iter().flatten().zip(weights.iter().flatten());
    let apart = pairs.fold(0.0f32, |most, (a, b)| most.max((a - b).abs()));
    assert!(apart < 1e-3, "the kernels lead {apart} apart");
}

#[test]
fn weights_survive_their_file() {
    for more in [&[][..], &[EVERY_LAYER], &[EVERY_LAYER_FLAT]] {
        survive_their_file(more);
    }
}

fn survive_their_file(more: &[&str]) {
    let device = Device::cpu();
    let config = config(more);
    let split = synthetic::draw(4, 1, 200);
    let trained = train_with(&split, &config, &device, &mut Notes::default()).expect("trained");
    let description = description(&config, Normalisation::measure(&split));
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let trained = model(&trained, &config, &device);
    pollster::block_on(weights::save(&path, &trained, &description, &device)).expect("saved");
    let (loaded, found) = weights::load(&path, &device).expect("loaded");
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
            replace(&bytes, b"gpu-mnist 3", b"gpu-mnist 9"),
        ),
        (
            "a missing tensor",
            replace(&bytes, b"fc1.bias", b"fc9.bias"),
        ),
    ] {
        std::fs::write(&path, damaged).expect("written");
        let error = weights::load(&path, &device).map(|_| ()).expect_err(fault);
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

/// What is kept can be read again, whatever the rate: a training ends where its weights are lost, though its loss is finite.
#[test]
fn weights_that_are_no_numbers_are_not_kept() {
    let split = synthetic::draw(5, 0, 640);
    let is_sound = |values: &Parameters| values.iter().flatten().all(|value| value.is_finite());
    let mut said = String::new();
    for (rate, batch_size) in [("1e5", 320), ("1e10", 320), ("1e20", 320), ("3e38", 640)] {
        let rate = format!("training.learning_rate={rate}");
        let batch_size = format!("training.batch_size={batch_size}");
        let layers = "model.layers=[{ convolution = 8, kernel = 3, pool = 2, norm = \"batch\" }]";
        let constant = "training.schedule=constant";
        let config = config(&[&rate, &batch_size, layers, constant]);
        let mut notes = Notes::default();
        let ended = train_with(&split, &config, &Device::cpu(), &mut notes);
        for kept in &notes.snapshots {
            let best = kept.best.as_ref();
            assert!(is_sound(&kept.parameters), "{rate}");
            assert!(best.is_none_or(|best| is_sound(&best.parameters)), "{rate}");
        }
        match ended {
            Ok(trained) => assert!(is_sound(&trained.last), "{rate}"),
            Err(error) => said += &format!("{error}\n"),
        }
    }
    assert!(said.contains("the loss became"), "{said}");
    assert!(
        said.contains("the loss of the validation images became"),
        "{said}"
    );
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
fn training_stops_early_when_the_validation_loss_no_longer_falls() {
    let split = synthetic::draw(1, 0, 128);
    // Steps too small to change a weight: after the first epoch nothing gets better.
    let config = config(&[
        "training.optimizer=sgd",
        "training.learning_rate=1e-30",
        "training.epochs=9",
        "training.patience=2",
    ]);
    let trained =
        train_with(&split, &config, &Device::cpu(), &mut Notes::default()).expect("trained");
    assert_eq!(trained.ending, Ending::StoppedEarly);
    assert_eq!(trained.history.epochs.len(), 3);
    assert_eq!(trained.best.expect("validated").epoch, 1);
}

#[test]
fn training_stops_when_its_time_is_up_and_the_epoch_so_far_is_validated() {
    let split = synthetic::draw(1, 0, 640);
    let config = config(&["training.epochs=9", "training.max_seconds=12.5"]);
    let mut notes = Notes {
        seconds_a_look: 1,
        ..Notes::default()
    };
    let trained = train_with(&split, &config, &Device::cpu(), &mut notes).expect("trained");
    assert_eq!(trained.ending, Ending::TimeUp);
    // A step takes a second by this clock, an epoch ten steps.
    assert_eq!(trained.history.steps, 13);
    let epochs = &trained.history.epochs;
    assert_eq!((epochs.len(), epochs[1].epoch, epochs[1].step), (2, 2, 13));
    assert!(epochs[1].valid_accuracy.is_some());
    assert_eq!(notes.checkpoints, [(2, 0), (2, 192)]);
}

#[test]
fn the_best_weights_are_those_with_the_highest_validation_accuracy() {
    let split = synthetic::draw(8, 0, 256);
    let config = config(&[
        "training.epochs=8",
        "training.schedule=constant",
        "training.learning_rate=0.02",
    ]);
    let device = Device::cpu();
    let trained = train_with(&split, &config, &device, &mut Notes::default()).expect("trained");
    let accuracy = |record: &EpochRecord| record.valid_accuracy.expect("validated");
    let highest = trained
        .history
        .epochs
        .iter()
        .map(accuracy)
        .fold(0.0, f64::max);
    let best = trained.best.as_ref().expect("validated");
    assert_eq!(best.accuracy, highest);
    assert_eq!(trained.weights(), &*best.parameters);
    let model = Model::from_values(&network(&config.model), best.parameters.to_vec(), &device);
    let evaluation = evaluate_with(&model, &split.first(50), &config, &device);
    assert_eq!(evaluation.accuracy, highest);
}

#[test]
fn other_schedules() {
    let rates = |more: &[&str], steps: usize| -> Vec<f64> {
        let schedule = Schedule::new(&config(more).training, steps);
        (0..steps)
            .map(|step| schedule.learning_rate(step))
            .collect()
    };
    let near = |found: f64, expected: f64| (found - expected).abs() < 1e-12;
    let cosine = rates(
        &["training.schedule=cosine", "training.warmup_fraction=0.11"],
        100,
    );
    // A straight line from 0.0004 to 0.01 at step 10, then half a cosine to almost nothing.
    assert!(near(cosine[0], 0.0004) && near(cosine[5], 0.0052) && near(cosine[10], 0.01));
    let middle =
        0.5 * (0.01 + 4e-8) + 0.5 * (0.01 - 4e-8) * (std::f64::consts::PI * 40.0 / 89.0).cos();
    assert!(near(cosine[50], middle) && near(cosine[99], 4e-8));
    assert!(cosine[10..].windows(2).all(|pair| pair[0] > pair[1]));
    let cold = rates(
        &["training.schedule=cosine", "training.warmup_fraction=0"],
        10,
    );
    assert!(near(cold[0], 0.01) && cold.iter().all(|rate| rate.is_finite()));
    let step = rates(
        &[
            "training.schedule=step",
            "training.epochs=6",
            "training.step_epochs=2",
            "training.step_factor=0.1",
        ],
        60,
    );
    assert!(near(step[0], 0.01) && near(step[19], 0.01) && near(step[20], 0.001));
    assert!(near(step[59], 0.0001));
    assert_eq!(rates(&["training.schedule=constant"], 7), [0.01; 7]);
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

fn epoch(number: usize, valid_loss: f64) -> EpochRecord {
    EpochRecord {
        epoch: number,
        step: 10 * number,
        train_loss: 1.0,
        train_accuracy: 0.5,
        valid_loss: Some(valid_loss),
        valid_accuracy: Some(0.5),
        seconds: 1.0,
    }
}

#[test]
fn a_plateau_schedule_falls_once_validation_stalls() {
    let training = config(&[
        "training.schedule=plateau",
        "training.epochs=20",
        "training.patience=2",
    ])
    .training;
    let losses = [3.0, 2.0, 1.0, 1.5, 1.0, 0.5, 0.4];
    let records: Vec<EpochRecord> = (1..)
        .zip(losses)
        .map(|(at, loss)| epoch(at, loss))
        .collect();
    let open = Span {
        last: 20,
        decays_after: 16,
    };
    for done in 0..=4 {
        assert_eq!(span(&training, &records[..done]), open, "{done} epochs");
    }
    // The fifth is the second without a lower loss; what comes later changes nothing.
    let stalled = Span {
        last: 6,
        decays_after: 5,
    };
    for done in 5..=7 {
        assert_eq!(span(&training, &records[..done]), stalled, "{done} epochs");
    }
    let rates = |span: Span| -> Vec<f64> {
        let schedule = Schedule::new(&training, 200).within(span);
        (0..10 * span.last)
            .map(|step| schedule.learning_rate(step))
            .collect()
    };
    let near = |found: f64, expected: f64| (found - expected).abs() < 1e-12;
    let all = rates(open);
    assert!(near(all[0], 0.0004) && near(all[5], 0.0052));
    assert!(all[10..=160].iter().all(|&rate| rate == 0.01));
    assert!(near(all[180], 0.005) && near(all[199], 0.01 / 40.0));
    let short = rates(stalled);
    assert_eq!(short[..50], all[..50]);
    assert!(near(short[55], 0.005) && near(short[59], 0.001));
}

#[test]
fn a_resumed_plateau_goes_on_as_if_it_had_never_stopped() {
    let split = synthetic::draw(3, 0, 300);
    let config = config(&[
        "training.schedule=plateau",
        "training.epochs=12",
        "training.patience=1",
        "training.learning_rate=0.05",
        "augment.shift=2",
        "augment.off_epochs=1",
    ]);
    let device = Device::cpu();
    let mut notes = Notes::default();
    let whole = train_with(&split, &config, &device, &mut notes).expect("trained");
    assert_eq!(whole.ending, Ending::StoppedEarly);
    let epochs = whole.history.epochs.len();
    assert!((2..12).contains(&epochs), "{epochs} epochs");
    assert_eq!(notes.snapshots.len(), epochs);
    for snapshot in notes.snapshots {
        let notes = &mut Notes::default();
        let resumed = train_from(snapshot, &split, &config, &device, notes).expect("trained");
        assert_eq!(resumed.last, whole.last);
        assert_eq!(resumed.ending, whole.ending);
    }
}

#[test]
fn balanced_epochs_take_as_many_of_each_class() {
    // 90, 9 and none of one class, then 1.
    let labels: Vec<u16> = (0..100)
        .map(|at| match at {
            0..90 => 0,
            90..99 => 1,
            _ => 3,
        })
        .collect();
    let mut seen = [0; 100];
    for epoch in 1..=3 {
        let order = sampling::balanced(7, epoch, &labels, 4);
        assert_eq!(order, sampling::balanced(7, epoch, &labels, 4));
        assert_eq!(order.len(), 100);
        let mut classes = [0; 4];
        for image in order {
            seen[image as usize] += 1;
            classes[usize::from(labels[image as usize])] += 1;
        }
        assert_eq!(classes[2], 0);
        assert!(
            [0, 1, 3]
                .map(|class| classes[class])
                .iter()
                .all(|count| (33..=34).contains(count))
        );
    }
    // Those of the large class take turns.
    assert!(
        seen[..90].iter().all(|&count| (1..=2).contains(&count)),
        "{seen:?}"
    );
    assert!(
        seen[90..99].iter().all(|&count| (10..=13).contains(&count)),
        "{seen:?}"
    );
}

#[test]
fn an_order_is_a_permutation_of_its_own_epoch() {
    let first = sampling::once(0, 1, 1000);
    assert_eq!(first, sampling::once(0, 1, 1000));
    assert_ne!(first, sampling::once(0, 2, 1000));
    assert_ne!(first, sampling::once(1, 1, 1000));
    let mut sorted = first;
    sorted.sort_unstable();
    assert!(
        sorted
            .iter()
            .enumerate()
            .all(|(index, &picture)| index as i32 == picture)
    );
}
