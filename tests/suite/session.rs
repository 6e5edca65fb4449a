//! What the page does with the core, without the page: the same training as the command line's,
//! stopped, evaluated, asked, saved and loaded.

use std::future::Future;
use std::io::Write;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use gpu_mnist::config::{DeviceKind, PRESETS};
use gpu_mnist::data::idx::{self, FileRole};
use gpu_mnist::data::synthetic;
use gpu_mnist::data::synthetic::PIXELS;
use gpu_mnist::evaluation::Evaluation;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::picture::{self, Count, Target};
use gpu_mnist::runs::record::RunRecord;
use gpu_mnist::runs::weights;
use gpu_mnist::session::{Host, Session, Trained};
use gpu_mnist::training::history::EpochRecord;
use gpu_mnist::training::{Observer, Progress};
use image::{ImageFormat, Rgba, RgbaImage};
use pollster::block_on;
use tempfile::tempdir;

use crate::support::program;

const SHORT: [(&str, &str); 2] = [
    ("data.validation_size", "100"),
    ("training.batch_size", "64"),
];

/// Counts what it is told; stops after some rests.
#[derive(Default)]
struct Watcher {
    steps: usize,
    epochs: usize,
    rests: usize,
    stop_after: Option<usize>,
}

impl Observer for Watcher {
    fn now(&self) -> Duration {
        Duration::from_millis(self.steps as u64)
    }

    fn interrupted(&self) -> bool {
        self.stop_after.is_some_and(|most| self.rests >= most)
    }

    fn on_progress(&mut self, _progress: &Progress) {
        self.steps += 1;
    }

    fn on_epoch(&mut self, _record: &EpochRecord, _validation: Option<&Evaluation>) {
        self.epochs += 1;
    }

    fn rest(&mut self) -> impl Future<Output = ()> {
        self.rests += 1;
        std::future::ready(())
    }
}

fn opened() -> Session {
    let mut session = Session::default();
    block_on(session.open(DeviceKind::Cpu, Kernels::Fused, &Host::default())).expect("the CPU");
    session
}

fn settings(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(key, value): &(&str, &str)| (key.to_owned(), value.to_owned());
    pairs.iter().map(owned).collect()
}

fn train(session: &mut Session, pairs: &[(&str, &str)], watcher: &mut Watcher) -> Trained {
    let started = "2026-11-24T18:00:00Z".to_owned();
    block_on(session.train("default", &settings(pairs), started, watcher)).expect("trained")
}

fn evaluation(record: &RunRecord) -> &Evaluation {
    record.evaluation.as_ref().expect("evaluated")
}

/// The four files of a small set, by name.
fn files(packed: bool) -> Vec<(String, Vec<u8>)> {
    let (train, test) = (synthetic::draw(7, 0, 400), synthetic::draw(7, 1, 120));
    let files = [
        idx::images_file(train.shape, &train.images),
        idx::labels_file(&train.labels),
        idx::images_file(test.shape, &test.images),
        idx::labels_file(&test.labels),
    ];
    FileRole::ALL
        .into_iter()
        .zip(files)
        .map(|(role, file)| {
            if !packed {
                return (role.name().replace("-idx", ".idx"), file);
            }
            let mut packer = GzEncoder::new(Vec::new(), Compression::fast());
            packer.write_all(&file).expect("packed");
            let name = format!("{}.gz", role.name());
            (name, packer.finish().expect("packed"))
        })
        .collect()
}

#[test]
fn the_page_trains_what_the_command_line_trains() {
    let mut session = opened();
    let words = session.built_in(640).expect("drawn");
    assert_eq!(
        (words.train, words.validation, words.test),
        (640, 5000, 10_000)
    );
    let mut watcher = Watcher::default();
    let trained = train(&mut session, &SHORT, &mut watcher);
    assert!(!trained.interrupted);
    // The CPU is read every step, and others come to their turn as often.
    assert_eq!((watcher.steps, watcher.rests, watcher.epochs), (10, 10, 1));

    let home = tempdir().expect("a folder");
    let output = program(home.path())
        .args(["train", "--device", "cpu", "--dataset", "synthetic"])
        .args(["--train-limit", "640", "--json", "--out", "run"])
        .args(
            SHORT
                .iter()
                .flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={value}")]),
        )
        .assert()
        .code(0);
    let native: RunRecord = serde_json::from_slice(&output.get_output().stdout).expect("a record");
    assert_eq!(
        trained.result.weights.as_ref().map(|file| &file.sha256),
        native.weights.as_ref().map(|file| &file.sha256)
    );
    // Written and read, as the other was: that can change the last digit of a number.
    let text = serde_json::to_string(&trained.result).expect("JSON");
    let read: RunRecord = serde_json::from_str(&text).expect("a record");
    assert_eq!(evaluation(&read), evaluation(&native));

    // The file that the page offers is the native one, but that a page draws no whole set and so
    // knows no fingerprint of it.
    let saved = session.save_weights().expect("weights");
    let kept = std::fs::read(home.path().join("run/model.safetensors")).expect("a file");
    let decoded = |bytes: &[u8]| weights::decode(bytes).expect("weights");
    let (mut saved, kept) = (decoded(&saved), decoded(&kept));
    assert_eq!(saved.1.set.difference(&kept.1.set), None);
    assert_eq!(saved.1.set.fingerprint, "");
    saved.1.set.fingerprint.clone_from(&kept.1.set.fingerprint);
    assert_eq!(saved.1, kept.1);
    assert!(saved.0 == kept.0, "the weights differ");
}

