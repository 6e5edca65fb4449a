//! `train --seeds` and `--ensemble`: statistics, the ensemble, what is kept, and the commands that read it.

use std::fs;
use std::path::Path;

use assert_cmd::assert::Assert;
use gpu_mnist::report::look::Look;
use gpu_mnist::report::seeds::seeds;
use gpu_mnist::runs::seeds_record::{SeedsRecord, Statistics};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::{home_with_digits, program};

const TRAIN: &[&str] = &[
    "train",
    "--device",
    "cpu",
    "--dataset",
    "digits",
    "--set",
    "data.validation_size=100",
    "--set",
    "training.batch_size=64",
    "--epochs",
    "2",
];

fn run(home: &Path, arguments: &[&str]) -> Assert {
    program(home).args(arguments).assert()
}

fn printed(assert: &Assert) -> Value {
    serde_json::from_slice(&assert.get_output().stdout).expect("JSON")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("read")).expect("JSON")
}

#[test]
fn statistics_are_those_of_a_sample() {
    let found = Statistics::of(&[2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]).expect("some");
    assert_eq!((found.count, found.mean), (8, 5.0));
    // The squares add up to 32, over n - 1 = 7.
    let deviation = found.standard_deviation.expect("more than one");
    assert!((deviation - (32.0f64 / 7.0).sqrt()).abs() < 1e-12);
    assert_eq!((found.min, found.max), (2.0, 9.0));
    let one = Statistics::of(&[3.0]).expect("one");
    assert_eq!((one.mean, one.standard_deviation), (3.0, None));
    assert_eq!(Statistics::of(&[]), None);
}

/// Names of the fields, those of lists by their first entry.
fn keys(value: &Value, prefix: &str, found: &mut Vec<String>) {
    match value {
        Value::Object(entries) => {
            for (key, value) in entries {
                let name = format!("{prefix}{key}");
                found.push(name.clone());
                keys(value, &format!("{name}."), found);
            }
        }
        Value::Array(entries) => {
            if let Some(first) = entries.first() {
                keys(first, prefix, found);
            }
        }
        _ => {}
    }
}

#[test]
fn seeds_are_full_runs_with_statistics() {
    let home = home_with_digits();
    let home = home.path();
    let more = &["--seeds", "3", "--seed", "4", "--out", "several", "--json"];
    let aim = &["--target-accuracy", "0.2"];
    let assert = run(home, &[TRAIN, more, aim].concat()).code(0);
    let said = text(&assert.get_output().stderr);
    assert_eq!(said.matches("INFO seed ").count(), 3, "{said}");
    assert!(
        said.contains("seed 5 (2 of 3): test accuracy") && !said.contains("epoch 1/"),
        "{said}"
    );
    // The device and the pictures once.
    assert_eq!(said.matches("device: cpu").count(), 1, "{said}");
    assert_eq!(said.matches("INFO data: digits\n").count(), 1, "{said}");
    assert_eq!(said.matches("INFO data: IDX: ").count(), 1, "{said}");
    let found = printed(&assert);
    assert_eq!(found, read(&home.join("several/seeds.json")));
    let mut names = Vec::new();
    keys(&found, "", &mut names);
    insta::assert_snapshot!("keys", names.join("\n"));
    assert_eq!(found["seeds"], json!([4, 5, 6]));
    assert!(
        found["selection"]
            .as_str()
            .expect("text")
            .contains("read once a run")
    );
    let runs = found["runs"].as_array().expect("runs");
    assert_eq!(runs.len(), 3);
    for entry in runs {
        let folder = home
            .join("several")
            .join(entry["run"].as_str().expect("a name"));
        let record = read(&folder.join("run.json"));
        assert_eq!(entry["seed"], record["seed"]);
        assert_eq!(entry["accuracy"], record["evaluation"]["accuracy"]);
        assert_eq!(entry["train_seconds"], record["train_seconds"]);
        assert!(entry["seconds"].as_f64() > entry["train_seconds"].as_f64());
        for file in [
            "report.html",
            "worst.json",
            "settings.toml",
            "metrics.jsonl",
        ] {
            assert!(folder.join(file).is_file(), "{file}");
        }
    }
    let accuracies: Vec<f64> = runs
        .iter()
        .map(|run| run["accuracy"].as_f64().expect("a number"))
        .collect();
    let expected = Statistics::of(&accuracies).expect("some");
    let kept: SeedsRecord = serde_json::from_value(found.clone()).expect("a record");
    assert_eq!(kept.statistics.accuracy, Some(expected));
    let errors = kept.statistics.errors.expect("some").mean;
    assert!((errors - 100.0 * (1.0 - expected.mean)).abs() < 1e-9);
    let time = kept.time_to_accuracy.expect("a target");
    let reached = kept
        .runs
        .iter()
        .filter(|run| run.epochs == 1 || run.valid_accuracy >= Some(0.2));
    assert_eq!((time.reached, time.runs), (reached.count(), 3));
    assert!(time.reached > 0);

    // Each is the run that its seed alone gives.
    run(
        home,
        &[
            TRAIN,
            aim,
            // All runs of a series hold the same images out: those of its first seed.
            &[
                "--seed",
                "5",
                "--set",
                "data.split_seed=4",
                "--out",
                "alone",
            ],
        ]
        .concat(),
    )
    .code(0);
    assert_eq!(
        read(&home.join("alone/run.json"))["weights"],
        read(&home.join("several/seed-5/run.json"))["weights"]
    );
    run(home, &["train", "--resume", "several/seed-5"])
        .code(0)
        .stdout(contains("Confusion matrix"));
    run(
        home,
        &["export", "several", "--format", "onnx", "--device", "cpu"],
    )
    .code(0)
    .stderr(contains("taking seed ").and(contains("the best on the validation images")));
    run(home, &[TRAIN, &["--out", "several"]].concat())
        .code(2)
        .stderr(contains("already holds runs of several seeds"));
}

