//! Runs that are killed at random moments: every time the run goes on or starts again, and no
//! half-written file bears a final name. `tests/kills.sh` does it 200 times.

#![cfg(unix)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use gpu_mnist::config::{Layers, Origin};
use gpu_mnist::runs::{checkpoint, metrics, weights};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;
use serde_json::Value;

use crate::support::write_dataset;

const SETTINGS: &[&str] = &[
    "--device",
    "cpu",
    "--dataset",
    "digits",
    "--epochs",
    "4",
    "--set",
    "data.validation_size=100",
    "--set",
    "model.layers=[{convolution=24,kernel=5,pool=2},{convolution=32,kernel=3,pool=2},{linear=32}]",
    "--set",
    "training.batch_size=16",
    "--set",
    "training.checkpoint_every=3",
    "--set",
    "training.record_every=2",
];

fn start(home: &Path, arguments: &[&str]) -> Child {
    Command::new(env!("CARGO_BIN_EXE_gpu-mnist"))
        .current_dir(home)
        .arg("train")
        .args(arguments)
        .env("HOME", home)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("started")
}

/// Starts the run, or goes on with it, and waits for its end.
fn go_on(home: &Path) -> Child {
    match home.join("run/settings.toml").exists() {
        true => start(home, &["--resume", "run"]),
        false => start(home, &[SETTINGS, &["--out", "run"]].concat()),
    }
}

fn finish(child: Child, what: &str) {
    let output = child.wait_with_output().expect("ended");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{what}: {}\n{text}", output.status);
}

fn hash(run: &Path) -> String {
    let text = fs::read(run.join("run.json")).expect("run.json");
    let record: Value = serde_json::from_slice(&text).expect("whole");
    record["last_weights"]["sha256"]
        .as_str()
        .expect("a hash")
        .to_string()
}

/// Every file under a final name is whole. Gives how many there were.
fn check(run: &Path) -> usize {
    let mut checked = 0;
    for path in files(run) {
        let name = path.file_name().expect("a name").to_string_lossy();
        let bytes = fs::read(&path).expect("read");
        match name.as_ref() {
            name if name.starts_with(".tmp-") || name == ".lock" => continue,
            name if name.ends_with(".json") => {
                serde_json::from_slice::<Value>(&bytes)
                    .unwrap_or_else(|error| panic!("{name}: {error}"));
            }
            "settings.toml" => {
                let text = String::from_utf8(bytes).expect("text");
                Layers::default()
                    .overlay(&text, &Origin::Set)
                    .expect("whole settings");
            }
            "metrics.jsonl" => check_metrics(&path),
            name if name.starts_with("step-") => {
                checkpoint::load(&path).expect("a whole checkpoint");
            }
            name if name.ends_with(".safetensors") => {
                let device = gpu_mnist::device::Device::cpu();
                weights::load(&path, &device).expect("whole weights");
            }
            name if name.ends_with(".html") || name.ends_with(".svg") => {
                let text = String::from_utf8(bytes).expect("text");
                let end = text.trim_end();
                assert!(
                    end.ends_with("</html>") || end.ends_with("</svg>"),
                    "{name}"
                );
            }
            name => panic!("{name} is no file of a run"),
        }
        checked += 1;
    }
    checked
}

fn check_metrics(path: &Path) {
    let lines = fs::read_to_string(path).expect("text").lines().count();
    let records = metrics::read(path).expect("read");
    assert_eq!(records.len(), lines, "a line of metrics.jsonl is no record");
    let mut steps = Vec::new();
    let mut epochs = Vec::new();
    for record in records {
        match record {
            metrics::Record::Step(record) => steps.push(record.step),
            metrics::Record::Epoch(record) => epochs.push(record.epoch),
        }
    }
    for numbers in [steps, epochs] {
        assert!(
            numbers.windows(2).all(|pair| pair[0] < pair[1]),
            "records repeat: {numbers:?}"
        );
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        match entry.path() {
            path if path.is_dir() => found.extend(files(&path)),
            path => found.push(path),
        }
    }
    found
}

#[test]
fn killed_runs_go_on_to_the_weights_of_one_that_was_not() {
    let kills: usize = std::env::var("KILLS")
        .ok()
        .map_or(10, |text| text.parse().expect("KILLS is a number"));
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 600, 100);
    let begin = Instant::now();
    let whole = start(home, &[SETTINGS, &["--out", "whole"]].concat());
    finish(whole, "uninterrupted");
    let duration = begin.elapsed();
    let expected = hash(&home.join("whole"));
    check(&home.join("whole"));

    let run = home.join("run");
    let mut random = ChaCha12Rng::seed_from_u64(5);
    let (mut killed, mut ended, mut checked) = (0, 0, 0);
    while killed < kills {
        let mut child = go_on(home);
        let most = duration.as_secs_f64() * 0.8;
        std::thread::sleep(Duration::from_secs_f64(random.random_range(0.0..most)));
        match child.try_wait().expect("asked") {
            None => {
                child.kill().expect("killed");
                child.wait().expect("ended");
                killed += 1;
                checked += check(&run);
            }
            Some(_) => {
                finish(child, "resumed");
                assert_eq!(hash(&run), expected, "after {killed} kills");
                check(&run);
                fs::remove_dir_all(&run).expect("removed");
                ended += 1;
            }
        }
    }
    finish(go_on(home), "the last one");
    assert_eq!(hash(&run), expected);
    check(&run);
    assert!(checked > kills, "only {checked} files were there to check");
    use std::io::Write;
    let _ = writeln!(
        std::io::stderr(),
        "{killed} kills, {} runs ended with the same weights, {checked} files checked",
        ended + 1
    );
}
