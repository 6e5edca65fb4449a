//! The program end to end: its output, its files, its exit codes.

use std::fs;
use std::path::Path;

use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{adapter_or_skip, program, write_dataset};

fn home_with_data() -> TempDir {
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 600, 100);
    home
}

const TRAIN: &[&str] = &[
    "train",
    "--dataset",
    "digits",
    "--set",
    "data.validation_size=100",
    "--set",
    "model.layers=[{convolution=24,kernel=5,pool=2},{convolution=32,kernel=3,pool=2},{linear=32}]",
    "--out",
    "run",
];

fn json(bytes: &[u8]) -> Value {
    serde_json::from_slice(bytes).expect("JSON on stdout")
}

#[test]
fn train_writes_a_run_that_evaluate_reads() {
    let home = home_with_data();
    let train = program(home.path())
        .args(TRAIN)
        .args(["--device", "cpu", "--epochs", "2", "--json"])
        .assert()
        .code(0)
        .get_output()
        .clone();
    let report = json(&train.stdout);
    assert_eq!(report["device"]["kind"], "cpu");
    assert_eq!(report["epochs"].as_array().map(Vec::len), Some(2));
    assert_eq!(report["steps"], 4);
    assert_eq!(report["evaluation"]["total"], 100);
    for key in [
        "run",
        "dataset",
        "kernels",
        "seed",
        "parameters",
        "train_seconds",
    ] {
        assert!(!report[key].is_null(), "{key} is missing");
    }
    assert!(report["step_ms"]["median"].as_f64().expect("a number") > 0.0);
    let run = home.path().join("run");
    for file in [
        "settings.toml",
        "metrics.jsonl",
        "model.safetensors",
        "last.safetensors",
        "checkpoints/step-00000004.safetensors",
        "evaluation.json",
        "run.json",
    ] {
        assert!(run.join(file).is_file(), "{file} is missing");
    }
    let metrics = fs::read_to_string(run.join("metrics.jsonl")).expect("read");
    assert_eq!(metrics.matches("\"kind\":\"epoch\"").count(), 2);
    assert_eq!(metrics.matches("\"kind\":\"step\"").count(), 2);

    let evaluate = program(home.path())
        .args([
            "evaluate",
            "run",
            "--dataset",
            "digits",
            "--device",
            "cpu",
            "--json",
        ])
        .assert()
        .code(0)
        .get_output()
        .clone();
    assert_eq!(json(&evaluate.stdout), report["evaluation"]);
    program(home.path())
        .args(["evaluate", "run", "--dataset", "digits", "--device", "cpu"])
        .assert()
        .code(0)
        .stdout(contains("Confusion matrix"));

    program(home.path())
        .args(TRAIN)
        .args(["--device", "cpu"])
        .assert()
        .code(2)
        .stderr(contains("already holds a run"));
}

#[test]
fn train_on_the_adapter_names_it() {
    if adapter_or_skip("train_on_the_adapter_names_it").is_none() {
        return;
    }
    let home = home_with_data();
    let output = program(home.path())
        .args(TRAIN)
        .args([
            "--device",
            "gpu",
            "--json",
            "--set",
            "model.layers=[{convolution=4,kernel=5,pool=2},{convolution=32,kernel=3,pool=2}]",
        ])
        .assert()
        .code(0)
        .get_output()
        .clone();
    let report = json(&output.stdout);
    assert_eq!(report["device"]["kind"], "gpu");
    assert_eq!(report["evaluation"]["total"], 100);
}

#[test]
fn no_driver_and_no_such_adapter_exit_3() {
    let home = home_with_data();
    program(home.path())
        .args(TRAIN)
        .args(["--device", "gpu", "--api", "vulkan"])
        .env("VK_DRIVER_FILES", "/nonexistent")
        .env("VK_ICD_FILENAMES", "/nonexistent")
        .assert()
        .code(3)
        .stderr(contains("no GPU adapter found"));
    assert!(!home.path().join("run").exists());
    program(home.path())
        .args(TRAIN)
        .args(["--adapter", "nonsense"])
        .assert()
        .code(3);
}

