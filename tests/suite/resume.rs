//! Checkpoints through the library: training goes on from any of them bit for bit, and a file
//! that is not whole is refused.

use std::path::Path;
use std::time::Duration;

use gpu_mnist::config::Config;
use gpu_mnist::data::batches::{DeviceSplit, Normalisation};
use gpu_mnist::data::{Split, synthetic};
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::Evaluation;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::runs::checkpoint::{self, Checkpoint};
use gpu_mnist::training::history::{EpochRecord, History};
use gpu_mnist::training::state::{Parameters, Snapshot};
use gpu_mnist::training::{self, Observer, Progress, Trained};

use crate::support::{
    EVERY_LAYER, EVERY_LAYER_FLAT, adapter_or_skip, description, initial, settings,
};

const SMALL: &[&str] = &[
    "model.layers=[{convolution=4,kernel=5,pool=2},{convolution=8,kernel=3,pool=2},{linear=16}]",
    "training.batch_size=64",
    "training.epochs=2",
    "training.checkpoint_every=2",
];

const DISTORTED: &[&str] = &[
    "augment.rotation=15",
    "augment.shift=2",
    "augment.elastic=4",
    "augment.cutout=6",
];

/// Keeps every checkpoint.
#[derive(Default)]
struct Kept {
    snapshots: Vec<Snapshot>,
    stop_at: Option<usize>,
    step: usize,
}

impl Observer for Kept {
    fn now(&self) -> Duration {
        Duration::ZERO
    }

    fn interrupted(&self) -> bool {
        self.stop_at.is_some_and(|step| self.step >= step)
    }

    fn on_progress(&mut self, progress: &Progress) {
        self.step = progress.step;
    }

    fn on_epoch(&mut self, _: &EpochRecord, _: Option<&Evaluation>) {}

    fn on_checkpoint(&mut self, snapshot: &Snapshot) {
        self.snapshots.push(snapshot.clone());
    }
}

fn config(more: &[&str]) -> Config {
    settings(&[SMALL, more].concat())
}

fn pictures() -> Split {
    // Four steps an epoch, the last one ragged.
    synthetic::draw(11, 0, 3 * 64 + 20)
}

fn train_from(start: Snapshot, config: &Config, device: &Device, kept: &mut Kept) -> Trained {
    let device = &device.clone().with_kernels(config.device.kernels);
    let split = pictures();
    let upload = |split: &Split| DeviceSplit::upload(split, Normalisation::measure(split), device);
    let (train, valid) = (upload(&split), upload(&split.first(50)));
    pollster::block_on(training::train(start, &train, &valid, config, device, kept))
        .expect("trained")
}

fn checkpoint(snapshot: Snapshot, config: &Config) -> Checkpoint {
    Checkpoint {
        snapshot,
        description: description(config, Normalisation::measure(&pictures())),
        settings: "seed = 0\n".into(),
        device: "cpu".into(),
    }
}

const DROPPED: &str =
    "model.layers=[{convolution=4,kernel=5,pool=2},{dropout=0.25},{linear=16},{dropout=0.5}]";

/// Every checkpoint of a run, sent through a file, leads to the weights of the run.
fn goes_on_bit_for_bit(device: &Device, more: &[&str]) {
    let config = config(more);
    let mut kept = Kept::default();
    let whole = train_from(initial(&config), &config, device, &mut kept);
    let positions: Vec<_> = kept.snapshots.iter().map(|kept| kept.position).collect();
    let places: Vec<_> = positions.iter().map(|p| (p.epoch, p.images)).collect();
    assert_eq!(places, [(1, 128), (2, 0), (2, 128), (3, 0)], "{more:?}");
    let folder = tempfile::tempdir().expect("a folder");
    for snapshot in kept.snapshots {
        let position = snapshot.position;
        let path = folder.path().join(checkpoint::file_name(position.step));
        let written = checkpoint(snapshot, &config);
        checkpoint::save(&path, &written).expect("saved");
        let read = checkpoint::load(&path).expect("loaded");
        assert!(read == written, "{more:?}");
        let resumed = train_from(read.snapshot, &config, device, &mut Kept::default());
        let different = |found: &Parameters, expected: &Parameters| {
            let pairs = found.iter().flatten().zip(expected.iter().flatten());
            pairs.filter(|(found, expected)| found != expected).count()
        };
        let weights = different(&resumed.last, &whole.last);
        assert_eq!(weights, 0, "weights differ, {more:?} from {position:?}");
        assert!(resumed.best == whole.best, "{more:?} from {position:?}");
        assert_eq!(resumed.ending, whole.ending);
        // The steps that are left may be too few for one to be recorded.
        let replayed = whole.history.replayed;
        let history = History {
            replayed,
            ..resumed.history
        };
        assert_eq!(history, whole.history);
    }
}