/// What evaluate says of each picture: truth and probabilities.
fn probabilities(home: &Path, run_folder: &str) -> Vec<(usize, Vec<f64>)> {
    run(
        home,
        &[
            "evaluate",
            run_folder,
            "--dataset",
            "digits",
            "--device",
            "cpu",
            "--predictions",
            "p.csv",
        ],
    )
    .code(0);
    let mut reader = csv::Reader::from_path(home.join("p.csv")).expect("CSV");
    let row = |row: csv::StringRecord| {
        let powers: Vec<f64> = row
            .iter()
            .skip(5)
            .map(|logit| logit.parse::<f64>().expect("a logit").exp())
            .collect();
        let sum: f64 = powers.iter().sum();
        (
            row[1].parse().expect("a class"),
            powers.iter().map(|power| power / sum).collect(),
        )
    };
    reader
        .records()
        .map(|found| row(found.expect("a row")))
        .collect()
}

#[test]
fn a_vote_is_evaluated_apart_and_again() {
    let home = home_with_digits();
    let home = home.path();
    let assert = run(
        home,
        &[TRAIN, &["--ensemble", "3", "--out", "vote", "--json"]].concat(),
    )
    .code(0);
    let found = printed(&assert);
    let vote = &found["ensemble"];
    assert_eq!(
        (&vote["networks"], &vote["total"]),
        (&json!(3), &json!(100))
    );
    assert_eq!(vote["classes"].as_array().map(Vec::len), Some(10));
    assert_eq!(vote["test_time_augmentation"], Value::Null);

    let networks: Vec<_> = (0..3)
        .map(|seed| probabilities(home, &format!("vote/seed-{seed}")))
        .collect();
    let (mut correct, mut loss) = (0, 0.0);
    for picture in 0..100 {
        let truth = networks[0][picture].0;
        let mean: Vec<f64> = (0..10)
            .map(|class| networks.iter().map(|of| of[picture].1[class]).sum::<f64>() / 3.0)
            .collect();
        let best = (0..10)
            .max_by(|&a, &b| mean[a].total_cmp(&mean[b]))
            .expect("ten");
        correct += usize::from(best == truth);
        loss -= mean[truth].ln() / 100.0;
    }
    assert_eq!(vote["correct"], correct);
    assert!((vote["loss"].as_f64().expect("a number") - loss).abs() < 1e-6);

    let evaluate = |runs: &[&str], more: &[&str]| {
        let flags = &["--dataset", "digits", "--device", "cpu"];
        run(home, &[&["evaluate"], runs, flags, more].concat()).code(0)
    };
    assert_eq!(printed(&evaluate(&["vote"], &["--json"])), *vote);
    let each = &[
        "vote/seed-0",
        "vote/seed-1",
        "vote/seed-2/model.safetensors",
    ];
    assert_eq!(printed(&evaluate(each, &["--json"])), *vote);
    evaluate(&["vote"], &[])
        .stdout(contains("Accuracy by ensemble of 3 networks\n"))
        .stderr(contains("not of one network on the images as they are"));
    evaluate(&["vote"], &["--predictions", "vote.csv"]);
    let csv = fs::read_to_string(home.join("vote.csv")).expect("read");
    assert!(
        csv.starts_with("index,label,predicted,confidence,loss,log_probability_0,"),
        "{csv}"
    );

    let one = &["vote/seed-0"];
    let plain = printed(&evaluate(one, &["--json"]));
    assert_eq!(plain["networks"], 1);
    assert_eq!(printed(&evaluate(one, &["--json", "--tta", "0"])), plain);
    let shifted = printed(&evaluate(one, &["--json", "--tta", "1"]));
    let augmentation = &shifted["test_time_augmentation"];
    assert_eq!(
        (&augmentation["shift"], &augmentation["views"]),
        (&json!(1), &json!(9))
    );
    for key in ["accuracy", "correct", "loss"] {
        assert_eq!(augmentation["without"][key], plain[key], "{key}");
    }
    assert_ne!(shifted["loss"], plain["loss"]);
    evaluate(&["vote"], &["--tta", "1"]).stdout(contains(
        "Accuracy by ensemble of 3 networks with test-time augmentation (9 shifts)",
    ));
    evaluate(one, &["--tta", "1"]).stdout(
        contains("Accuracy by test-time augmentation (9 shifts)")
            .and(contains("Without test-time augmentation")),
    );
    run(
        home,
        &["evaluate", "vote", "--tta", "99", "--device", "cpu"],
    )
    .code(2)
    .stderr(contains("evaluation.shift"));
}

