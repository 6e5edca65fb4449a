//! `train --from` and `--freeze`: which layers take weights, that frozen ones stay as they are, and
//! what a run says and keeps of it.

use std::fs;
use std::path::Path;

use assert_cmd::Command;
use gpu_mnist::config::Config;
use gpu_mnist::data::batches::{DeviceSplit, Normalisation};
use gpu_mnist::data::image_set::ImageShape;
use gpu_mnist::data::synthetic;
use gpu_mnist::device::Device;
use gpu_mnist::model::{Model, initial_values};
use gpu_mnist::runs::from::{Fit, fits};
use gpu_mnist::runs::weights::{self, Description};
use gpu_mnist::training::state::{Parameters, Snapshot};
use gpu_mnist::training::trainer::Trainer;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{
    EVERY_LAYER, adapter_or_skip, description, initial, program, settings, write_dataset,
};

const NETWORK: &str = "model.layers=[{convolution=4,kernel=5,pool=2},{dropout=0.1},{convolution=6,kernel=3,pool=2},{linear=12}]";

fn described(assignments: &[&str], classes: &[&str], shape: ImageShape) -> Description {
    let mut found = description(&settings(assignments), Normalisation::grey(0.1, 0.3));
    found.set.class_names = classes.iter().map(ToString::to_string).collect();
    found.set.shape = shape;
    found
}

/// What becomes of each layer, in a word or the reason.
fn judged(new: &Description, other: &Description) -> Vec<(String, String)> {
    let layers = fits(new, other).into_iter();
    let numbers: Vec<usize> = fits(new, other).iter().map(|layer| layer.number).collect();
    assert_eq!(numbers, (1..=numbers.len()).collect::<Vec<_>>());
    layers
        .map(|layer| {
            let word = match layer.fit {
                Fit::Nothing => "nothing".into(),
                Fit::Taken => "taken".into(),
                Fit::Anew(why) => why,
            };
            (layer.name, word)
        })
        .collect()
}

fn pairs(expected: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = |&(name, word): &(&str, &str)| (name.to_string(), word.to_string());
    expected.iter().map(owned).collect()
}

#[test]
fn layers_take_tensors_of_their_name_and_shape() {
    let grey = ImageShape::grey(28, 28);
    let classes = ["a", "b", "c"];
    let other = described(&[NETWORK], &classes, grey);
    let all = [
        ("conv1", "taken"),
        ("dropout", "nothing"),
        ("conv2", "taken"),
        ("fc1", "taken"),
        ("fc2", "taken"),
    ];
    assert_eq!(judged(&other, &other), pairs(&all));

    // Other classes: a new head, also where there are as many, or the same in another order.
    for (classes, why) in [
        (&["a", "b", "d"][..], "other classes"),
        (&["b", "a", "c"], "other classes"),
        (&["a", "b"], "2 classes, 3 there"),
    ] {
        let new = described(&[NETWORK], classes, grey);
        let mut expected = all;
        expected[4].1 = why;
        assert_eq!(judged(&new, &other), pairs(&expected));
    }

    let colour = ImageShape {
        channels: 3,
        ..grey
    };
    let mut expected = all;
    expected[0].1 = "4x1x5x5 there";
    let new = described(&[NETWORK], &classes, colour);
    assert_eq!(judged(&new, &other), pairs(&expected));

    let larger = described(&[NETWORK], &classes, ImageShape::grey(32, 36));
    let mut expected = all;
    expected[3].1 = "12x150 there";
    assert_eq!(judged(&larger, &other), pairs(&expected));
}

