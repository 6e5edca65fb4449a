//! Reports: every part is on the page, nothing is fetched, and what is missing is said.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::time::Duration;

use gpu_mnist::data::synthetic::CLASSES;
use gpu_mnist::evaluation::probabilities::log_softmax;
use gpu_mnist::evaluation::worst::{Verdict, verdicts, worst};
use gpu_mnist::report::page;
use gpu_mnist::report::record::Record;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{program, write_dataset};

fn written(folder: &Path, files: &[(&str, String)]) {
    fs::create_dir_all(folder).expect("made");
    for (name, text) in files {
        fs::write(folder.join(name), text).expect("written");
    }
}

/// `run.json` of a run that was killed, on a device and a data set of this name.
fn killed(name: &str) -> String {
    let device = json!({
        "kind": "cpu", "name": name, "api": "none", "driver": name, "adapter_type": "cpu",
    });
    let run = json!({
        "run": "here", "started": "2026-11-24T00:00:00Z", "dataset": name, "device": device,
        "kernels": "fused", "seed": 0, "version": name, "parameters": 1, "epochs": [],
        "steps": 0, "train_seconds": 0.0, "images_per_second": 0.0,
        "step_ms": {"first": 0.0, "median": 0.0, "p10": 0.0, "p90": 0.0},
        "ending": null, "weights": null, "last_weights": null, "evaluation": null,
    });
    run.to_string()
}

fn epoch(number: usize, loss: f64) -> String {
    let record = json!({
        "kind": "epoch", "epoch": number, "step": number * 10, "train_loss": loss,
        "train_accuracy": 0.9, "valid_loss": null, "valid_accuracy": null, "seconds": 1.0,
    });
    format!("{record}\n")
}