#[test]
fn runs_and_report_read_a_folder_of_seeds() {
    let home = home_with_digits();
    let home = home.path();
    let more = &["--ensemble", "2", "--tta", "1", "--out", "runs/many"];
    let assert = run(home, &[TRAIN, more].concat()).code(0);
    let output = text(&assert.get_output().stdout);
    for part in [
        "Augmented test accuracy",
        "augmented: test-time augmentation (9 shifts)",
        "Without augmentation",
        "Ensemble of 2 networks",
        "the test split was read once a run",
    ] {
        assert!(output.contains(part), "{part}: {output}");
    }
    let vote = output.find("Ensemble of 2 networks").expect("a title");
    assert!(output.find("Errors of 100").expect("a row") < vote);
    run(home, &[TRAIN, &["--out", "runs/single"]].concat()).code(0);

    let list = printed(&run(home, &["runs", "list", "--json"]).code(0));
    let lines = list["runs"].as_array().expect("a list");
    assert_eq!(lines.len(), 2, "{list}");
    assert_eq!(lines[0]["run"], "runs/many");
    assert_eq!(
        (&lines[0]["seeds"]["asked"], &lines[0]["seeds"]["finished"]),
        (&json!(2), &json!(2))
    );
    let record = read(&home.join("runs/many/seeds.json"));
    assert_eq!(
        lines[0]["accuracy"],
        record["statistics"]["accuracy"]["mean"]
    );
    assert_eq!(lines[0]["manner"], "test-time augmentation (9 shifts)");
    assert_eq!(lines[1]["seeds"], Value::Null);
    assert_eq!(lines[1]["manner"], Value::Null);
    let listed = program(home)
        .args(["runs", "list"])
        .env("COLUMNS", "200")
        .assert()
        .code(0);
    listed.stdout(
        contains("mean of 2 of 2 seeds, their ensemble")
            .and(contains("test-time augmentation (9 shifts)")),
    );
    let inner = printed(&run(home, &["runs", "list", "runs/many", "--json"]).code(0));
    assert_eq!(inner["runs"].as_array().map(Vec::len), Some(2));

    run(home, &["report", "runs/many"])
        .code(0)
        .stdout("runs/many/report.html\n");
    let page = fs::read_to_string(home.join("runs/many/report.html")).expect("read");
    for part in [
        "of 2 runs, seeds 0 to 1, by test-time augmentation (9 shifts)",
        "The ensemble of 2 networks with test-time augmentation (9 shifts) reads",
        "<title>seed 0: ",
        "<title>seed 1: ",
        "<a href=\"seed-1&#x2f;report.html\">1</a>",
        "What is read as what, all seeds together",
    ] {
        assert!(page.contains(part), "{part}");
    }
    // Of seeds that did equally well one is taken, and marked.
    assert_eq!(page.matches("<td class=\"best\">").count(), 1);
    // Mean and deviation lead, with the digits that the record has.
    let mean = record["statistics"]["accuracy"]["mean"]
        .as_f64()
        .expect("a mean");
    let deviation = &record["statistics"]["accuracy"]["standard_deviation"];
    let deviation = deviation.as_f64().expect("a deviation");
    let title = format!(
        "<h1>{:.3} % ± {:.3} of the test images right",
        mean * 100.0,
        deviation * 100.0
    );
    assert!(page.contains(&title), "{title}");
    // The matrix is the sum of those of the runs.
    let matrices: Vec<Value> = (0..2)
        .map(|seed| read(&home.join(format!("runs/many/seed-{seed}/evaluation.json"))))
        .collect();
    for (label, other) in [(0, 0), (3, 3), (3, 5)] {
        let of_run = |found: &Value| found["confusion"][label][other].as_u64().expect("a count");
        let sum: u64 = matrices.iter().map(of_run).sum();
        let cell = format!("<title>{label} read as {other}: {sum}</title>");
        assert!(page.contains(&cell), "{cell}");
    }
    run(home, &["report", "runs/many/seed-0"]).code(0);
    let page = fs::read_to_string(home.join("runs/many/seed-0/report.html")).expect("read");
    assert!(page.contains("By test-time augmentation (9 shifts); without"));

    let parent =
        gpu_mnist::runs::folder::RunFolder::open_unfinished(&home.join("runs/many/seed-1"));
    let lock = parent.expect("a run").lock().expect("free");
    run(home, &["runs", "prune", "--keep", "1"])
        .code(0)
        .stdout(contains("0 removed, 2 kept"));
    drop(lock);
    run(home, &["runs", "prune", "--keep", "1"])
        .code(0)
        .stdout(contains("removed runs/many"));
    assert!(!home.join("runs/many").exists());
}

