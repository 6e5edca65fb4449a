//! The test split: training has no handle on it, it is read once, and what is made of its answers.

use std::fs;
use std::path::Path;

use gpu_mnist::config::Config;
use gpu_mnist::data::batches::Normalisation;
use gpu_mnist::data::idx::{self, Part};
use gpu_mnist::data::synthetic::network;
use gpu_mnist::data::synthetic::{CLASSES, PIXELS, SHAPE};
use gpu_mnist::data::test_split::TestSplit;
use gpu_mnist::data::{Split, synthetic};
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::Evaluation;
use gpu_mnist::evaluation::inference::Logits;
use gpu_mnist::evaluation::probabilities::{log_softmax, mean};
use gpu_mnist::evaluation::shifts::{shifted, shifts};
use gpu_mnist::evaluation::test_split::{Answers, answer};
use gpu_mnist::model::Model;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{
    adapter_or_skip, description, initial, program, settings, sources, write_dataset,
};

const NORMALISATION: Normalisation = Normalisation::grey(0.13, 0.31);

fn names() -> Vec<String> {
    (0..CLASSES).map(|class| class.to_string()).collect()
}

/// The doctests of [`TestSplit`] show that its pictures cannot be taken out of it, so code that
/// names neither it nor what holds it has no handle on them.
#[test]
fn no_source_of_the_training_names_the_test_split() {
    let found = sources("training");
    assert!(found.len() >= 10, "{} files", found.len());
    let holders = [
        "TestSplit",
        "test_split",
        "Dataset",
        "pictures::",
        "Answers",
        "commands::",
        "mnist::",
        "synthetic::",
        "std::fs",
        "evaluation::*",
        "data::*",
    ];
    for (path, text) in &found {
        for holder in holders {
            assert!(!text.contains(holder), "{path} names {holder}");
        }
    }
    let all = |text: &str| holders.iter().any(|holder| text.contains(holder));
    assert!(all("use crate::evaluation::test_split::TestSplit;"));
}

/// What the compiler sees to outside of this crate holds inside of it too.
#[test]
fn only_its_answers_take_the_images_out_of_the_test_split() {
    let mut found = sources("");
    found.retain(|(_, text)| text.contains("for_evaluation()"));
    let files: Vec<&str> = found.iter().map(|(path, _)| path.as_str()).collect();
    assert_eq!(files, ["evaluation/test_split.rs"]);
}

fn train(home: &Path, arguments: &[&str]) -> String {
    let output = program(home)
        .args(["train", "--device", "cpu", "--dataset", "digits"])
        .args(["--set", "data.validation_size=100"])
        .args(["--set", "training.batch_size=64"])
        .args(["-v", "--log-format", "json", "--json"])
        .args(arguments)
        .assert()
        .code(0)
        .get_output()
        .clone();
    String::from_utf8(output.stderr).expect("text")
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("read")).expect("JSON")
}

#[test]
fn other_test_pictures_change_nothing_but_the_evaluation() {
    let [one, other] = [tempdir(), tempdir()].map(|home| home.expect("a folder"));
    for home in [&one, &other] {
        write_dataset(&home.path().join("digits"), 600, 100);
    }
    let digits = other.path().join("digits");
    idx::write_split(&digits, Part::Test, &synthetic::draw(99, 5, 80)).expect("replaced");
    for (name, more) in [
        ("patient", &["--set", "training.patience=2"][..]),
        ("aiming", &["--target-accuracy", "0.6"]),
        ("averaged", &["--set", "training.ema_decay=0.9"]),
    ] {
        let arguments = [&["--epochs", "6", "--out", name], more].concat();
        let runs = [&one, &other].map(|home| {
            train(home.path(), &arguments);
            home.path().join(name)
        });
        let records = [0, 1].map(|at| json(&runs[at].join("run.json")));
        let [this, that] = &records;
        assert_eq!(this["evaluation"]["total"], 100);
        assert_eq!(that["evaluation"]["total"], 80);
        assert_ne!(this["evaluation"]["loss"], that["evaluation"]["loss"]);
        for key in ["weights", "last_weights", "ending", "steps"] {
            assert!(!this[key].is_null(), "{key}");
            assert_eq!(this[key], that[key], "{name}: {key}");
        }
        let metrics = [0, 1].map(|at| {
            let text = fs::read_to_string(runs[at].join("metrics.jsonl")).expect("read");
            let lines = text.lines().map(|line| {
                let mut record: Value = serde_json::from_str(line).expect("a record");
                record.as_object_mut().expect("an object").remove("seconds");
                record
            });
            lines.collect::<Vec<_>>()
        });
        assert!(metrics[0].len() >= 2);
        assert_eq!(metrics[0], metrics[1], "{name}");
        for file in ["model.safetensors", "last.safetensors"] {
            // After the header, whose entries have no fixed order.
            let weights = [0, 1].map(|at| {
                let bytes = fs::read(runs[at].join(file)).expect("read");
                let header = u64::from_le_bytes(bytes[..8].try_into().expect("a length"));
                bytes[8 + header as usize..].to_vec()
            });
            assert!(!weights[0].is_empty());
            assert!(weights[0] == weights[1], "{name}: {file}");
        }
    }
    let ending = json(&one.path().join("aiming/run.json"))["ending"].clone();
    assert_eq!(ending, "target-reached");
}