#[test]
fn damaged_files_exit_4_and_name_the_file() {
    type Damage = fn(&mut Vec<u8>);
    let damages: [(&str, &str, Damage); 4] = [
        ("train-images-idx3-ubyte", "too short", |bytes| {
            bytes.truncate(5000)
        }),
        ("train-images-idx3-ubyte", "float", |bytes| bytes[2] = 0x0d),
        ("t10k-labels-idx1-ubyte", "too short", |bytes| {
            bytes.truncate(50)
        }),
        ("t10k-images-idx3-ubyte", "0 bytes", Vec::clear),
    ];
    for (file, fault, damage) in damages {
        let home = home_with_data();
        let path = home.path().join("digits").join(file);
        let mut bytes = fs::read(&path).expect("read");
        damage(&mut bytes);
        fs::write(&path, bytes).expect("written");
        let output = program(home.path())
            .args(TRAIN)
            .args(["--device", "cpu"])
            .assert()
            .code(4)
            .get_output()
            .clone();
        let text = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(
            text.contains(file) && text.contains(fault),
            "{fault}: {text}"
        );
        assert!(!text.contains("panicked"), "{text}");
        assert!(!home.path().join("run").exists());
    }
}

#[test]
fn wrong_usage_exits_2() {
    let home = tempdir().expect("a folder");
    for arguments in [
        &["train", "--set", "training.epoch=1"][..],
        &["train", "--epochs", "0"],
        &["train", "--config", "nowhere.toml"],
        &["train", "--device", "tpu"],
        &["data", "fetch", "--mirror", "ftp://example.org/"],
    ] {
        program(home.path()).args(arguments).assert().code(2);
    }
    program(home.path())
        .args(["evaluate", "nowhere", "--device", "cpu"])
        .assert()
        .code(4);
}

#[test]
fn config_shows_values_and_origins() {
    let home = tempdir().expect("a folder");
    let output = program(home.path())
        .args(["config", "--config", "smoke", "--seed", "9", "--json"])
        .assert()
        .code(0)
        .get_output()
        .clone();
    let settings = &json(&output.stdout)["settings"];
    assert_eq!(settings["seed"]["value"], 9);
    assert_eq!(settings["seed"]["origin"], "--seed");
    assert_eq!(settings["data.set"]["origin"], "preset smoke");
    assert_eq!(settings["training.epochs"]["origin"], "default");
}

#[test]
fn devices_always_lists_the_cpu() {
    let home = tempdir().expect("a folder");
    let output = program(home.path())
        .args(["devices", "--json"])
        .assert()
        .code(0)
        .get_output()
        .clone();
    let found = json(&output.stdout);
    assert_eq!(found["cpu"]["kind"], "cpu");
    assert!(found["chosen"]["reason"].is_string());
}

#[test]
fn data_list_and_verify_speak_of_what_is_missing() {
    let home = tempdir().expect("a folder");
    program(home.path())
        .args(["data", "list", "--data-dir", "here"])
        .assert()
        .code(0)
        .stdout(contains("not there"));
    program(home.path())
        .args(["data", "verify", "mnist", "--data-dir", "here"])
        .assert()
        .code(4)
        .stderr(contains("data fetch mnist"));
}

