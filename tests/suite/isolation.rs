//! A training on built-in digits asks the network for nothing, seen from the system's side.

#![cfg(target_os = "linux")]

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use crate::support::program;

/// The calls of a command that `strace` counts among those of the network; `None` without it.
fn network_calls(home: &Path, test: &str, arguments: &[&str]) -> Option<Vec<String>> {
    let trace = home.join("trace");
    let plain = program(home);
    let mut strace = Command::new("strace");
    strace
        .args([
            "-f",
            "-qq",
            "-e",
            "trace=network",
            "-e",
            "signal=none",
            "-o",
        ])
        .arg(&trace)
        .arg(plain.get_program())
        .args(arguments)
        .current_dir(home)
        .envs(
            plain
                .get_envs()
                .filter_map(|(key, value)| Some((key, value?))),
        );
    let output = strace.output();
    // Not installed, or not allowed to trace.
    if !fs::metadata(&trace).is_ok_and(|trace| trace.is_file()) {
        let why = output.map_or_else(
            |error| error.to_string(),
            |output| String::from_utf8_lossy(&output.stderr).trim().to_string(),
        );
        let _ = writeln!(std::io::stderr(), "SKIPPED (strace): {test}: {why}");
        return None;
    }
    let calls = fs::read_to_string(&trace).expect("read");
    let calls = calls.lines().filter(|line| line.contains('('));
    Some(calls.map(str::to_string).collect())
}

#[test]
fn training_makes_no_network_call() {
    let home = tempfile::tempdir().expect("a folder");
    let arguments = [
        "train",
        "--dataset",
        "synthetic",
        "--device",
        "cpu",
        "--config",
        "smoke",
        "--out",
        "run",
    ];
    let test = "training_makes_no_network_call";
    let Some(calls) = network_calls(home.path(), test, &arguments) else {
        return;
    };
    assert!(
        home.path().join("run/evaluation.json").is_file(),
        "it trained"
    );
    assert_eq!(calls, [""; 0]);
}

/// What shows that the trace would have seen a call.
#[test]
fn a_fetch_does_make_network_calls() {
    let home = tempfile::tempdir().expect("a folder");
    let arguments = ["data", "fetch", "mnist", "--mirror", "http://127.0.0.1:9/"];
    let test = "a_fetch_does_make_network_calls";
    let Some(calls) = network_calls(home.path(), test, &arguments) else {
        return;
    };
    assert!(
        calls.iter().any(|call| call.contains("connect(")),
        "{calls:?}"
    );
}