#[test]
fn train_leaves_a_page_that_needs_nothing_else() {
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 600, 100);
    for out in ["one", "two"] {
        program(home.path())
            .args([
                "train",
                "--dataset",
                "digits",
                "--device",
                "cpu",
                "--out",
                out,
            ])
            .args(["--set", "data.validation_size=100", "--epochs", "2"])
            .assert()
            .code(0);
    }
    let run = home.path().join("one");
    let page = fs::read_to_string(run.join("report.html")).expect("a page");
    for part in [
        "What is read as what",
        "The most frequent confusions",
        "The 25 worst test images",
        "95 % interval (Wilson)",
        "ROC AUC, mean of classes",
        "How far to trust its confidence",
        "gpu-mnist train --dataset digits --device cpu",
        "Mistakes of each class",
        "Device and timings",
        "Settings",
        "prefers-color-scheme: dark",
        "width=device-width",
        "training.learning_rate",
    ] {
        assert!(page.contains(part), "{part} is missing");
    }
    let list = |name: &str| -> Vec<Value> {
        let text = fs::read_to_string(run.join(name)).expect("read");
        serde_json::from_str(&text).expect("JSON")
    };
    let (worst, misread) = (list("worst.json"), list("misread.json"));
    assert_eq!(worst.len(), 25);
    assert!(!misread.is_empty());
    let images = page.matches("data:image/png;base64,").count();
    assert_eq!(images, worst.len() + misread.len());
    // A click on a mistake leads to its images: the cell, a target for it, a rule that shows them.
    let mut cells: BTreeMap<(u64, u64), usize> = BTreeMap::new();
    for image in worst.iter().chain(&misread) {
        let of = |key: &str| image[key].as_u64().expect("a class");
        *cells.entry((of("label"), of("predicted"))).or_default() += 1;
    }
    for ((label, predicted), held) in cells {
        let id = format!("cell-{label}-{predicted}");
        for part in [
            format!("<a href=\"#{id}\"><g class="),
            format!(
                "<p class=\"only\" id=\"{id}\"><b>{label}</b> read as <b>{predicted}</b>: {held}"
            ),
            format!("#{id}:target ~ ol.worst li.{id} {{ display: flex }}"),
        ] {
            assert!(page.contains(&part), "{part}");
        }
        let shown = page.matches(&format!("<li class=\"{id}")).count();
        assert_eq!(shown, held, "{id}");
    }
    // The epoch whose weights were kept, the layers and what they hold.
    let record: Value =
        serde_json::from_str(&fs::read_to_string(run.join("run.json")).expect("read"))
            .expect("JSON");
    let kept = record["weights"]["epoch"].as_u64().expect("an epoch");
    assert!(page.contains(&format!("<tr class=\"kept\"><td>{kept} (kept)</td>")));
    for row in [
        "<td class=\"text\">convolution = 24, kernel = 5, pool = 2</td><td>12x12x24</td><td>624</td>",
        "<td class=\"text\">convolution = 32, kernel = 3, pool = 2</td><td>5x5x32</td>",
        "<td class=\"text\">linear = 10, the classes</td><td>10</td>",
    ] {
        assert!(page.contains(row), "{row}");
    }
    // What was set comes first, the defaults are folded.
    let place = |part: &str| {
        page.find(part)
            .unwrap_or_else(|| panic!("{part} is missing"))
    };
    let folded = place("The other settings, all as the defaults are");
    assert!(place("<code>data.validation_size</code>") < folded);
    assert!(folded < place("<code>training.learning_rate</code>"));
    // The matrix, the calibration and two charts.
    assert_eq!(page.matches("<svg ").count(), 4);
    assert_eq!(page.matches("</svg>").count(), 4);
    let addresses = page.matches("http").count();
    let namespaces = page.matches("http://www.w3.org/2000/svg").count();
    assert_eq!(addresses, namespaces, "the page refers to the network");
    assert!(!page.contains("<script"), "the page needs no script");
    for picture in ["confusion.svg", "curves.svg"] {
        let svg = fs::read_to_string(run.join(picture)).expect("a picture");
        assert!(!svg.contains("<a "), "{picture} leads nowhere");
        assert!(svg.starts_with("<svg ") && svg.trim_end().ends_with("</svg>"));
    }
    let evaluation = fs::read_to_string(run.join("evaluation.json")).expect("read");
    let evaluation: serde_json::Value = serde_json::from_str(&evaluation).expect("JSON");
    for (truth, row) in evaluation["confusion"]
        .as_array()
        .expect("rows")
        .iter()
        .enumerate()
    {
        for (predicted, count) in row.as_array().expect("counts").iter().enumerate() {
            let cell = format!("<title>{truth} read as {predicted}: {count}</title>");
            assert!(page.contains(&cell), "{cell}");
        }
    }

    // As `runs/latest` is on a system without links.
    fs::write(home.path().join("latest"), "one").expect("written");
    fs::remove_file(run.join("report.html")).expect("removed");
    program(home.path())
        .args(["report", "latest"])
        .assert()
        .code(0)
        .stdout(contains("report.html"));
    assert_eq!(
        fs::read_to_string(run.join("report.html")).expect("again"),
        page
    );
    program(home.path())
        .args(["report", "one", "two"])
        .assert()
        .code(0)
        .stdout("comparison.html\n");
    let comparison = fs::read_to_string(home.path().join("comparison.html")).expect("a page");
    for part in [
        "2 runs compared",
        "Recall of each class",
        "<th>one</th><th>two</th>",
        "Validation after each epoch",
        "What <code>two</code> reads as what",
    ] {
        assert!(comparison.contains(part), "{part}");
    }
    program(home.path())
        .args(["report", "one", "nowhere"])
        .assert()
        .code(4)
        .stderr(contains("nowhere: no run here"));
    // A run that is named twice is one; a page of this program gives way, and no other.
    program(home.path())
        .args(["report", "one", "two", "./one"])
        .assert()
        .code(0)
        .stdout("comparison.html\n")
        .stderr(
            contains("./one: named twice, so it is taken once")
                .and(contains("comparison.html: replaced")),
        );
    let again = fs::read_to_string(home.path().join("comparison.html")).expect("a page");
    assert_eq!(again, comparison);
    program(home.path())
        .args(["report", "one", "one"])
        .assert()
        .code(0)
        .stdout(contains("report.html"));
    fs::write(home.path().join("comparison.html"), "<p>mine</p>").expect("written");
    program(home.path())
        .args(["report", "one", "two"])
        .assert()
        .code(2)
        .stderr(contains(
            "comparison.html is there already, and gpu-mnist did not write it",
        ));
    program(home.path())
        .args(["report", "one", "two", "--out", "comparison.html"])
        .assert()
        .code(0);
}

