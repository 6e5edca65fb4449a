//! A set is known by its contents: moved or renamed it is found again, and another one in its place
//! is refused, whatever it is called.

use std::fs;
use std::path::Path;

use assert_cmd::assert::Assert;
use gpu_mnist::data::image_set::{SetDescription, digits};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::images::Written;
use crate::support::program;

const TRAIN: &[&str] = &[
    "train",
    "--device",
    "cpu",
    "--set",
    "model.layers=[{convolution=8,kernel=5,pool=2},{linear=16}]",
    "--set",
    "data.validation_size=50",
    "--set",
    "training.batch_size=50",
];

fn run(home: &Path, arguments: &[&str]) -> Assert {
    program(home).args(arguments).assert()
}

fn json(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("read")).expect("JSON")
}

/// A home with the set `mine` and the run `r`, trained on it for an epoch.
fn home_with_run() -> TempDir {
    let home = tempdir().expect("a folder");
    Written::like_mnist(600, 100).write(&home.path().join("mine"));
    run(
        home.path(),
        &[TRAIN, &["--dataset", "./mine", "--out", "r"]].concat(),
    )
    .code(0);
    home
}

/// Other images under the name of the set.
fn swap(home: &Path) {
    fs::remove_dir_all(home.join("mine")).expect("removed");
    let other = Written {
        seed: 2,
        ..Written::like_mnist(600, 100)
    };
    other.write(&home.join("mine"));
}

/// As a kill before the first checkpoint would leave the run.
fn begin_anew(run: &Path) {
    fs::remove_dir_all(run.join("checkpoints")).expect("removed");
    fs::remove_file(run.join("model.safetensors")).expect("removed");
    let mut record = json(&run.join("run.json"));
    record["evaluation"] = Value::Null;
    record["ending"] = Value::Null;
    fs::write(run.join("run.json"), record.to_string()).expect("written");
}

#[test]
fn the_record_names_the_set_it_read() {
    let home = home_with_run();
    let record = json(&home.path().join("r/run.json"));
    let set = &record["set"];
    assert_eq!(set["name"], "mine");
    assert_eq!(set["shape"]["height"], 28);
    assert_eq!(set["class_names"].as_array().map(Vec::len), Some(10));
    assert_eq!(set["fingerprint"].as_str().map(str::len), Some(32));
    let found = record["found_in"].as_str().expect("a place");
    assert!(
        found.ends_with("mine") && Path::new(found).is_absolute(),
        "{found}"
    );
}

#[test]
fn other_images_in_the_old_place_are_refused() {
    let home = home_with_run();
    swap(home.path());
    let before = fs::read(home.path().join("r/run.json")).expect("read");
    let refused = contains("other images").and(contains("fingerprint"));
    run(
        home.path(),
        &["train", "--resume", "r", "--epochs", "2", "--device", "cpu"],
    )
    .code(4)
    .stderr(refused);
    assert_eq!(
        fs::read(home.path().join("r/run.json")).expect("read"),
        before
    );
    run(home.path(), &["evaluate", "r", "--device", "cpu"])
        .code(4)
        .stderr(contains("another set"));
    // Named, they are evaluated, and said.
    run(
        home.path(),
        &["evaluate", "r", "--dataset", "./mine", "--device", "cpu"],
    )
    .code(0)
    .stderr(contains("not on the images it was trained on"));
    begin_anew(&home.path().join("r"));
    run(home.path(), &["train", "--resume", "r", "--device", "cpu"])
        .code(4)
        .stderr(contains("other images"));
}