#[test]
fn the_cpu_goes_on_from_every_checkpoint_bit_for_bit() {
    for more in [
        &[][..],
        &["device.kernels=burn"],
        &["training.optimizer=adam", "training.weight_decay=0.1"],
        &["training.optimizer=adamw", "training.weight_decay=0.1"],
        &[
            "training.optimizer=adamw",
            "training.weight_decay=0.1",
            "device.kernels=burn",
        ],
        &["training.optimizer=sgd", "training.weight_decay=0.1"],
        &["training.optimizer=sgd", "training.momentum=0"],
        &["training.optimizer=sgd", "training.nesterov=false"],
        &["training.optimizer=muon", "training.weight_decay=0.1"],
        &["training.ema_decay=0.9", "training.schedule=cosine"],
        &["training.clip_norm=0.5", "training.schedule=step"],
        &["training.label_smoothing=0.1", "training.schedule=constant"],
        &[EVERY_LAYER],
        &[EVERY_LAYER, "device.kernels=burn"],
        &[
            EVERY_LAYER_FLAT,
            "training.optimizer=muon",
            "training.ema_decay=0.9",
        ],
        &[DROPPED],
        &[DROPPED, "device.kernels=burn"],
        &["training.freeze=2", "training.weight_decay=0.1"],
        &[EVERY_LAYER, "training.freeze=4", "training.ema_decay=0.9"],
        DISTORTED,
        &[DISTORTED, &["device.kernels=burn"]].concat(),
    ] {
        goes_on_bit_for_bit(&Device::cpu(), more);
    }
}

#[test]
fn the_adapter_goes_on_from_every_checkpoint_bit_for_bit() {
    if let Some(device) = adapter_or_skip("the_adapter_goes_on_from_every_checkpoint_bit_for_bit") {
        goes_on_bit_for_bit(&device, &[]);
        goes_on_bit_for_bit(
            &device,
            &["training.clip_norm=0.5", "training.ema_decay=0.9"],
        );
        goes_on_bit_for_bit(&device, &["training.optimizer=muon"]);
        let burn = device.clone().with_kernels(Kernels::Burn);
        goes_on_bit_for_bit(&burn, &["training.optimizer=muon"]);
        goes_on_bit_for_bit(&device, &[EVERY_LAYER]);
        goes_on_bit_for_bit(&device, DISTORTED);
    }
}

#[test]
fn the_average_follows_the_weights_and_is_what_is_kept() {
    the_average_follows(&[]);
}

#[test]
fn the_average_follows_running_statistics_too() {
    the_average_follows(&[EVERY_LAYER]);
}

fn the_average_follows(more: &[&str]) {
    let average = ["training.ema_decay=0.8", "training.checkpoint_every=1"];
    let config = config(&[more, &average].concat());
    let mut kept = Kept::default();
    let initial = initial(&config);
    let trained = train_from(initial.clone(), &config, &Device::cpu(), &mut kept);
    let mut expected = initial.parameters.concat();
    let mut compared = 0;
    for snapshot in &kept.snapshots {
        let updates = snapshot.position.step as f32;
        let decay = f32::min(0.8, (1.0 + updates) / (10.0 + updates));
        let averaged = snapshot.averaged.as_ref().expect("an average");
        assert_eq!(averaged.updates, snapshot.position.step);
        let now = snapshot.parameters.concat();
        for (expected, now) in expected.iter_mut().zip(&now) {
            *expected = *expected * decay + now * (1.0 - decay);
        }
        for (found, expected) in averaged.parameters.concat().iter().zip(&expected) {
            assert!((found - expected).abs() < 1e-5, "step {updates}");
            compared += 1;
        }
        assert!(averaged.parameters != snapshot.parameters);
    }
    assert!(compared > 8000 && kept.snapshots.len() == 8);
    let last = kept.snapshots.last().expect("a checkpoint");
    let last = last.averaged.as_ref().expect("an average");
    assert!(trained.last == last.parameters);
}