#[test]
fn a_seed_that_diverges_is_named_and_the_exit_code_is_1() {
    let home = home_with_digits();
    let home = home.path();
    let more = &[
        "--seeds",
        "2",
        "--learning-rate",
        "1e30",
        "--out",
        "wild",
        "--json",
    ];
    let assert = run(home, &[TRAIN, more].concat())
        .code(1)
        .stderr(contains("2 of 2 seeds failed: 0, 1"));
    let found = printed(&assert);
    assert_eq!(found["runs"], json!([]));
    assert_eq!(found["failed"][1]["seed"], 1);
    let reason = found["failed"][1]["reason"].as_str().expect("text");
    assert!(reason.contains("the loss became"), "{reason}");
    assert_eq!(found["statistics"]["accuracy"], Value::Null);
    for command in ["evaluate", "report"] {
        run(home, &[command, "wild"])
            .code(4)
            .stderr(contains("none of its runs has ended well"));
    }
}

#[test]
fn a_series_that_was_cut_off_goes_on() {
    let home = home_with_digits();
    let home = home.path();
    run(
        home,
        &[TRAIN, &["--ensemble", "3", "--out", "whole", "--json"]].concat(),
    )
    .code(0);
    run(
        home,
        &[TRAIN, &["--ensemble", "3", "--out", "cut"]].concat(),
    )
    .code(0);
    // As if it had been killed before it noted the first run, with the second at its last
    // checkpoint and the third not begun.
    let cut = home.join("cut");
    let mut record = read(&cut.join("seeds.json"));
    record["runs"] = json!([]);
    record["ensemble"] = Value::Null;
    fs::write(cut.join("seeds.json"), record.to_string()).expect("written");
    fs::remove_file(cut.join("seed-1/run.json")).expect("removed");
    fs::remove_file(cut.join("seed-1/model.safetensors")).expect("removed");
    fs::remove_dir_all(cut.join("seed-2")).expect("removed");

    run(home, &["train", "--resume", "cut", "--epochs", "3"])
        .code(2)
        .stderr(contains("training.epochs: 2 in the run, 3 now"));
    let more = &["train", "--resume", "cut", "--device", "cpu", "--json"];
    let found = printed(&run(home, more).code(0));
    let whole = read(&home.join("whole/seeds.json"));
    assert_eq!(found["ensemble"], whole["ensemble"]);
    assert_eq!(
        found["statistics"]["accuracy"],
        whole["statistics"]["accuracy"]
    );
    let seconds = |seed: usize| &found["runs"][seed]["seconds"];
    assert_eq!((seconds(0), seconds(1)), (&Value::Null, &Value::Null));
    assert!(seconds(2).is_number());
    for seed in 0..3 {
        let run = |folder: &str| read(&home.join(format!("{folder}/seed-{seed}/run.json")));
        assert_eq!(run("cut")["weights"], run("whole")["weights"], "{seed}");
    }
    // Nothing is left to do.
    let again = printed(&run(home, more).code(0));
    assert_eq!(again["runs"], found["runs"]);
}