#[test]
fn a_training_that_ends_at_chance_says_so() {
    let mut session = opened();
    session.built_in(2000).expect("drawn");
    let learnt = train(&mut session, &SHORT, &mut Watcher::default());
    assert_eq!(learnt.note, None);
    let rate = [SHORT[0], SHORT[1], ("training.learning_rate", "10")];
    let lost = train(&mut session, &rate, &mut Watcher::default());
    let note = lost.note.expect("a note");
    assert!(
        note.contains("The training diverged, or was too short: ")
            && note.contains("; try another learning rate, such as 1"),
        "{note}"
    );
}

#[test]
fn a_stopped_training_is_evaluated_and_its_cells_hold_their_pictures() {
    let mut session = opened();
    session.files("files", &files(true)).expect("a sound set");
    let mut watcher = Watcher {
        stop_after: Some(3),
        ..Watcher::default()
    };
    let trained = train(&mut session, &SHORT, &mut watcher);
    assert!(trained.interrupted);
    assert_eq!((trained.result.history.steps, watcher.steps), (3, 3));
    let found = evaluation(&trained.result);
    assert_eq!(found.total, 120);

    let test = synthetic::draw(7, 1, 120);
    let mut seen = 0;
    for (actual, row) in found.confusion.counts().iter().enumerate() {
        for (predicted, &count) in row.iter().enumerate() {
            let cell = session.cell(actual, predicted, 2).expect("a cell");
            assert_eq!(cell.total as u64, count);
            assert_eq!(cell.images.len(), cell.total.min(2));
            for shown in &cell.images {
                assert_eq!(usize::from(test.labels[shown.index]), actual);
                assert_eq!(test.image(shown.index), Some(&shown.pixels[..]));
                let highest = shown.probabilities.iter().copied().fold(0.0, f64::max);
                assert_eq!(shown.probabilities[predicted], highest);
                let sum: f64 = shown.probabilities.iter().sum();
                assert!((sum - 1.0).abs() < 1e-6, "{sum}");
                seen += 1;
            }
        }
    }
    assert!(seen > 10, "{seen} pictures were looked at");
    assert!(session.cell(10, 0, 1).is_err());
}

#[test]
fn weights_go_round_and_a_drawing_is_prepared_as_predict_does() {
    let mut session = opened();
    session.files("files", &files(false)).expect("a sound set");
    let trained = train(&mut session, &SHORT, &mut Watcher::default());
    let bytes = session.save_weights().expect("weights");

    let mut other = opened();
    let alone = block_on(other.load_weights(&bytes)).expect("loaded");
    assert_eq!(alone.evaluation, None, "no test pictures are at hand");
    assert_eq!(alone.parameters, trained.result.parameters);
    assert_eq!(alone.dataset.as_deref(), Some("files"));
    other.files("files", &files(true)).expect("a sound set");
    assert!(other.cell(0, 0, 1).is_err(), "nothing is evaluated yet");
    let loaded = block_on(other.load_weights(&bytes)).expect("loaded");
    assert_eq!(
        loaded.evaluation.as_ref(),
        trained.result.evaluation.as_ref()
    );

    let drawing = RgbaImage::from_fn(280, 280, |x, y| {
        let inside = (130..150).contains(&x) && (40..240).contains(&y);
        if inside {
            Rgba([0, 0, 0, 255])
        } else {
            Rgba([255; 4])
        }
    });
    let mut file = std::io::Cursor::new(Vec::new());
    drawing
        .write_to(&mut file, ImageFormat::Png)
        .expect("a PNG");
    let expected = picture::prepare(file.get_ref(), &Target::MNIST, Count::Any).expect("prepared");
    let read = block_on(other.predict(drawing.as_raw(), 280, 280)).expect("read");
    assert!(!read.blank);
    assert_eq!(read.prepared, expected[0].pixels);
    assert_eq!(
        (read.drawings.len(), read.drawings[0].bounds),
        (1, expected[0].bounds)
    );
    assert!((read.probabilities.iter().sum::<f64>() - 1.0).abs() < 1e-6);

    let blank = block_on(other.predict(&[255; 4 * 64], 8, 8)).expect("looked at");
    assert!(blank.blank && blank.prepared == [0; PIXELS]);
    let short = block_on(other.predict(&[255; 10], 8, 8)).expect_err("no picture");
    assert!(short.0.contains("8 x 8"), "{short}");
    assert!(block_on(other.predict(&[], u32::MAX, u32::MAX)).is_err());
}