#[test]
fn an_interrupted_run_goes_on_from_where_it_was_stopped() {
    let (config, device) = (config(&[]), Device::cpu());
    let whole = train_from(initial(&config), &config, &device, &mut Kept::default());
    let mut kept = Kept {
        stop_at: Some(5),
        ..Kept::default()
    };
    train_from(initial(&config), &config, &device, &mut kept);
    let last = kept.snapshots.pop().expect("a checkpoint");
    assert_eq!((last.position.epoch, last.position.step), (2, 5));
    let resumed = train_from(last, &config, &device, &mut Kept::default());
    assert!(resumed.last == whole.last);
}

#[test]
fn half_the_batch_goes_on_with_the_pictures_that_are_left() {
    let device = Device::cpu();
    let mut kept = Kept::default();
    train_from(initial(&config(&[])), &config(&[]), &device, &mut kept);
    let start = kept.snapshots.swap_remove(0);
    assert_eq!((start.position.images, start.position.step), (128, 2));
    let resumed = train_from(
        start,
        &config(&["training.batch_size=32"]),
        &device,
        &mut Kept::default(),
    );
    // 84 pictures are left of the first epoch, 212 in the second.
    assert_eq!(resumed.history.steps, 2 + 3 + 7);
    assert_eq!(resumed.history.epochs.len(), 2);
}

fn faulty(path: &Path, bytes: &[u8]) -> String {
    std::fs::write(path, bytes).expect("written");
    let error = checkpoint::load(path).map(|_| ()).expect_err("refused");
    error.to_string()
}

#[test]
fn a_checkpoint_that_is_not_whole_is_refused_and_the_one_before_it_offered() {
    let config = config(&[]);
    let folder = tempfile::tempdir().expect("a folder");
    let written = checkpoint(initial(&config), &config);
    let older = folder.path().join(checkpoint::file_name(2));
    let path = folder.path().join(checkpoint::file_name(4));
    checkpoint::save(&path, &written).expect("saved");
    let bytes = std::fs::read(&path).expect("read");

    let text = faulty(&path, &bytes[..bytes.len() / 2]);
    assert!(text.contains("no older checkpoint"), "{text}");
    checkpoint::save(&older, &written).expect("saved");
    let offer = format!("--resume {}", older.display());
    let mut tried = 0;
    for at in (0..bytes.len())
        .step_by(bytes.len() / 97)
        .chain([bytes.len() - 1])
    {
        let mut damaged = bytes.clone();
        damaged[at] ^= 1;
        let text = faulty(&path, &damaged);
        assert!(
            text.contains("step-00000004") && text.contains(&offer),
            "byte {at}: {text}"
        );
        tried += 1;
    }
    assert!(tried > 90);
    for length in [0, 7, 8, 100, bytes.len() - 1] {
        let text = faulty(&path, &bytes[..length]);
        assert!(text.contains(&offer), "{length} bytes: {text}");
    }
    let at = bytes
        .windows(22)
        .position(|window| window == b"gpu-mnist checkpoint 3")
        .expect("the format");
    let mut newer = bytes.clone();
    newer[at + 21] = b'4';
    let text = faulty(&path, &newer);
    assert!(
        text.contains("format 4") && text.contains("reads format 3") && text.contains(&offer),
        "{text}"
    );
    let weights = faulty(&path, b"\x02\0\0\0\0\0\0\0{}");
    assert!(
        weights.contains("not a checkpoint that gpu-mnist wrote"),
        "{weights}"
    );
}
