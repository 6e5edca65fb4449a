//! Sets of other shapes, colours and numbers of classes than MNIST's, from training to export, with
//! the fused kernels and Burn's own, on the CPU and on this machine's adapter.

use std::fs;
use std::path::Path;

use gpu_mnist::data::ImageShape;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::images::Written;
use crate::support::{adapter_or_skip, program};

const NETWORK: &str = "model.layers=[{convolution=8,kernel=3,pool=2},{convolution=12,kernel=3,padding=1,norm='batch'},{linear=32}]";

/// The name of each set, and what is in it.
fn sets() -> Vec<(&'static str, Written)> {
    let set = |shape, classes| Written {
        shape,
        classes,
        ..Written::like_mnist(2000, 300)
    };
    vec![
        ("twenty", set(ImageShape::grey(28, 28), 20)),
        ("small", set(ImageShape::grey(14, 14), 4)),
        ("oblong", set(ImageShape::grey(32, 20), 9)),
        ("odd", set(ImageShape::grey(15, 9), 2)),
        ("coloured", set(ImageShape::rgb(16, 18), 12)),
    ]
}

fn home_with(name: &str, set: Written) -> TempDir {
    let home = tempdir().expect("a folder");
    set.write(&home.path().join(name));
    home
}

fn train(home: &Path, name: &str, more: &[&str]) -> Value {
    let output = program(home)
        .args([
            "train",
            "--dataset",
            &format!("./{name}"),
            "--json",
            "--set",
            NETWORK,
        ])
        .args(["--set", "training.batch_size=50", "--out", "r"])
        .args(more)
        .assert()
        .code(0);
    serde_json::from_slice(&output.get_output().stdout).expect("JSON")
}

fn accuracy(record: &Value) -> f64 {
    record["evaluation"]["accuracy"].as_f64().expect("a share")
}

#[test]
fn any_shape_is_trained_evaluated_exported_and_resumed_on_the_cpu() {
    for (name, set) in sets() {
        for kernels in ["fused", "burn"] {
            let home = home_with(name, set);
            let path = home.path();
            let cpu = ["--device", "cpu"];
            let more = [&cpu[..], &["--epochs", "2", "--kernels", kernels]].concat();
            let record = train(path, name, &more);
            assert!(
                accuracy(&record) > 0.95,
                "{name}, {kernels}: {}",
                accuracy(&record)
            );
            let classes = record["evaluation"]["classes"].as_array().map(Vec::len);
            assert_eq!(classes, Some(set.classes));
            program(path)
                .args(["evaluate", "r"])
                .args(cpu)
                .assert()
                .code(0);
            for (format, file, more) in [
                ("onnx", "net.onnx", &[][..]),
                ("onnx", "raw.onnx", &["--raw-input"]),
                ("safetensors", "net.safetensors", &[]),
            ] {
                program(path)
                    .args(["export", "r", "--format", format, "--out", file])
                    .args(more)
                    .args(cpu)
                    .assert()
                    .code(0);
                assert!(path.join(file).is_file());
            }
            let report = fs::read_to_string(path.join("r/report.html")).expect("a report");
            assert!(report.contains("<svg"), "{name}");
            program(path)
                .args(["train", "--resume", "r", "--epochs", "3"])
                .args(cpu)
                .assert()
                .code(0);
        }
    }
}

/// The losses of a few steps with either kernels are those of the CPU.
#[test]
fn any_shape_is_trained_on_the_adapter() {
    if adapter_or_skip("any_shape_is_trained_on_the_adapter").is_none() {
        return;
    }
    for (name, set) in sets() {
        let set = Written {
            train: 660,
            test: 120,
            ..set
        };
        let of = |more: &[&str]| {
            let home = home_with(name, set);
            accuracy(&train(home.path(), name, more))
        };
        let expected = of(&["--device", "cpu", "--epochs", "2"]);
        for kernels in ["fused", "burn"] {
            let found = of(&[
                "--device",
                "gpu",
                "--no-check",
                "--epochs",
                "2",
                "--kernels",
                kernels,
            ]);
            assert!(
                (found - expected).abs() < 0.05,
                "{name}, {kernels}: {found}, {expected}"
            );
        }
    }
}
