//! `data suspects`: labels that were made wrong on purpose are found, among images that were held
//! out of the training.

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use gpu_mnist::data::idx::{self, Part};
use gpu_mnist::data::split::divide;
use gpu_mnist::data::{Split, synthetic};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::program;

/// Digits of which each twentieth bears the label of another class; the places of these.
fn mislabelled(stream: u64, count: usize) -> (Split, HashSet<usize>) {
    let mut split = synthetic::draw(7, stream, count);
    let flipped: HashSet<usize> = (0..count).step_by(20).collect();
    for &place in &flipped {
        // Another class each, never its own.
        let step = 1 + place / 20 % 9;
        split.labels[place] = (split.labels[place] + step as u16) % 10;
    }
    (split, flipped)
}

fn suspects(home: &Path, flags: &[&str]) -> String {
    let output = program(home)
        .args(["data", "suspects", "run", "--device", "cpu"])
        .args(flags)
        .output()
        .expect("started");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).expect("text")
}

#[test]
fn labels_made_wrong_are_found_among_held_out_images() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    let (train, train_flipped) = mislabelled(0, 8000);
    let (test, test_flipped) = mislabelled(1, 2000);
    idx::write_split(&home.join("digits"), Part::Train, &train).expect("written");
    idx::write_split(&home.join("digits"), Part::Test, &test).expect("written");
    program(home)
        .args([
            "train",
            "--dataset",
            "digits",
            "--device",
            "cpu",
            "--out",
            "run",
        ])
        .args(["--epochs", "4", "--set", "data.validation_size=2000"])
        .assert()
        .code(0);
    let found: Value = serde_json::from_str(&suspects(home, &["--json"])).expect("JSON");
    assert_eq!(found["examined"], 4000);
    let listed = found["suspects"].as_array().expect("a list");
    let listed: HashSet<(&str, usize)> = (listed.iter())
        .map(|suspect| {
            let index = suspect["index"].as_u64().expect("an index") as usize;
            (suspect["split"].as_str().expect("a split"), index)
        })
        .collect();
    let of_test = test_flipped.iter().map(|&place| ("test", place));
    let mut wrong: HashSet<(&str, usize)> = of_test.collect();
    // Of the training images, those that were held out: the labels of all others were learnt.
    let held_out = divide(&train.labels, 10, 2000, 0, 0).valid;
    let held_out = held_out
        .into_iter()
        .filter(|place| train_flipped.contains(place));
    wrong.extend(held_out.map(|place| ("train", place)));
    let hits = listed.intersection(&wrong).count() as f64;
    let (precision, recall) = (hits / listed.len() as f64, hits / wrong.len() as f64);
    println!(
        "precision {precision:.3}, recall {recall:.3} of {} labels",
        wrong.len()
    );
    assert!(precision >= 0.8 && recall >= 0.8, "{precision} {recall}");

    let csv = suspects(home, &["--csv"]);
    assert_eq!(csv, suspects(home, &["--format", "csv"]));
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    assert_eq!(reader.records().count(), listed.len());
    assert!(csv.starts_with("split,index,file,label,predicted,probability,label_probability\n"));
    let text = suspects(home, &[]);
    let said = format!(
        "{} of 4000 test and validation images look mislabelled",
        listed.len()
    );
    assert!(text.contains(&said), "{text}");
    let page = fs::read_to_string(home.join("run/report.html")).expect("a page");
    assert!(page.contains("Label?") && page.contains("gpu-mnist data suspects"));
    assert!(page.contains("test image "));

    // Images that the network was not trained on tell nothing of its labels.
    let (other, _) = mislabelled(2, 8000);
    idx::write_split(&home.join("digits"), Part::Train, &other).expect("written");
    program(home)
        .args(["data", "suspects", "run", "--device", "cpu"])
        .assert()
        .code(4)
        .stderr(contains("another set"));
    program(home)
        .args(["data", "list", "--format", "csv"])
        .assert()
        .code(2)
        .stderr(contains("only `data suspects`"));
}

/// Where each image is a file, its name leads to it.
#[test]
fn images_of_a_folder_are_named_by_their_files() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    let split = synthetic::draw(7, 0, 400);
    for (index, &label) in split
        .labels
        .iter()
        .enumerate()
        .filter(|(_, label)| **label < 2)
    {
        let part = if index % 4 == 0 { "test" } else { "train" };
        let folder = home.join("mine").join(part).join(format!("digit {label}"));
        fs::create_dir_all(&folder).expect("made");
        let pixels = split.image(index).expect("there").to_vec();
        let image = image::GrayImage::from_vec(28, 28, pixels).expect("28x28");
        image
            .save(folder.join(format!("{index}.png")))
            .expect("written");
    }
    // One that a network cannot but take for the other class.
    let [from, to] = ["digit 0", "digit 1"].map(|class| home.join("mine/test").join(class));
    let zero = fs::read_dir(from)
        .expect("a folder")
        .next()
        .expect("a file")
        .expect("read");
    fs::rename(zero.path(), to.join("wrong.png")).expect("moved");
    program(home)
        .args([
            "train",
            "--dataset",
            "mine",
            "--device",
            "cpu",
            "--out",
            "run",
        ])
        .args(["--epochs", "12", "--set", "training.batch_size=16"])
        .assert()
        .code(0);
    let worst = fs::read_to_string(home.join("run/worst.json")).expect("written");
    let worst: Value = serde_json::from_str(&worst).expect("JSON");
    assert_eq!(worst[0]["file"], "test/digit 1/wrong.png");
    let page = fs::read_to_string(home.join("run/report.html")).expect("a page");
    assert!(
        page.contains("test&#x2f;digit 1&#x2f;wrong.png"),
        "no file name"
    );
}

/// Where a set has no image to test, its validation images show that a network has learnt nothing.
#[test]
fn a_network_that_learnt_nothing_is_known_without_test_images() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    for class in 0..10u32 {
        let folder = home.join("mine").join(format!("stripes {class}"));
        fs::create_dir_all(&folder).expect("made");
        let pixel = |x: u32, y: u32| image::Luma([(x * class * 7 + y * 13) as u8]);
        let drawn = image::GrayImage::from_fn(28, 28, pixel);
        drawn.save(folder.join("one.png")).expect("written");
    }
    let mut train = program(home);
    train.args(["train", "--dataset", "mine", "--device", "cpu"]);
    train.args(["--out", "run", "--config", "default"]);
    for setting in [
        "data.validation_size=4",
        "training.optimizer=sgd",
        "training.learning_rate=1000",
        "model.layers=[{linear=16}]",
    ] {
        train.args(["--set", setting]);
    }
    train
        .assert()
        .code(0)
        .stderr(contains("has no image to test"));
    program(home)
        .args(["data", "suspects", "run", "--device", "cpu"])
        .assert()
        .code(0)
        .stderr(contains("validation").and(contains("cannot tell which labels look wrong")));
}
