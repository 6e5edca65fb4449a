//! `predict` end to end: accuracy on scaled pictures, bad files among good ones, its outputs.

use std::fs;
use std::path::Path;

use gpu_mnist::data::{Split, synthetic};

const SIDE: usize = synthetic::SHAPE.width;
use image::imageops::{self, FilterType};
use image::{GrayImage, Luma};
use predicates::str::contains;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{program, write_dataset};

/// A folder with `run`, trained on built-in digits for a second.
fn home_with_run() -> TempDir {
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 6000, 100);
    program(home.path())
        .args([
            "train",
            "--dataset",
            "digits",
            "--device",
            "cpu",
            "--out",
            "run",
        ])
        .args(["--set", "data.validation_size=0", "--epochs", "3"])
        .assert()
        .code(0);
    home
}

/// Picture `index` of `split`, black on white, scaled to 140 pixels on a page of 200.
fn save(split: &Split, index: usize, path: &Path) {
    let pixels: Vec<u8> = split
        .image(index)
        .expect("there")
        .iter()
        .map(|v| 255 - v)
        .collect();
    let small = GrayImage::from_vec(SIDE as u32, SIDE as u32, pixels).expect("28x28");
    let large = imageops::resize(&small, 140, 140, FilterType::CatmullRom);
    let mut page = GrayImage::from_pixel(200, 200, Luma([255]));
    imageops::replace(&mut page, &large, 30, 30);
    page.save(path).expect("written");
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON a line"))
        .collect()
}

#[test]
fn scaled_pictures_on_a_page_are_read() {
    let home = home_with_run();
    let split = synthetic::draw(7, 1, 100);
    for index in 0..100 {
        save(&split, index, &home.path().join(format!("{index:02}.png")));
    }
    let files = (0..100).map(|index| format!("{index:02}.png"));
    let output = program(home.path())
        .args(["predict", "--run", "run", "--device", "cpu", "--json"])
        .args(files)
        .assert()
        .code(0)
        .get_output()
        .clone();
    let answers = lines(&output.stdout);
    assert_eq!(answers.len(), 100);
    let right = answers
        .iter()
        .zip(&split.labels)
        .filter(|(answer, label)| answer["class"] == **label)
        .count();
    assert!(right >= 90, "{right} of 100");
    let top = answers[0]["top"].as_array().expect("a list");
    let probabilities: Vec<f64> = top
        .iter()
        .map(|guess| guess["probability"].as_f64().expect("a number"))
        .collect();
    assert_eq!(probabilities.len(), 3);
    assert!(probabilities.is_sorted_by(|a, b| a >= b));
    assert!(probabilities.iter().sum::<f64>() <= 1.0 + 1e-9);
}

#[test]
fn a_bad_file_among_good_ones_is_reported_and_the_others_are_done() {
    let home = home_with_run();
    let split = synthetic::draw(7, 1, 2);
    save(&split, 0, &home.path().join("good.png"));
    save(&split, 1, &home.path().join("fine.png"));
    fs::write(home.path().join("bad.png"), b"no picture").expect("written");
    let predict = ["predict", "--run", "run", "--device", "cpu"];
    let files = ["good.png", "bad.png", "nowhere.png", "fine.png"];
    let output = program(home.path())
        .args(predict)
        .args(files)
        .arg("--json")
        .assert()
        .code(1)
        .stderr(contains("bad.png: no PNG, JPEG"))
        .stderr(contains("nowhere.png: could not be read"))
        .stderr(contains("2 of 4 pictures"))
        .get_output()
        .clone();
    let answers = lines(&output.stdout);
    let named: Vec<&str> = answers
        .iter()
        .filter_map(|line| line["file"].as_str())
        .collect();
    assert_eq!(named, files);
    assert!(answers[1]["error"].is_string() && answers[2]["error"].is_string());
    assert!(answers[3]["class"].is_u64());

    let bytes = fs::read(home.path().join("good.png")).expect("read");
    let shown = program(home.path())
        .args(predict)
        .args(["-", "--show"])
        .write_stdin(bytes)
        .assert()
        .code(0)
        .stdout(contains("stdin: "))
        .get_output()
        .clone();
    let text = String::from_utf8(shown.stdout).expect("text");
    assert_eq!(text.lines().count(), 1 + SIDE);
    assert!(text.contains('█') && !text.contains('\x1b'), "{text}");
    program(home.path())
        .args(["predict", "good.png"])
        .assert()
        .code(4)
        .stderr(contains("runs: no run with weights yet"));
}
