//! How training images are divided: stratified, drawn by the seed, and said where classes lack images.

use gpu_mnist::config::{ClassWeights, NamedWeights};
use gpu_mnist::data::split::{Division, divide};
use gpu_mnist::data::{ImageShape, Split};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use tempfile::tempdir;

use crate::images::Written;
use crate::support::program;

/// Images of one byte each that are told apart by it, with these labels.
fn labelled(labels: &[u16], classes: usize) -> Split {
    let shape = ImageShape::grey(1, 1);
    Split {
        shape,
        classes,
        images: (0..labels.len()).map(|index| index as u8).collect(),
        labels: labels.to_vec(),
    }
}

fn counts(split: &Split, of: &[usize]) -> Vec<usize> {
    split.pick(of).class_counts()
}

#[test]
fn each_class_is_held_out_in_proportion_whatever_the_order() {
    let sorted: Vec<u16> = [vec![0; 100], vec![1; 50], vec![2; 10]].concat();
    let mixed: Vec<u16> = (0..160).map(|index| sorted[index * 77 % 160]).collect();
    for labels in [&sorted, &mixed] {
        let split = labelled(labels, 3);
        let divided = |limit, seed| divide(&split.labels, 3, 32, limit, seed);
        let Division { train, valid } = divided(0, 9);
        assert_eq!(counts(&split, &valid), [20, 10, 2]);
        assert_eq!(counts(&split, &train), [80, 40, 8]);
        let mut all = [train.clone(), valid.clone()].concat();
        all.sort_unstable();
        assert_eq!(all, (0..160).collect::<Vec<_>>(), "each image once");
        let limited = divided(64, 9);
        assert_eq!(limited.valid, valid, "the same images, whatever the limit");
        assert_eq!(counts(&split, &limited.train), [40, 20, 4]);
        assert_ne!(divided(0, 10).valid, valid, "another seed");
        assert_eq!(divided(0, 9), Division { train, valid }, "the same seed");
    }
}

#[test]
fn rounding_takes_no_class_its_last_image() {
    let labels: Vec<u16> = [vec![0; 97], vec![1], vec![2], vec![3]].concat();
    let split = labelled(&labels, 4);
    for seed in 0..20 {
        let division = divide(&split.labels, 4, 10, 0, seed);
        assert_eq!(division.valid.len(), 10);
        assert_eq!(
            counts(&split, &division.train)[1..],
            [1, 1, 1],
            "seed {seed}"
        );
        let few = divide(&split.labels, 4, 10, 5, seed);
        assert_eq!(counts(&split, &few.train), [2, 1, 1, 1], "seed {seed}");
    }
}

#[test]
fn a_set_sorted_by_class_keeps_all_its_classes() {
    let home = tempdir().expect("a folder");
    let set = Written {
        sorted: true,
        ..Written::like_mnist(3000, 300)
    };
    set.write(&home.path().join("sorted"));
    for more in [&[][..], &["--train-limit", "1000"]] {
        let output = program(home.path())
            .args([
                "train",
                "--device",
                "cpu",
                "--dataset",
                "./sorted",
                "--json",
            ])
            .args([
                "--set",
                "model.layers=[{convolution=8,kernel=5,pool=2},{linear=16}]",
            ])
            .args(["--set", "training.batch_size=50", "--epochs", "2"])
            .args(more)
            .assert()
            .code(0)
            .stderr(contains("300 of the 3000 training images"));
        let record: Value = serde_json::from_slice(&output.get_output().stdout).expect("JSON");
        let accuracy = record["evaluation"]["accuracy"].as_f64().expect("a share");
        assert!(accuracy > 0.95, "{accuracy}");
        let valid = record["epochs"][1]["valid_accuracy"]
            .as_f64()
            .expect("a share");
        assert!(valid > 0.95, "{valid}");
    }
}

