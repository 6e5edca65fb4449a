//! Faults of a device, injected at its boundary: what is kept, tried again and said.

use std::fs;

use gpu_mnist::device::{Device, DeviceError, Fault, Injection};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use tempfile::{TempDir, tempdir};

use crate::support::{adapter_or_skip, program, write_dataset};

fn home_with_data() -> TempDir {
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 600, 40);
    home
}

fn train(home: &TempDir, injected: &str) -> assert_cmd::Command {
    let mut command = program(home.path());
    command
        .args([
            "train",
            "--device",
            "cpu",
            "--dataset",
            "digits",
            "--out",
            "run",
        ])
        .args([
            "--set",
            "data.validation_size=88",
            "--set",
            "model.layers=[{convolution=24,kernel=5,pool=2},\
            {convolution=32,kernel=3,pool=2},{linear=16}]",
        ])
        .args(["--batch-size", "64", "--set", "training.checkpoint_every=2"])
        .env("GPU_MNIST_INJECT", injected);
    command
}

#[test]
fn messages_of_drivers_are_told_apart() {
    for (message, fault) in [
        ("wgpu error: Out of Memory", Fault::OutOfMemory),
        (
            "can't allocate buffer of size: 4294967296",
            Fault::OutOfMemory,
        ),
        (
            "The device is poisoned\nCaused by: Unknown: lost",
            Fault::Lost,
        ),
        ("Parent device is lost", Fault::Lost),
        ("DXGI_ERROR_DEVICE_HUNG: device lost", Fault::TimeLimit),
        ("A compilation error happened during launch", Fault::Shader),
        ("Validation Error: Shader module is invalid", Fault::Shader),
        ("something else", Fault::Other),
    ] {
        assert_eq!(Fault::of(message), fault, "{message}");
    }
}

#[test]
fn injected_faults_come_out_of_the_boundary_as_what_they_are() {
    for (word, expected) in [
        ("lost:2", Fault::Lost),
        ("out-of-memory:2", Fault::OutOfMemory),
        ("shader:2", Fault::Shader),
        ("time-limit:2", Fault::TimeLimit),
    ] {
        let injection: Injection = word.parse().expect("a known word");
        let device = Device::cpu().injecting(injection);
        assert!(device.guard("evaluating", || ()).is_ok());
        assert!(device.guard("training", || ()).is_ok());
        let error = device.guard("training", || ()).expect_err("injected");
        assert_eq!(error.fault(), Some(expected), "{word}");
        assert!(error.to_string().contains("--device cpu"), "{error}");
        assert!(device.guard("training", || ()).is_ok(), "once only");
    }
    assert!("nonsense:1".parse::<Injection>().is_err());
}

/// What a buffer larger than the adapter's limit causes, without anything injected.
#[test]
fn a_buffer_that_is_too_large_is_out_of_memory() {
    let Some(device) = adapter_or_skip("a_buffer_that_is_too_large_is_out_of_memory") else {
        return;
    };
    let made = device.guard("training", || {
        let options = (device.burn(), burn::tensor::DType::F32);
        burn::tensor::Tensor::<1>::zeros([700 << 20], options)
    });
    let read = made.and_then(|tensor| {
        let joined = burn::tensor::Transaction::default().register(tensor.slice(0..1));
        pollster::block_on(device.read("training", joined))
    });
    match read {
        Err(error @ DeviceError::Failed { .. }) => {
            assert_eq!(error.fault(), Some(Fault::OutOfMemory), "{error}");
        }
        Err(error) => panic!("{error}"),
        Ok(_) => {} // An adapter that takes buffers of 2.7 GiB.
    }
    // What failed may be broken: no other test takes it over.
    std::mem::forget(device);
}

#[test]
fn half_the_batch_is_tried_once_where_that_helps() {
    for (word, text) in [
        ("out-of-memory:7", "out of memory"),
        ("time-limit:7", "longer than the driver allows"),
    ] {
        let home = home_with_data();
        train(&home, word)
            .assert()
            .code(0)
            .stderr(contains(text).and(contains("half the batch (32 images)")));
        let settings = fs::read_to_string(home.path().join("run/settings.toml")).expect("settings");
        assert!(settings.contains("batch_size = 32"), "{settings}");
        assert!(home.path().join("run/evaluation.json").is_file());
    }
}

#[test]
fn a_second_failure_ends_with_what_to_try_and_keeps_the_state() {
    let home = home_with_data();
    train(&home, "out-of-memory:7+")
        .assert()
        .code(1)
        .stderr(contains("half the batch").and(contains("--batch-size")))
        .stderr(contains("steps is kept").and(contains("--resume run")));
    program(home.path())
        .args(["train", "--resume", "run"])
        .assert()
        .code(0)
        .stderr(contains("going on with epoch 1 after"));
}

#[test]
fn a_lost_device_or_a_refused_shader_is_not_tried_again() {
    for (word, text) in [
        ("lost:7", "the device was lost"),
        ("shader:7", "device.kernels=burn"),
    ] {
        let home = home_with_data();
        train(&home, word)
            .assert()
            .code(1)
            .stderr(contains(text).and(contains("steps is kept")))
            .stderr(contains("half the batch").not());
        program(home.path())
            .args(["train", "--resume", "run"])
            .assert()
            .code(0);
    }
}