/// Every pass of a network over the test split is a span, because only `answer` can make one.
#[test]
fn the_test_split_is_read_once_a_run() {
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 600, 100);
    for (name, passes, more) in [
        ("single", 1, &["--epochs", "3"][..]),
        ("several", 3, &["--seeds", "3"]),
        ("vote", 2, &["--ensemble", "2"]),
    ] {
        let said = train(home.path(), &[&["--out", name], more].concat());
        let spans = said
            .lines()
            .filter_map(|line| serde_json::from_str::<Value>(line).ok())
            .filter(|event| event["message"] == "close" && event["span"]["name"] == "evaluate")
            .count();
        assert_eq!(spans, passes, "{name}");
    }
}

#[test]
fn a_vote_is_the_mean_of_the_probabilities() {
    let ln = |shares: [f64; 3]| {
        let mut logits = vec![-1e4f32; CLASSES];
        for (logit, share) in logits.iter_mut().zip(shares) {
            *logit = share.ln() as f32;
        }
        logits
    };
    // The first is sure of class 1, the two others lean towards class 0.
    let sure = vec![ln([0.1, 0.8, 0.1]), ln([0.2, 0.2, 0.6])];
    let leaning = vec![ln([0.5, 0.4, 0.1]), ln([0.2, 0.2, 0.6])];
    let of = |logits: &Vec<Logits>| Answers::of_logits(logits.clone());
    let test = TestSplit::new(Split {
        shape: SHAPE,
        classes: CLASSES,
        images: vec![0; 2 * PIXELS],
        labels: vec![1, 0],
    });
    let vote = Answers::ensemble(&[of(&sure), of(&leaning), of(&leaning)]);
    let found = vote.evaluation(&test, &names());
    // (0.1 + 0.5 + 0.5) / 3 = 0.3667 for class 0, (0.8 + 0.4 + 0.4) / 3 = 0.5333 for class 1.
    assert_eq!(found.first.predicted, [1, 2]);
    assert_eq!((found.correct, found.total), (1, 2));
    let loss = -((1.6f64 / 3.0).ln() + 0.2f64.ln()) / 2.0;
    assert!((found.loss - loss).abs() < 1e-6, "{} {loss}", found.loss);
    assert_eq!(found.networks, 3);
    assert_eq!(found.manner().as_deref(), Some("ensemble of 3 networks"));
    assert_eq!(vote.logits(), None);
    // A mean of logits would say otherwise: the majority of them leans towards class 0.
    let alone = of(&leaning).evaluation(&test, &names());
    assert_eq!(alone.first.predicted, [0, 2]);
    assert_eq!(alone.manner(), None);

    let one = [log_softmax(&sure[0])];
    assert_eq!(mean(&[&one]), one, "to the bit");
    let impossible = [vec![f64::NEG_INFINITY; CLASSES]];
    assert_eq!(mean(&[&impossible, &impossible]), impossible);
    let sum: f64 = mean(&[&one, &one])[0].iter().map(|log| log.exp()).sum();
    assert!((sum - 1.0).abs() < 1e-12);
}