#[test]
fn classes_that_lack_images_are_named() {
    let home = tempdir().expect("a folder");
    let path = home.path().join("set");
    Written {
        classes: 4,
        ..Written::like_mnist(200, 40)
    }
    .write(&path);
    // The last class of training becomes the first; six of the test images get a class of their own.
    let relabel = |file: &str, change: &dyn Fn(usize, u8) -> u8| {
        let file = path.join(file);
        let mut bytes = std::fs::read(&file).expect("read");
        for (index, label) in bytes[8..].iter_mut().enumerate() {
            *label = change(index, *label);
        }
        std::fs::write(&file, bytes).expect("written");
    };
    relabel(
        "train-labels-idx1-ubyte",
        &|index, label| match (index, label) {
            (0..8, 3) => 3,
            (_, 3) => 0,
            (_, label) => label,
        },
    );
    relabel("t10k-labels-idx1-ubyte", &|index, label| match index {
        0..6 => 5,
        _ => label,
    });
    program(home.path())
        .args([
            "train",
            "--device",
            "cpu",
            "--dataset",
            "./set",
            "--config",
            "smoke",
        ])
        .args([
            "--set",
            "data.validation_size=0",
            "--set",
            "training.batch_size=50",
        ])
        .assert()
        .code(0)
        .stderr(contains("no training image of class 5, but test images"))
        .stderr(contains("no image at all of class 4"))
        .stderr(contains("fewer than 5 training images of class 3"));
}

#[test]
fn balanced_weights_are_those_of_scikit_learn() {
    let balanced = ClassWeights::Named(NamedWeights::Balanced);
    // compute_class_weight("balanced", classes=[0, 1, 3], y): 12 / (3 * [6, 4, 2]).
    let found = balanced.of_classes(&[6, 4, 0, 2]).expect("weights");
    assert_eq!(found, Some(vec![12.0 / 18.0, 1.0, 0.0, 2.0]));
    assert_eq!(
        ClassWeights::Named(NamedWeights::None).of_classes(&[1, 2]),
        Ok(None)
    );
    let listed = |weights: &[f64]| ClassWeights::Listed(weights.to_vec()).of_classes(&[3, 3]);
    assert_eq!(listed(&[0.5, 2.0]), Ok(Some(vec![0.5, 2.0])));
    assert!(
        listed(&[1.0])
            .expect_err("too few")
            .contains("has 1 weight, the set has 2 classes")
    );
    assert!(listed(&[-1.0, 1.0]).is_err() && listed(&[0.0, 0.0]).is_err());
}

/// With all weight on one class, nothing else is learnt.
#[test]
fn class_weights_of_the_settings_reach_the_loss() {
    let home = tempdir().expect("a folder");
    Written::like_mnist(500, 100).write(&home.path().join("set"));
    let train = |kernels: &str, weights: &str| -> Value {
        let output = program(home.path())
            .args(["train", "--device", "cpu", "--dataset", "./set", "--json"])
            .args(["--kernels", kernels, "--set", "data.validation_size=0"])
            .args([
                "--set",
                "model.layers=[{linear=16}]",
                "--set",
                "training.batch_size=50",
            ])
            .args([
                "--set",
                &format!("training.class_weights={weights}"),
                "--epochs",
                "6",
            ])
            .assert()
            .code(0);
        serde_json::from_slice(&output.get_output().stdout).expect("JSON")
    };
    let classified_as = |record: &Value, class: usize| -> u64 {
        let rows = record["evaluation"]["confusion"].as_array().expect("rows");
        rows.iter()
            .map(|row| row[class].as_u64().expect("a count"))
            .sum()
    };
    for kernels in ["fused", "burn"] {
        let lopsided = train(kernels, "[0,0,0,1,0,0,0,0,0,0]");
        // A balanced set has balanced weights of 1: the same arithmetic, but for rounding.
        let (plain, balanced) = (train(kernels, "none"), train(kernels, "balanced"));
        let found = [&lopsided, &plain].map(|record| classified_as(record, 3));
        assert!(found[0] > 35 && found[1] < 15, "{kernels}: {found:?}");
        let loss = |record: &Value| record["epochs"][0]["train_loss"].as_f64().expect("a loss");
        assert!((loss(&plain) - loss(&balanced)).abs() < 1e-4, "{kernels}");
    }
    program(home.path())
        .args(["train", "--device", "cpu", "--dataset", "./set"])
        .args(["--set", "training.class_weights=[1,2]"])
        .assert()
        .code(2)
        .stderr(contains("training.class_weights").and(contains("10 classes")));
}