#[test]
fn a_set_that_moved_is_found_where_it_is_named() {
    let home = home_with_run();
    let path = home.path();
    fs::create_dir(path.join("shelf")).expect("a folder");
    fs::rename(path.join("mine"), path.join("shelf/renamed")).expect("moved");
    run(path, &["evaluate", "r", "--device", "cpu"])
        .code(4)
        .stderr(contains("--dataset or --data-dir"));
    let accuracy = |arguments: &[&str]| {
        let output = run(
            path,
            &[&["evaluate", "r", "--json", "--device", "cpu"], arguments].concat(),
        )
        .code(0)
        .get_output()
        .stdout
        .clone();
        let found: Value = serde_json::from_slice(&output).expect("JSON");
        found["accuracy"].clone()
    };
    let recorded = json(&path.join("r/run.json"))["evaluation"]["accuracy"].clone();
    assert_eq!(accuracy(&["--dataset", "shelf/renamed"]), recorded);
    assert_eq!(accuracy(&["--data-dir", "shelf"]), recorded);
    run(
        path,
        &["train", "--resume", "r", "--epochs", "2", "--device", "cpu"],
    )
    .code(4)
    .stderr(contains("if they have moved"));
    run(
        path,
        &[
            "train",
            "--resume",
            "r",
            "--epochs",
            "2",
            "--dataset",
            "shelf/renamed",
            "--device",
            "cpu",
        ],
    )
    .code(0);
    let record = json(&path.join("r/run.json"));
    assert_eq!(record["epochs"].as_array().map(Vec::len), Some(2));
    // The settings name the new place, so that the next one needs no flag.
    run(
        path,
        &["train", "--resume", "r", "--epochs", "3", "--device", "cpu"],
    )
    .code(0);
}

/// The path's text differs, the images do not.
#[test]
fn the_same_command_with_resume_goes_on() {
    let home = home_with_run();
    let more = ["--dataset", "mine/", "--resume", "r", "--epochs", "2"];
    run(home.path(), &[TRAIN, &more].concat()).code(0);
}

#[test]
fn networks_of_different_sets_are_not_put_together() {
    let home = home_with_run();
    let path = home.path();
    let other = Written {
        seed: 3,
        ..Written::like_mnist(600, 100)
    };
    other.write(&path.join("other"));
    run(
        path,
        &[TRAIN, &["--dataset", "./other", "--out", "s"]].concat(),
    )
    .code(0);
    run(path, &["evaluate", "r", "s", "--device", "cpu"])
        .code(4)
        .stderr(contains("cannot be put together"));
    run(path, &["evaluate", "r", "r", "--device", "cpu"])
        .code(2)
        .stderr(contains("named twice"));
    // On images that are named they can.
    run(
        path,
        &[
            "evaluate",
            "r",
            "s",
            "--dataset",
            "./mine",
            "--device",
            "cpu",
        ],
    )
    .code(0);
}

#[test]
fn images_of_other_classes_are_refused() {
    let home = home_with_run();
    let path = home.path();
    let four = Written {
        classes: 4,
        ..Written::like_mnist(200, 40)
    };
    four.write(&path.join("four"));
    let evaluate = ["evaluate", "r", "--dataset", "./four", "--device", "cpu"];
    run(path, &evaluate).code(4).stderr(
        contains("0, 1, 2, 3, 4, 5, 6, 7, 8, 9")
            .and(contains("0, 1, 2, 3\n").or(contains("0, 1, 2, 3;"))),
    );
    // Ten classes cannot be counted against four, whoever asks for it.
    run(path, &[&evaluate[..], &["--other-images"]].concat()).code(4);
}

#[test]
fn descriptions_differ_by_contents_and_classes_alone() {
    let set = |name: &str, fingerprint: &str| SetDescription {
        fingerprint: fingerprint.into(),
        ..digits(name)
    };
    let one = set("mnist", "aaaaaaaaaa");
    assert_eq!(one.difference(&set("raw", "aaaaaaaaaa")), None);
    let other = one
        .difference(&set("mnist", "bbbbbbbbbb"))
        .expect("different");
    assert!(
        other.contains("aaaaaaaa") && other.contains("bbbbbbbb"),
        "{other}"
    );
    assert_eq!(
        one.difference(&set("mnist", "")),
        None,
        "an old file knows none"
    );
    let mut garments = set("mnist", "aaaaaaaaaa");
    garments.class_names[0] = "T-shirt/top".into();
    let classes = one.difference(&garments).expect("different");
    assert!(
        classes.contains("T-shirt/top") && classes.contains("0, 1, 2"),
        "{classes}"
    );
}