#[test]
fn a_layer_takes_no_weights_that_mean_something_else() {
    let grey = ImageShape::grey(28, 28);
    let classes = ["a", "b", "c"];
    // 2x2 pixels of 8 channels, and 1x2 of 16: as many numbers in another order.
    let [by_8, by_16] = [
        "model.layers=[{convolution=8,kernel=3,stride=14},{linear=5}]",
        "model.layers=[{convolution=8,kernel=3,stride=14},{convolution=16,kernel=2,padding=1,stride=3},{linear=5}]",
    ]
    .map(|layers| described(&[layers], &classes, grey));
    let found = judged(&by_16, &by_8);
    assert_eq!(found[1].1, "no conv2.weight there");
    assert_eq!(found[2].0, "fc1");
    assert_eq!(found[2].1, "5x32 there");
    let one_row = described(
        &["model.layers=[{convolution=16,kernel=3,stride=14},{linear=5}]"],
        &classes,
        ImageShape::grey(16, 30),
    );
    assert_eq!(judged(&one_row, &by_8)[1].1, "behind other channels there");

    // The last layer of a shallower network is called as a hidden one here, and has its shape.
    let shallow = described(&["model.layers=[{linear=5}]"], &["a", "b"], grey);
    let deep = described(&["model.layers=[{linear=5},{linear=2}]"], &["a", "b"], grey);
    let found = judged(&deep, &shallow);
    assert_eq!(found[0].1, "taken");
    assert_eq!(found[1].1, "no fc2.weight there");
    assert_eq!(found[2].1, "no fc3.weight there");
}

/// Some steps of a training, on `device` by its kernels.
fn trained(assignments: &[&str], steps: usize, device: &Device) -> Snapshot {
    let config = settings(assignments);
    let start = scattered(&config);
    let device = device.clone().with_kernels(config.device.kernels);
    let split = synthetic::draw(3, 0, steps * config.training.batch_size);
    let split = DeviceSplit::upload(&split, Normalisation::measure(&split), &device);
    let mut trainer = Trainer::new(start, &split, steps, &config, &device).expect("prepared");
    for _ in 0..steps {
        trainer.step().expect("a step");
    }
    let recorder = gpu_mnist::training::history::Recorder::default();
    pollster::block_on(trainer.snapshot(&recorder)).expect("read")
}

/// A start as another run could have left it: statistics, scales and shifts other than at first.
fn scattered(config: &Config) -> Snapshot {
    let mut start = initial(config);
    let shapes = synthetic::network(&config.model).parameters();
    for (shape, values) in shapes.iter().zip(&mut start.parameters) {
        if shape.name.starts_with("bn") {
            for (place, value) in values.iter_mut().enumerate() {
                *value += 0.05 * (place + 1) as f32;
            }
        }
    }
    start
}

const EVERYTHING: &[&str] = &[
    "training.batch_size=32",
    "training.weight_decay=0.1",
    "training.clip_norm=0.5",
    "training.ema_decay=0.9",
];

/// Every number of the first `tensors` tensors is as it was, and none of the others.
fn keeps_the_first(tensors: usize, before: &Parameters, after: &Parameters, what: &str) {
    for (place, (before, after)) in before.iter().zip(after).enumerate() {
        match place < tensors {
            true => assert!(before == after, "tensor {place} changed, {what}"),
            false => assert!(before != after, "tensor {place} stayed, {what}"),
        }
    }
}

#[test]
fn frozen_layers_stay_as_they_are_bit_for_bit() {
    for (network, freeze, tensors) in [(NETWORK, 2, 2), (NETWORK, 4, 6), (EVERY_LAYER, 4, 17)] {
        for optimizer in ["adam", "adamw", "sgd", "muon"] {
            for kernels in ["fused", "burn"] {
                let freeze = format!("training.freeze={freeze}");
                let optimizer = format!("training.optimizer={optimizer}");
                let kernels = format!("device.kernels={kernels}");
                let own = [network, &freeze, &optimizer, &kernels];
                let all = [EVERYTHING, &own].concat();
                let what = own.join(" ");
                let start = scattered(&settings(&all));
                let end = trained(&all, 3, &Device::cpu());
                keeps_the_first(tensors, &start.parameters, &end.parameters, &what);
                let averaged = end.averaged.expect("an average").parameters;
                keeps_the_first(tensors, &start.parameters, &averaged, &what);
                let remembered = end.optimizer.iter().take(tensors);
                assert!(remembered.clone().all(Option::is_none), "{what}");
            }
        }
    }
}