#[test]
fn shifts_move_whole_pixels_and_ground_comes_in() {
    assert_eq!(shifts(0), [(0, 0)]);
    let all = shifts(2);
    assert_eq!((all.len(), all[0]), (25, (0, 0)));
    let unique: std::collections::BTreeSet<_> = all.iter().collect();
    assert_eq!(unique.len(), 25);

    let mut first = vec![0; PIXELS];
    const SIDE: usize = SHAPE.width;
    first[5 * SIDE + 7] = 200;
    first[27] = 9;
    let split = Split {
        shape: SHAPE,
        classes: CLASSES,
        images: [first, vec![1; PIXELS]].concat(),
        labels: vec![3, 4],
    };
    assert_eq!(shifted(&split, 0, 0, 0), split);
    let lit = |split: &Split, index: usize| -> Vec<(usize, u8)> {
        let pixels = split.image(index).expect("a picture").iter().copied();
        pixels.enumerate().filter(|&(_, byte)| byte > 0).collect()
    };
    let moved = shifted(&split, 1, 2, 0);
    assert_eq!(moved.labels, split.labels);
    // (5, 7) came to (7, 8); the corner left to the right and nothing came in from it.
    assert_eq!(lit(&moved, 0), [(7 * SIDE + 8, 200)]);
    assert_eq!(lit(&moved, 1).len(), (SIDE - 1) * (SIDE - 2));
    let moved = shifted(&split, -3, -1, 0);
    assert_eq!(lit(&moved, 0), [(4 * SIDE + 4, 200)]);
    assert_eq!(lit(&moved, 1).len(), (SIDE - 3) * (SIDE - 1));
    assert_eq!(lit(&moved, 1).last(), Some(&(26 * SIDE + 24, 1)));
}

fn ask(test: &TestSplit, config: &Config, device: &Device) -> Answers {
    let device = &device.clone().with_kernels(config.device.kernels);
    let start = initial(config);
    let model = Model::from_values(&network(&config.model), start.parameters, device);
    pollster::block_on(answer(
        &model,
        &description(config, NORMALISATION),
        test,
        config,
        device,
    ))
    .expect("answers")
}

#[test]
fn shifts_average_over_shifted_pictures_on_every_device() {
    let pictures = synthetic::draw(3, 1, 70);
    let test = TestSplit::new(pictures.clone());
    let plain = settings(&["evaluation.batch_size=32"]);
    let augmented = settings(&["evaluation.batch_size=32", "evaluation.shift=1"]);
    let cpu = Device::cpu();
    let reference = ask(&test, &plain, &cpu);
    let found = ask(&test, &augmented, &cpu);
    let views: Vec<_> = shifts(1)
        .into_iter()
        .map(|(right, down)| {
            let moved = TestSplit::new(shifted(&pictures, right, down, 0));
            ask(&moved, &plain, &cpu).log_probabilities().to_vec()
        })
        .collect();
    let views: Vec<_> = views.iter().map(Vec::as_slice).collect();
    assert_eq!(views.len(), 9);
    assert_eq!(found.log_probabilities(), mean(&views));
    assert_ne!(found.log_probabilities(), reference.log_probabilities());

    let of = |answers: &Answers| answers.evaluation(&test, &names());
    let (without, with) = (of(&reference), of(&found));
    let augmentation = with.test_time_augmentation.as_ref().expect("said");
    assert_eq!((augmentation.shift, augmentation.views), (1, 9));
    assert_eq!(augmentation.without.correct, without.correct);
    assert_eq!(augmentation.without.loss, without.loss);
    assert_eq!(without.test_time_augmentation, None);
    let manner = with.manner().expect("said");
    assert_eq!(manner, "test-time augmentation (9 shifts)");
    let vote = Answers::ensemble(&[found.clone(), found.clone()]);
    let manner = of(&vote).manner().expect("said");
    assert_eq!(
        manner,
        "ensemble of 2 networks with test-time augmentation (9 shifts)"
    );

    let Some(adapter) = adapter_or_skip("shifts_average_over_shifted_pictures_on_every_device")
    else {
        return;
    };
    for kernels in ["fused", "burn"] {
        let kernels = format!("device.kernels={kernels}");
        let config = settings(&["evaluation.batch_size=32", "evaluation.shift=1", &kernels]);
        let there = of(&ask(&test, &config, &adapter));
        assert!((there.loss - with.loss).abs() < 1e-4 * with.loss);
        assert_eq!(there.correct, with.correct);
        let plain_loss = |found: &Evaluation| {
            let augmentation = found.test_time_augmentation.as_ref();
            augmentation.expect("said").without.loss
        };
        assert!((plain_loss(&there) - without.loss).abs() < 1e-4 * without.loss);
    }
}