/// Other digits than those of the training would give another accuracy.
#[test]
fn evaluation_starts_from_the_data_settings_of_the_run() {
    let home = tempdir().expect("a folder");
    let path = home.path();
    let more = [
        "--dataset",
        "synthetic",
        "--seed",
        "5",
        "--train-limit",
        "500",
        "--tta",
        "1",
    ];
    run(path, &[TRAIN, &more, &["--out", "s"]].concat()).code(0);
    let output = run(path, &["evaluate", "s", "--json", "--device", "cpu"]).code(0);
    let found: Value = serde_json::from_slice(&output.get_output().stdout).expect("JSON");
    let recorded = &json(&path.join("s/run.json"))["evaluation"];
    assert_eq!(found["accuracy"], recorded["accuracy"]);
    assert_eq!(found["test_time_augmentation"]["shift"], 1);
}

#[test]
fn a_folder_that_nothing_is_looked_for_in_is_refused() {
    let home = home_with_run();
    let path = home.path();
    let refused = |arguments: &[&str]| {
        run(path, &[TRAIN, &["--out", "no"], arguments].concat())
            .code(2)
            .stderr(contains("nothing is looked for there"));
        assert!(!path.join("no").exists());
    };
    refused(&["--dataset", "./mine", "--data-dir", "mine"]);
    refused(&["--dataset", "synthetic", "--data-dir", "mine"]);
    refused(&["--config", "smoke", "--data-dir", "mine"]);
    // A variable is for every command; an empty one is none.
    for value in ["elsewhere", ""] {
        program(path)
            .env("GPU_MNIST_DATA_DIR", value)
            .args(TRAIN)
            .args(["--dataset", "./mine", "--out", &format!("yes{value}")])
            .assert()
            .code(0);
    }
}

#[test]
fn a_folder_called_like_a_known_set_does_not_bear_its_name() {
    let home = tempdir().expect("a folder");
    Written::like_mnist(600, 100).write(&home.path().join("mnist"));
    run(
        home.path(),
        &[TRAIN, &["--dataset", "./mnist", "--out", "r"]].concat(),
    )
    .code(0)
    .stdout(contains("on mnist").not());
    let record = json(&home.path().join("r/run.json"));
    assert_eq!(record["dataset"], "./mnist");
}

#[test]
fn a_report_of_several_runs_tells_sets_of_one_name_apart() {
    let home = home_with_run();
    let path = home.path();
    swap(path);
    run(
        path,
        &[TRAIN, &["--dataset", "./mine", "--out", "s"]].concat(),
    )
    .code(0);
    run(path, &["report", "r", "s", "--out", "both.html"]).code(0);
    let page = fs::read_to_string(path.join("both.html")).expect("a page");
    assert!(page.contains("different data sets"), "names decide");
}

#[test]
fn a_set_of_one_class_is_refused() {
    let home = tempdir().expect("a folder");
    let one = Written {
        classes: 1,
        ..Written::like_mnist(200, 40)
    };
    one.write(&home.path().join("one"));
    run(
        home.path(),
        &[TRAIN, &["--dataset", "./one", "--out", "r"]].concat(),
    )
    .code(2)
    .stderr(contains("a single class"));
    assert!(!home.path().join("r").exists());
}

#[test]
fn a_series_trains_what_is_gone_anew_and_on_its_own_images_alone() {
    let home = tempdir().expect("a folder");
    let path = home.path();
    Written::like_mnist(600, 100).write(&path.join("mine"));
    let series = ["--dataset", "./mine", "--seeds", "2", "--out", "two"];
    run(path, &[TRAIN, &series].concat()).code(0);
    fs::remove_dir_all(path.join("two/seed-1")).expect("removed");
    run(path, &["train", "--resume", "two", "--device", "cpu"])
        .code(0)
        .stderr(contains("seed-1 is gone, and trained anew"));
    assert!(path.join("two/seed-1/model.safetensors").is_file());
    swap(path);
    run(path, &["train", "--resume", "two", "--device", "cpu"])
        .code(4)
        .stderr(contains("other images"));
}