#[test]
fn what_is_not_frozen_gets_the_gradients_it_would_have_had() {
    let sgd = ["training.optimizer=sgd", "training.batch_size=32"];
    let network = "model.layers=[{convolution=4,kernel=5,pool=2},{convolution=6,kernel=3,pool=2},{linear=12}]";
    for kernels in ["device.kernels=fused", "device.kernels=burn"] {
        let of = |freeze: &str| {
            let own = [network, kernels, freeze];
            trained(&[&sgd[..], &own].concat(), 1, &Device::cpu()).parameters
        };
        let whole = of("training.freeze=0");
        for (freeze, tensors) in [(1, 2), (2, 4), (3, 6)] {
            let found = of(&format!("training.freeze={freeze}"));
            assert_ne!(found[..tensors], whole[..tensors]);
            assert!(found[tensors..] == whole[tensors..], "{kernels} {freeze}");
        }
    }
}

/// The norm that clipping goes by is that of the gradients there are.
#[test]
fn clipping_leaves_frozen_layers_out() {
    let own = ["training.optimizer=sgd", "training.schedule=constant"];
    let step = |more: &[&str]| {
        let all = [&[NETWORK, "training.freeze=4"], &own[..], more].concat();
        let start = scattered(&settings(&all)).parameters;
        let end = trained(&all, 1, &Device::cpu()).parameters;
        let changes = start.iter().flatten().zip(end.iter().flatten());
        changes
            .map(|(a, b)| f64::from(b - a).powi(2))
            .sum::<f64>()
            .sqrt()
    };
    let rate = "training.learning_rate=1";
    let momentum = "training.momentum=0";
    let clipped = step(&[rate, momentum, "training.clip_norm=0.01"]);
    assert!((clipped - 0.01).abs() < 1e-4, "{clipped}");
    assert!(step(&[rate, momentum]) > 0.05);
}

#[test]
fn an_adapter_keeps_frozen_layers_too() {
    let Some(device) = adapter_or_skip("an_adapter_keeps_frozen_layers_too") else {
        return;
    };
    for (network, freeze, tensors) in [(NETWORK, 2, 2), (EVERY_LAYER, 4, 17)] {
        let freeze = format!("training.freeze={freeze}");
        let all = [EVERYTHING, &[network, &freeze]].concat();
        let start = scattered(&settings(&all)).parameters;
        let [found, expected] = [&device, &Device::cpu()].map(|device| trained(&all, 3, device));
        keeps_the_first(tensors, &start, &found.parameters, network);
        let pairs = found
            .parameters
            .iter()
            .flatten()
            .zip(expected.parameters.iter().flatten());
        let far = pairs.map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
        assert!(far < 2e-3, "{network}: {far}");
    }
}

/// A model whose layers are all frozen but the last answers in training as in the evaluation.
#[test]
fn frozen_layers_compute_as_in_the_evaluation() {
    let config = settings(&[EVERY_LAYER]);
    let network = synthetic::network(&config.model);
    let device = Device::cpu();
    let values = scattered(&config).parameters;
    let model = Model::partly_trainable(&network, values.clone(), 8, &device);
    let split = synthetic::draw(3, 0, 20);
    let split = DeviceSplit::upload(&split, Normalisation::measure(&split), &device);
    let indices = gpu_mnist::data::batches::upload_indices(&(0..20).collect::<Vec<_>>(), &device);
    let images = split.gather(indices).images;
    let (found, statistics) = model.forward_train(images.clone().autodiff());
    let expected = Model::from_values(&network, values, &device).forward_eval(images);
    let numbers =
        |logits: burn::tensor::Tensor<2>| logits.into_data().try_to_vec::<f32>().expect("f32");
    assert_eq!(numbers(found.without_autodiff()), numbers(expected));
    assert!(statistics.iter().all(Option::is_none));
}

const SMALL: &[&str] = &[
    "--config",
    "default",
    "--device",
    "cpu",
    "--set",
    "training.batch_size=64",
    "--set",
    "data.validation_size=100",
];

/// A folder with a set of ten classes, a run on it with a network of its own, and a set of images of
/// the first three classes under other names.
fn home() -> TempDir {
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 600, 100);
    let mut rows = String::new();
    let split = synthetic::draw(9, 0, 500);
    for (label, image) in split.labels.iter().zip(split.images.chunks_exact(784)) {
        if *label < 3 {
            let pixels: Vec<String> = image.iter().map(ToString::to_string).collect();
            let name = ["zero", "one", "two"][usize::from(*label)];
            rows += &format!("{name},{}\n", pixels.join(","));
        }
    }
    fs::write(home.path().join("words.csv"), rows).expect("written");
    train(
        home.path(),
        &["--dataset", "digits", "--out", "old", "--set", NETWORK],
    )
    .code(0);
    home
}