#[test]
fn built_in_digits_are_the_same_for_all_seeds_and_for_a_resume() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    let settings = [
        "train",
        "--device",
        "cpu",
        "--dataset",
        "synthetic",
        "--train-limit",
        "500",
    ];
    let more = ["--seeds", "2", "--seed", "3", "--out", "drawn"];
    run(home, &[&settings[..], &more].concat()).code(0);
    let second = home.join("drawn/seed-4");
    let toml = fs::read_to_string(second.join("settings.toml")).expect("read");
    assert!(
        toml.contains("synthetic_seed = \"3\"") && toml.contains("\nseed = 4"),
        "{toml}"
    );
    run(
        home,
        &["train", "--resume", "drawn/seed-4", "--epochs", "2"],
    )
    .code(0);
    assert_eq!(
        read(&second.join("run.json"))["epochs"]
            .as_array()
            .map(Vec::len),
        Some(2)
    );
}

#[test]
fn nonsense_is_refused() {
    let home = home_with_digits();
    let home = home.path();
    for wrong in [
        &["--seeds", "0"][..],
        &["--ensemble", "1"],
        &["--seeds", "2", "--ensemble", "2"],
        &["--set", "data.synthetic_seed=one"],
        &["--seeds", "2", "--seed", "9223372036854775807"],
        &[
            "--seeds",
            "2",
            "--set",
            "data.validation_size=0",
            "--target-accuracy",
            "0.5",
        ],
    ] {
        run(home, &[TRAIN, &["--out", "wrong"], wrong].concat()).code(2);
        assert!(!home.join("wrong").exists(), "{wrong:?}");
    }
    run(home, &["train", "--seeds", "2", "--resume", "wrong"]).code(2);
    run(home, &["train", "--vote", "2", "--resume", "wrong"]).code(2);
}

