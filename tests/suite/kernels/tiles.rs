//! Which tiles are chosen on an adapter, and that they are timed once and used from then on.

use std::path::PathBuf;

use gpu_mnist::kernels::tiles::{Kernel, TileProfile, Tiles, Timed, Trial};
use predicates::str::contains;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{adapter_or_skip, program, write_dataset};

#[test]
fn tiles_change_for_what_saves_most_and_is_worth_it() {
    let chosen = |trials: &[(TileProfile, f64, f64)]| {
        let trial = |&(tiles, microseconds, usual_microseconds)| Trial {
            tiles,
            microseconds,
            usual_microseconds,
        };
        let tried = trials.iter().map(trial).collect();
        Timed::of(Kernel::Product, TileProfile::Hardware, tried).chosen
    };
    let (large, loops) = (TileProfile::Integrated, TileProfile::Loops);
    assert_eq!(chosen(&[]), TileProfile::Hardware);
    assert_eq!(chosen(&[(large, 91.0, 100.0)]), TileProfile::Hardware);
    assert_eq!(chosen(&[(large, 89.0, 100.0)]), large);
    // A large share of little is less than a small share of much.
    assert_eq!(chosen(&[(large, 80.0, 100.0), (loops, 1.0, 10.0)]), large);
    assert_eq!(chosen(&[(large, 80.0, 100.0), (loops, 70.0, 100.0)]), loops);
}

#[test]
fn tiles_are_read_as_they_were_written() {
    let tiles = Tiles::all(TileProfile::Software).with(Kernel::Loss, TileProfile::Integrated);
    let text = serde_json::to_string(&tiles).expect("JSON");
    assert!(text.contains("\"loss\":\"integrated\""), "{text}");
    assert_eq!(serde_json::from_str::<Tiles>(&text).expect("tiles"), tiles);
}

#[test]
fn tiles_are_timed_once_and_used_from_then_on() {
    if adapter_or_skip("tiles_are_timed_once_and_used_from_then_on").is_none() {
        return;
    }
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 64, 20);
    let small = [
        "--set",
        "model.layers=[{convolution=4,kernel=3,pool=2},{linear=10}]",
        "--set",
        "training.batch_size=8",
        "--set",
        "doctor.steps=2",
    ];
    let train = |out: &str| {
        let mut command = program(home.path());
        command.args(["train", "--device", "gpu", "--dataset", "digits"]);
        command.args(["--out", out, "--set", "data.validation_size=8"]);
        command.args(["--epochs", "1"]).args(small);
        command
    };
    let json = |arguments: &[&str]| -> Value {
        let mut command = program(home.path());
        let output = command.arg("-q").args(arguments).assert().code(0);
        serde_json::from_slice(&output.get_output().stdout).expect("one JSON object")
    };
    let listed = || json(&["devices", "--json"])["adapters"][0].clone();
    let used = || {
        let few = [
            "bench",
            "--adapter",
            "0",
            "--steps",
            "2",
            "--warmup",
            "0",
            "--json",
        ];
        let report = json(&[&few[..], &small, &["--set", "bench.rounds=1"]].concat());
        report["rows"][0]["launching"].clone()
    };

    train("first").assert().code(0);
    let adapter = listed();
    let pooled = &adapter["tiles"][0];
    assert_eq!(pooled["kernel"], "convolve-pool-relu", "{adapter}");
    for trial in pooled["tried"].as_array().expect("trials") {
        for time in ["microseconds", "usual_microseconds"] {
            assert!(trial[time].as_f64() > Some(0.0), "{trial}");
        }
    }
    let launching = used();
    assert_eq!(launching["tiles"]["convolve-pool-relu"], pooled["chosen"]);
    // Null where the adapter has no clock.
    assert_ne!(launching["device_ms"].as_f64(), Some(0.0));

    // Others that are remembered are used, and nothing is timed again.
    let store = PathBuf::from(adapter["store"].as_str().expect("a folder"));
    let (path, verdicts) = (store.join("tiles.json"), store.join("verdicts.json"));
    let text = std::fs::read_to_string(&path).expect("what was timed");
    let field = |tiles: &Value| format!("\"chosen\": {tiles}");
    let other = match pooled["chosen"] == "integrated" {
        true => Value::from("hardware"),
        false => Value::from("integrated"),
    };
    let changed = text.replace(&field(&pooled["chosen"]), &field(&other));
    assert_ne!(changed, text);
    std::fs::write(&path, &changed).expect("written");
    assert_eq!(used()["tiles"]["convolve-pool-relu"], other);
    std::fs::remove_file(&verdicts).expect("verdicts");
    train("second").assert().code(0);
    assert_eq!(std::fs::read_to_string(&path).expect("the same"), changed);

    // Where they compute wrong numbers, the usual ones are checked, and used from then on.
    std::fs::remove_file(&verdicts).expect("verdicts");
    train("third")
        .env("GPU_MNIST_INJECT", "wrong:linear_relu/fused")
        .assert()
        .code(0)
        .stderr(contains("training with --kernels burn"));
    let usual = match adapter["adapter_type"] == "software" {
        true => "software",
        false => "hardware",
    };
    assert_eq!(used()["tiles"]["convolve-pool-relu"], usual);

    // A damaged file is none. A benchmark times them too.
    std::fs::write(&path, "{}").expect("written");
    assert_eq!(listed()["tiles"], Value::Array(Vec::new()));
    let launching = used();
    let pooled = &listed()["tiles"][0];
    assert_eq!(pooled["kernel"], "convolve-pool-relu");
    assert_eq!(launching["tiles"]["convolve-pool-relu"], pooled["chosen"]);
}