fn train(home: &Path, arguments: &[&str]) -> assert_cmd::assert::Assert {
    command(home, arguments).assert()
}

fn command(home: &Path, arguments: &[&str]) -> Command {
    let mut command = program(home);
    command.arg("train").args(SMALL).args(arguments);
    command
}

fn record(home: &Path, run: &str) -> Value {
    let text = fs::read_to_string(home.join(run).join("run.json")).expect("a record");
    serde_json::from_str(&text).expect("JSON")
}

fn values(home: &Path, run: &str) -> (Parameters, Description) {
    weights::read(&home.join(run).join("last.safetensors")).expect("weights")
}

const NEW: &[&str] = &["--dataset", "words.csv", "--from", "old"];

#[test]
fn a_run_starts_from_another_ones_weights_and_says_so() {
    let home = home();
    let home = home.path();
    let run = train(
        home,
        &[NEW, &["--out", "new", "--freeze", "3", "--json"]].concat(),
    )
    .code(0);
    let output = run.get_output();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let file = fs::canonicalize(home.join("old/model.safetensors")).expect("there");
    let file = file.to_str().expect("UTF-8");
    for line in [
        "the network is that of the weights (model.layers)",
        "  1  conv1    4x1x5x5  taken, frozen\n",
        "  2  dropout           no weights, frozen\n",
        "  3  conv2    6x4x3x3  taken, frozen\n",
        "  4  fc1      12x150   taken\n",
        "  5  fc2      3x12     made anew: 3 classes, 10 there\n",
    ] {
        assert!(said.contains(line), "{line} in {said}");
    }
    let (source, _) = weights::read(Path::new(file)).expect("weights");
    let (found, description) = values(home, "new");
    // Running statistics there are none; the frozen tensors are the file's.
    assert!(found[..4] == source[..4]);
    assert!(found[4..6] != source[4..6]);
    let seed = initial_values(&description.network(), 0);
    assert_eq!(seed[0].len(), found[0].len());
    assert!(seed[..4] != found[..4]);

    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let started = &printed["started_from"];
    assert_eq!(started["file"], file);
    assert_eq!(started["dataset"], "digits");
    assert_eq!(started["sha256"], record(home, "old")["weights"]["sha256"]);
    assert_eq!(
        started["taken"],
        serde_json::json!(["conv1", "conv2", "fc1"])
    );
    assert_eq!(started["anew"], serde_json::json!(["fc2"]));
    assert_eq!(record(home, "new"), printed);
    assert_eq!(record(home, "old")["started_from"], Value::Null);
    let settings = fs::read_to_string(home.join("new/settings.toml")).expect("settings");
    assert!(settings.contains(&format!("from = \"{file}\"")));
    assert!(settings.contains("freeze = 3"));
    let page = fs::read_to_string(home.join("new/report.html")).expect("a report");
    assert!(page.contains("Started from") && page.contains("conv1, conv2, fc1"));

    // Its own settings make the same run again.
    let again = ["--config", "new/settings.toml", "--out", "again"];
    program(home).arg("train").args(again).assert().code(0);
    let hash = |run: &str| record(home, run)["weights"]["sha256"].clone();
    assert_eq!(hash("again"), hash("new"));
}

#[test]
fn a_network_that_was_chosen_takes_what_fits() {
    let home = home();
    let home = home.path();
    let chosen =
        "model.layers=[{convolution=4,kernel=5,pool=2},{convolution=7,kernel=3},{linear=12}]";
    let more = ["--set", chosen, "--out", "new", "--epochs", "1"];
    train(home, &[NEW, &more].concat())
        .code(0)
        .stderr(contains("  1  conv1  4x1x5x5  taken\n"))
        .stderr(contains("  2  conv2  7x4x3x3  made anew: 6x4x3x3 there\n"))
        .stderr(contains("that of the weights").not());
    // What is made anew is what a start from scratch with the seed makes.
    let scratch = [
        "--dataset",
        "words.csv",
        "--set",
        chosen,
        "--out",
        "scratch",
    ];
    train(home, &scratch).code(0);
    let started = record(home, "new")["started_from"].clone();
    assert_eq!(started["taken"], serde_json::json!(["conv1"]));
    assert_eq!(record(home, "scratch")["started_from"], Value::Null);
    assert_ne!(
        record(home, "new")["weights"],
        record(home, "scratch")["weights"]
    );
}