#[test]
fn a_killed_run_with_a_cut_line_has_a_page() {
    let home = tempdir().expect("a folder");
    let step = json!({
        "kind": "step", "epoch": 1, "step": 5, "loss": 2.3, "accuracy": 0.1, "learning_rate": 0.1,
    });
    let metrics = format!("{step}\n{}{}", epoch(1, 0.5), "{\"kind\": \"epoch\", \"ep");
    written(home.path(), &[("run.json", killed("digits"))]);
    let text = page::run(&Record::read(home.path()).expect("a record")).expect("a page");
    assert!(text.contains("No epoch was finished"));
    written(home.path(), &[("metrics.jsonl", metrics)]);
    let record = Record::read(home.path()).expect("a record");
    assert_eq!((record.epochs.len(), record.steps.len()), (1, 1));
    let text = page::run(&record).expect("a page");
    assert!(text.contains("Not evaluated") && text.matches("<svg ").count() == 2);
    assert!(page::comparison(&[record.clone(), record], &[]).is_ok());
}

/// Curves that are called validation are of validation images, and runs are called by their folders.
#[test]
fn a_comparison_says_whose_curves_are_there() {
    let home = tempdir().expect("a folder");
    let validated = |number: usize| {
        let mut record: Value = serde_json::from_str(&epoch(number, 0.5)).expect("JSON");
        record["valid_loss"] = json!(0.4);
        record["valid_accuracy"] = json!(0.8);
        format!("{record}\n")
    };
    let read = |folder: &str, metrics: String| {
        let run = home.path().join(folder);
        written(
            &run,
            &[("run.json", killed("digits")), ("metrics.jsonl", metrics)],
        );
        Record::read(&run).expect("a record")
    };
    let [with, other] = ["a/with", "b/with"].map(|run| read(run, validated(1) + &validated(2)));
    let without = read("without", epoch(1, 0.5) + &epoch(2, 0.3));
    let page = page::comparison(&[with.clone(), without.clone()], &[]).expect("a page");
    assert!(page.contains("Validation after each epoch"));
    assert!(page.contains("Not here, without validation images: without."));
    // A line of one run alone: two points in each of the charts.
    assert_eq!(page.matches("<circle").count(), 4);
    let page = page::comparison(&[without.clone(), without], &[]).expect("a page");
    assert!(page.contains("Training images after each epoch") && page.contains("here (2)"));
    assert_eq!(page.matches("<circle").count(), 8);
    let page = page::comparison(&[with, other], &[]).expect("a page");
    assert!(
        page.contains("<th>here (1)</th><th>here (2)</th>"),
        "told apart"
    );
}

#[test]
fn names_cannot_break_out_of_the_page() {
    let home = tempdir().expect("a folder");
    let hostile = "<script>alert(1)</script>";
    written(
        home.path(),
        &[
            ("run.json", killed(hostile)),
            ("metrics.jsonl", epoch(1, 0.5)),
            ("settings.toml", format!("[data]\nset = \"{hostile}\"\n")),
        ],
    );
    let record = Record::read(home.path()).expect("a record");
    for text in [
        page::run(&record).expect("a page"),
        page::comparison(&[record.clone(), record], &[]).expect("a page"),
    ] {
        assert!(!text.contains("<script"));
        assert!(text.contains("&lt;script&gt;"));
    }
}

#[test]
fn what_is_no_run_says_so() {
    let home = tempdir().expect("a folder");
    let refused = |folder: &Path| Record::read(folder).expect_err("no run").to_string();
    assert!(refused(home.path()).contains("it holds no run.json"));
    written(home.path(), &[("run.json", "{".into())]);
    assert!(refused(home.path()).contains("its run.json is damaged"));
}