#[cfg(unix)]
#[test]
fn an_interrupt_keeps_the_runs_that_ended_and_exits_130() {
    let home = home_with_digits();
    let home = home.path();
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_gpu-mnist"))
        .current_dir(home)
        .args(TRAIN)
        .args(["--seeds", "9999", "--out", "many"])
        .env("HOME", home)
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::piped())
        .spawn()
        .expect("started");
    let third = home.join("many/seed-2/metrics.jsonl");
    let appeared = (0..1200).any(|_| {
        std::thread::sleep(std::time::Duration::from_millis(50));
        third.is_file()
    });
    assert!(appeared, "no third run within 60 s");
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status()
        .expect("kill runs");
    assert!(signalled.success());
    let output = child.wait_with_output().expect("ended");
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(130), "{said}");
    let kept = read(&home.join("many/seeds.json"));
    let ended = kept["runs"].as_array().expect("runs").len();
    assert!(ended >= 2);
    assert!(
        said.contains(&format!(
            "{ended} of 9999 runs finished and are kept in many"
        )),
        "{said}"
    );
    let flags = &["--dataset", "digits", "--device", "cpu", "--json"];
    let evaluated = run(home, &[&["evaluate", "many"], &flags[..]].concat())
        .code(0)
        .stderr(contains(format!("unfinished: {ended} of 9999 seeds")));
    assert_eq!(printed(&evaluated)["networks"], ended);
    run(home, &["runs", "list", "."])
        .code(0)
        .stdout(contains(format!("mean of {ended} of 9999 seeds")));
}

#[test]
fn the_text_of_a_record() {
    let run = |seed: u64, correct: u64, seconds: f64, ending: &str| {
        json!({"run": format!("seed-{seed}"), "seed": seed, "accuracy": correct as f64 / 1e4,
            "correct": correct, "total": 10_000, "test_time_augmentation": null,
            "valid_accuracy": 0.991, "epochs": 1, "steps": 215, "train_seconds": seconds,
            "seconds": seconds + 0.5, "ending": ending})
    };
    let mut record: SeedsRecord = serde_json::from_value(json!({
        "folder": "many", "started": "2026-11-24T12:00:00Z", "dataset": "mnist",
        "device": {"kind": "cpu", "name": "a processor", "api": "", "driver": "", "adapter_type": ""},
        "kernels": "fused", "version": "0.1.0", "parameters": 215_194,
        "selection": "Every choice was made on the validation split.",
        "seeds": [0, 1, 2], "failed": [{"run": "seed-2", "seed": 2, "reason": "the loss became NaN"}],
        "runs": [run(0, 9_898, 1.25, "target-reached"), run(1, 9_902, 1.35, "finished")],
        "statistics": {}, "time_to_accuracy": null, "vote": null,
    }))
    .expect("a record");
    record.summarise(0.99);
    insta::assert_snapshot!("text", seeds(&record, &Look::plain()));
    record.runs.clear();
    record.summarise(0.0);
    assert_eq!(record.time_to_accuracy, None);
    let text = seeds(&record, &Look::plain());
    assert!(
        text.starts_with("Seed 2 failed") && !text.contains("NaN\nNaN"),
        "{text}"
    );
}

#[test]
fn seeds_side_by_side_come_to_what_they_come_to_one_after_another() {
    let home = home_with_digits();
    let several = |more: &[&str]| {
        let arguments = [TRAIN, &["--ensemble", "3", "--json"], more].concat();
        printed(&run(home.path(), &arguments).success())
    };
    let in_turn = several(&["--out", "in-turn"]);
    let together = several(&["--out", "together", "--jobs", "2"]);
    assert_eq!(together["ensemble"], in_turn["ensemble"]);
    for seed in 0..3 {
        let weights = |out: &str| {
            read(&home.path().join(format!("{out}/seed-{seed}/run.json")))["weights"].clone()
        };
        assert_eq!(weights("together"), weights("in-turn"), "seed {seed}");
    }
    let of = |record: &Value| record["statistics"]["accuracy"].clone();
    assert_eq!(of(&together), of(&in_turn));
    assert!(home.path().join("together/logs/seed-2.log").is_file());

    let alone = [TRAIN, &["--jobs", "2"]].concat();
    run(home.path(), &alone)
        .code(2)
        .stderr(contains("add --seeds N"));
}