/// A set of few images has a preset of its own, whose network gives way to that of the weights.
#[test]
fn a_recipe_that_follows_the_set_leaves_the_network_to_the_weights() {
    let home = home();
    let home = home.path();
    let old = [
        "--config",
        "default",
        "--dataset",
        "digits",
        "--device",
        "cpu",
        "--out",
        "plain",
    ];
    program(home).arg("train").args(old).assert().code(0);
    for from in ["old", "plain"] {
        let out = format!("from-{from}");
        let new = [
            "--dataset",
            "words.csv",
            "--device",
            "cpu",
            "--epochs",
            "1",
            "--json",
        ];
        let run = program(home)
            .arg("train")
            .args(new)
            .args(["--from", from, "--freeze", "1", "--out", &out])
            .assert()
            .code(0)
            .stderr(contains("the preset small"));
        let printed: Value = serde_json::from_slice(&run.get_output().stdout).expect("JSON");
        let taken = printed["started_from"]["taken"].clone();
        assert_eq!(
            taken,
            serde_json::json!(["conv1", "conv2", "fc1"]),
            "{from}"
        );
    }
    // Its own network, of as many layers as the images need, where that is asked for.
    let plain = [
        "--set",
        "model.layers=plain",
        "--freeze",
        "9",
        "--out",
        "none",
    ];
    train(home, &[NEW, &plain].concat())
        .code(2)
        .stderr(contains("'training.freeze' = 9").and(contains("the last one always learns")));
}

#[test]
fn what_cannot_start_is_refused_with_its_reason() {
    let home = home();
    let home = home.path();
    let refused = |arguments: &[&str], code: i32, words: &[&str]| {
        let mut found = train(home, &[arguments, &["--out", "none"]].concat()).code(code);
        for word in words {
            found = found.stderr(contains(*word));
        }
        assert!(!home.join("none").exists(), "{arguments:?}");
    };
    let freeze = |count| [NEW, &["--freeze", count]].concat();
    refused(
        &freeze("5"),
        2,
        &[
            "--freeze: setting 'training.freeze' = 5",
            "5 layers",
            "at most 4",
        ],
    );
    refused(&freeze("-1"), 2, &["training.freeze"]);
    refused(
        &["--dataset", "digits", "--freeze", "1"],
        2,
        &["name its weights in training.from"],
    );
    refused(
        &["--from", "nowhere"],
        4,
        &["--from: nowhere", "no such folder"],
    );
    refused(&["--from", "words.csv"], 4, &["--from: words.csv"]);
    let other = "model.layers=[{convolution=5,kernel=4},{pool='average'}]";
    let unlike = [NEW, &["--set", other]].concat();
    refused(
        &unlike,
        4,
        &[
            "no layer of the network",
            "1  conv1",
            "5x1x4x4  made anew: 4x1x5x5 there",
        ],
    );
    let wider =
        "model.layers=[{convolution=4,kernel=5,pool=2},{convolution=7,kernel=3},{linear=12}]";
    let frozen = [NEW, &["--set", wider, "--freeze", "2"]].concat();
    refused(
        &frozen,
        2,
        &["layer 2 (conv2) is made anew", "--freeze 1 at most"],
    );
    command(home, &["--resume", "old", "--from", "old"])
        .assert()
        .code(2)
        .stderr(contains("cannot be used with"));
    let checkpoints = fs::read_dir(home.join("old/checkpoints")).expect("there");
    let checkpoint = checkpoints.flatten().next().expect("one").path();
    let checkpoint = checkpoint.to_str().expect("UTF-8");
    refused(&["--from", checkpoint], 4, &["gpu-mnist checkpoint"]);
}