#[test]
fn the_worst_images_come_first() {
    let logits = |truth: f32, other: f32| {
        let mut logits = vec![-50.0; CLASSES];
        (logits[3], logits[5]) = (truth, other);
        log_softmax(&logits)
    };
    let scores = [
        logits(9.0, 0.0),
        logits(0.0, 9.0),
        logits(0.0, 4.0),
        vec![f64::NAN; CLASSES],
    ];
    let found = worst(verdicts(&scores, &[3; 4]), 3);
    let order: Vec<usize> = found.iter().map(|verdict| verdict.index).collect();
    assert_eq!(order, [3, 1, 2]);
    assert_eq!((found[1].label, found[1].predicted), (3, 5));
    // Records of earlier versions have another word for the label.
    let written = serde_json::to_string(&found[1]).expect("written");
    let before = written.replace("\"label\"", "\"truth\"");
    let read: Verdict = serde_json::from_str(&before).expect("read");
    assert_eq!(read.label, found[1].label);
    let confidence = 1.0 / (1.0 + (-9f64).exp());
    assert!((found[1].confidence - confidence).abs() < 1e-12);
    assert!((found[1].loss - (9.0 - confidence.ln())).abs() < 1e-12);
}

/// An epoch of no steps puts its points at infinity, where the chart library never ends.
#[test]
fn a_record_that_no_axis_can_hold_has_a_page() {
    let folder = tempdir().expect("a folder");
    let step = json!({
        "kind": "step", "epoch": 1, "step": 18, "loss": 2.2, "accuracy": 0.1, "learning_rate": 0.001,
    });
    for (steps, accuracy) in [(0, 0.5), (10, 1e308), (10, -1e308), (10, 1e12)] {
        let epoch = json!({
            "kind": "epoch", "epoch": 1, "step": steps, "train_loss": accuracy,
            "train_accuracy": accuracy, "valid_loss": null, "valid_accuracy": 0.5, "seconds": 1.0,
        });
        let metrics = format!("{step}\n{epoch}\n");
        let run = folder.path().join("run");
        written(
            &run,
            &[("run.json", killed("here")), ("metrics.jsonl", metrics)],
        );
        program(folder.path())
            .arg("report")
            .arg(&run)
            .timeout(Duration::from_secs(60))
            .assert()
            .success();
    }
}

/// Relative luminance of `#rrggbb` (WCAG 2.2).
fn luminance(colour: &str) -> f64 {
    let channel = |at: usize| {
        let byte = u8::from_str_radix(&colour[at..at + 2], 16).expect("hexadecimal");
        let share = f64::from(byte) / 255.0;
        match share <= 0.04045 {
            true => share / 12.92,
            false => ((share + 0.055) / 1.055).powf(2.4),
        }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

/// The fill of the last rule of `style` for `element` in cells of `class`.
fn fill<'a>(style: &'a str, class: &str, element: &str) -> Option<&'a str> {
    let selector = format!(".confusion .{class} {element}");
    let rules = style.split('}').filter_map(|rule| rule.split_once('{'));
    rules
        .filter(|(selectors, _)| selectors.split(',').any(|one| one.trim() == selector))
        .filter_map(|(_, rule)| rule.split_once("fill: "))
        .map(|(_, rest)| &rest[..7])
        .next_back()
}

#[test]
fn every_count_of_the_heat_map_can_be_read_in_either_scheme() {
    let template = include_str!("../../src/report/templates/confusion.svg.j2");
    let (light, dark) = template
        .split_once("@media (prefers-color-scheme: dark) {")
        .expect("a dark scheme");
    for (scheme, style) in [("light", light), ("dark", dark)] {
        for class in [
            "right", "wrong1", "wrong2", "wrong3", "wrong4", "wrong5", "wrong6",
        ] {
            let found = |element| fill(style, class, element).expect("a rule for the class");
            let (back, ink) = (luminance(found("rect")), luminance(found("text")));
            let contrast = (back.max(ink) + 0.05) / (back.min(ink) + 0.05);
            assert!(contrast >= 4.5, "{scheme} {class}: {contrast:.2}");
        }
    }
}