#[cfg(unix)]
#[test]
fn an_interrupt_saves_the_weights_and_exits_130() {
    let home = home_with_data();
    let mut child = std::process::Command::new(env!("CARGO_BIN_EXE_gpu-mnist"))
        .current_dir(home.path())
        .args(TRAIN)
        .args(["--device", "cpu", "--epochs", "100000"])
        .env("HOME", home.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .expect("started");
    let metrics = home.path().join("run/metrics.jsonl");
    wait_for(&metrics);
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(signalled.success());
    assert_eq!(child.wait().expect("ended").code(), Some(130));
    assert!(home.path().join("run/model.safetensors").is_file());
    program(home.path())
        .args(["evaluate", "run", "--dataset", "digits", "--device", "cpu"])
        .assert()
        .code(0);
}

#[cfg(unix)]
fn wait_for(path: &Path) {
    for _ in 0..600 {
        if path.is_file() {
            return;
        }
        std::thread::sleep(std::time::Duration::from_millis(100));
    }
    panic!("{} did not appear within 60 s", path.display());
}

#[test]
fn data_show_draws_training_pictures_beside_distorted_ones() {
    let home = home_with_data();
    let show = |more: &[&str]| {
        program(home.path())
            .args(["data", "show", "--dataset", "digits", "--rows", "4"])
            .args(["--versions", "2"])
            .args(more)
            .assert()
    };
    let sheet = || {
        let picture = image::open(home.path().join("sheet.png")).expect("a picture");
        picture.into_luma8()
    };
    // The centre of a cell: a gap of 6, then 28 pixels of 3 each, a gap between all.
    let cell = |sheet: &image::GrayImage, row: u32, column: u32| -> Vec<u8> {
        let left = column * 90 + if column == 0 { 6 } else { 12 };
        (0..784)
            .map(|at| {
                sheet
                    .get_pixel(left + at % 28 * 3 + 1, row * 90 + 6 + at / 28 * 3 + 1)
                    .0[0]
            })
            .collect()
    };
    show(&["--out", "sheet.png"])
        .code(0)
        .stderr(contains("distort nothing"))
        .stdout(contains("sheet.png: 4 training images of digits"));
    let plain = sheet();
    assert_eq!(plain.dimensions(), (3 * 90 + 12, 4 * 90 + 6));
    let original = cell(&plain, 2, 0);
    assert!(original.iter().any(|&value| value > 200));
    assert!(cell(&plain, 2, 1) == original && cell(&plain, 3, 0) != original);
    // The set may be named as `data verify` takes it.
    program(home.path())
        .args(["data", "show", "digits", "--rows", "1", "--versions", "1"])
        .assert()
        .code(0)
        .stdout(contains(
            "1 training image of digits, each beside 1 version of it",
        ));

    let more = ["--set", "augment.elastic=5", "--json", "--out", "sheet.png"];
    let shown = show(&more).code(0);
    let shown = json(&shown.get_output().stdout);
    assert_eq!(shown["images"].as_array().map(Vec::len), Some(4));
    let bent = sheet();
    assert!(cell(&bent, 2, 0) == original);
    assert!(cell(&bent, 2, 1) != original && cell(&bent, 2, 2) != cell(&bent, 2, 1));

    show(&["--out", "nowhere/sheet.png"])
        .code(1)
        .stderr(contains("name another file"));
    show(&["--set", "augment.scale=1"])
        .code(2)
        .stderr(contains("'augment.scale' = 1.0"));
}

/// A folder of images is trained with the preset `small`, which shifts and mirrors.
#[test]
fn data_show_distorts_as_a_training_would_where_nothing_is_chosen() {
    let home = tempdir().expect("a folder");
    for class in ["left", "right"] {
        let folder = home.path().join("mine").join(class);
        std::fs::create_dir_all(&folder).expect("made");
        for number in 0..12u32 {
            let pixel = |x: u32, y: u32| image::Rgb([(9 * x) as u8, (7 * y) as u8, number as u8]);
            let drawn = image::RgbImage::from_fn(20, 20, pixel);
            let file = folder.join(format!("{number}.png"));
            drawn.save(file).expect("written");
        }
    }
    let show = |more: &[&str]| {
        let mut command = program(home.path());
        command.args(["data", "show", "mine", "--rows", "1"]);
        command.args(more).assert().code(0)
    };
    show(&[])
        .stderr(contains("preset small: as `train` distorts"))
        .stderr(contains("distort nothing").not());
    show(&["--config", "default"]).stderr(contains("distort nothing"));
}