#[test]
fn every_preset_is_offered_with_its_purpose() {
    let host = Host::default();
    let opened = block_on(Session::default().open(DeviceKind::Cpu, Kernels::Burn, &host));
    let opened = opened.expect("the CPU");
    assert_eq!(opened.device.kind, "cpu");
    assert_eq!(opened.note, None);
    assert_eq!(opened.presets.len(), PRESETS.len());
    for preset in &opened.presets {
        assert!(preset.purpose.ends_with(['.', ';']), "{preset:?}");
        assert!(preset.defaults.epochs > 0 && preset.defaults.batch_size > 0);
    }
}

#[test]
fn refusals_are_one_line_that_names_the_thing() {
    let says = |reason: String, words: &[&str]| {
        assert!(!reason.contains('\n'), "{reason}");
        assert!(!reason.contains("--"), "{reason}: a page has no flags");
        for word in words {
            assert!(reason.contains(word), "{reason}: without {word}");
        }
    };
    let mut session = opened();
    let asked = |session: &mut Session, preset: &str, pairs: &[(&str, &str)]| {
        let (settings, mut watcher) = (settings(pairs), Watcher::default());
        let asked = session.train(preset, &settings, String::new(), &mut watcher);
        block_on(asked).map(|_| ()).expect_err("refused").0
    };
    says(asked(&mut session, "default", &[]), &["load a data set"]);
    says(
        session.built_in(60_000).expect_err("too many").0,
        &["60000", "55000"],
    );
    session.files("files", &files(true)).expect("a sound set");
    says(asked(&mut session, "nosuch", &[]), &["nosuch", "smoke"]);
    says(
        asked(&mut session, "default", &[("training.epoch", "2")]),
        &["training.epoch", "training.epochs"],
    );
    says(
        asked(&mut session, "default", &[("training.epochs", "many")]),
        &["training.epochs", "whole number"],
    );
    for (key, value) in [("training.from", "run"), ("training.freeze", "1")] {
        says(
            asked(&mut session, "default", &[(key, value)]),
            &[key, value],
        );
    }
    let all = [("data.validation_size", "400")];
    says(
        asked(&mut session, "default", &all),
        &[
            "data.validation_size",
            "400 training images",
            "data.validation_size=40",
        ],
    );
    let diverging = [SHORT[0], SHORT[1], ("training.learning_rate", "1e30")];
    says(
        asked(&mut session, "default", &diverging),
        &["lower the learning rate"],
    );
    says(
        session.save_weights().expect_err("no network").0,
        &["train one"],
    );
    let weights = block_on(session.load_weights(b"bad")).expect_err("no weights");
    says(weights.0, &["weights", "model.safetensors"]);
    let mut refused = |name: &str, files: &[(String, Vec<u8>)]| {
        session
            .files(name, files)
            .map(|_| ())
            .expect_err("refused")
            .0
    };
    says(
        refused("mnist", &files(true)),
        &["train-images", "mnist", "60000"],
    );
    says(
        refused("files", &files(true)[1..]),
        &["train-images-idx3-ubyte", "missing"],
    );
    let mut cut = files(false);
    cut[3].1.truncate(50);
    says(
        refused("files", &cut),
        &["t10k-labels.idx1-ubyte", "too short"],
    );
    let mut fewer = files(false);
    fewer[1] = (fewer[1].0.clone(), fewer[3].1.clone());
    says(
        refused("files", &fewer),
        &["train-labels", "120 labels for 400 images"],
    );
    let foreign = [("cat.png".to_owned(), vec![1, 2, 3])];
    says(
        refused("files", &foreign),
        &["cat.png", "t10k-labels-idx1-ubyte"],
    );
}