/// The run as it was before its first checkpoint.
fn cut_back(home: &Path, run: &str) {
    let run = home.join(run);
    let text = fs::read_to_string(run.join("run.json")).expect("a record");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    for key in ["evaluation", "ending", "weights", "last_weights"] {
        record[key] = Value::Null;
    }
    for entry in fs::read_dir(&run).expect("there").flatten() {
        let name = entry.file_name();
        let path = entry.path();
        match path.is_dir() {
            true => fs::remove_dir_all(path).expect("removed"),
            false if name != "settings.toml" => fs::remove_file(path).expect("removed"),
            false => {}
        }
    }
    fs::write(run.join("run.json"), record.to_string()).expect("written");
}

#[test]
fn a_run_without_a_checkpoint_starts_from_the_same_weights_or_not_at_all() {
    let home = home();
    let home = home.path();
    train(home, &[NEW, &["--out", "new", "--freeze", "1"]].concat()).code(0);
    let before = record(home, "new");
    let resume = |more: &[&str]| {
        let mut command = program(home);
        command.args(["train", "--resume", "new"]).args(more);
        command.assert()
    };
    cut_back(home, "new");
    resume(&[])
        .code(0)
        .stderr(contains("1  conv1    4x1x5x5  taken, frozen"));
    assert_eq!(record(home, "new")["weights"], before["weights"]);
    assert_eq!(record(home, "new")["started_from"], before["started_from"]);

    // Elsewhere, by name.
    cut_back(home, "new");
    let text = |name: &str| fs::read_to_string(home.join(name)).expect("text");
    let untouched = text("new/settings.toml");
    fs::rename(home.join("old"), home.join("moved")).expect("moved");
    resume(&[])
        .code(4)
        .stderr(contains("which cannot be used").and(contains("--set training.from=FILE")));
    // Other weights in their place.
    let digits = ["--dataset", "digits", "--seed", "5", "--set", NETWORK];
    train(home, &[&digits[..], &["--out", "old"]].concat()).code(0);
    resume(&[])
        .code(4)
        .stderr(contains("which now holds other weights"));
    assert_eq!(text("new/settings.toml"), untouched);
    resume(&["--set", "training.from=moved"]).code(0);
    assert_eq!(record(home, "new")["weights"], before["weights"]);

    // With a checkpoint nothing else is needed, and the record stays.
    fs::remove_dir_all(home.join("moved")).expect("removed");
    fs::remove_dir_all(home.join("old")).expect("removed");
    resume(&["--epochs", "2"]).code(0);
    let after = record(home, "new");
    assert_eq!(
        after["started_from"]["sha256"],
        before["started_from"]["sha256"]
    );
    assert_eq!(after["epochs"].as_array().expect("epochs").len(), 2);
    resume(&["--epochs", "3", "--set", "training.from=digits"])
        .code(2)
        .stderr(contains("training.from"));
    // Frozen layers may learn later.
    resume(&["--epochs", "3", "--freeze", "0"]).code(0);

    cut_back(home, "new");
    fs::remove_file(home.join("new/run.json")).expect("removed");
    resume(&[])
        .code(4)
        .stderr(contains("no record says which weights"));
}

#[test]
fn every_seed_starts_from_the_same_weights() {
    let home = home();
    let home = home.path();
    train(home, &[NEW, &["--out", "both", "--ensemble", "2"]].concat()).code(0);
    let old = record(home, "old")["weights"]["sha256"].clone();
    for run in ["both/seed-0", "both/seed-1"] {
        assert_eq!(record(home, run)["started_from"]["sha256"], old);
    }
    let before = record(home, "both/seed-1")["weights"].clone();
    assert_ne!(record(home, "both/seed-0")["weights"], before);
    // Of several seeds the best is taken.
    train(
        home,
        &["--dataset", "words.csv", "--from", "both", "--out", "third"],
    )
    .code(0)
    .stderr(contains("the best on the validation images"))
    .stderr(contains("5  fc2      3x12     taken"));

    fs::remove_dir_all(home.join("both/seed-1")).expect("removed");
    let resume = || {
        let mut command = program(home);
        command.args(["train", "--resume", "both"]);
        command.assert()
    };
    fs::rename(home.join("old"), home.join("moved")).expect("moved");
    resume().code(4).stderr(contains("which cannot be used"));
    fs::rename(home.join("moved"), home.join("old")).expect("moved");
    resume().code(0);
    assert_eq!(record(home, "both/seed-1")["weights"], before);
}
