//! What shells get: completions that know presets, settings, data sets and adapters; manual pages.

use std::path::Path;

use predicates::str::contains;
use tempfile::tempdir;

use crate::support::program;

/// What bash would offer for the last of `words`.
fn offered(home: &Path, words: &[&str]) -> Vec<String> {
    let output = program(home)
        .env("GPU_MNIST_COMPLETE", "bash")
        .env("_CLAP_COMPLETE_INDEX", words.len().to_string())
        .env("_CLAP_IFS", "\n")
        .args(["--", "gpu-mnist"])
        .args(words)
        .assert()
        .code(0)
        .get_output()
        .clone();
    let text = String::from_utf8(output.stdout).expect("text");
    text.lines().map(String::from).collect()
}

#[test]
fn values_are_completed() {
    let home = tempdir().expect("a folder");
    std::fs::create_dir(home.path().join("my-digits")).expect("made");
    std::fs::write(home.path().join("mine.toml"), "").expect("written");
    let cases: [(&[&str], &[&str]); 8] = [
        (&["tr"], &["train"]),
        (
            &["train", "--config", ""],
            &["default", "smoke", "mine.toml"],
        ),
        (
            &["train", "--dataset", ""],
            &["mnist", "fashion-mnist", "synthetic", "auto", "my-digits/"],
        ),
        (&["train", "--dataset", "fa"], &["fashion-mnist"]),
        (&["train", "--set", "training.ep"], &["training.epochs="]),
        (&["data", "fetch", ""], &["mnist", "fashion-mnist"]),
        (&["train", "--device", ""], &["auto", "gpu", "cpu"]),
        (&["evaluate", "my"], &["my-digits/"]),
    ];
    for (words, expected) in cases {
        let found = offered(home.path(), words);
        for value in expected {
            assert!(
                found.iter().any(|name| name == value),
                "{words:?}: {found:?}"
            );
        }
    }
    assert_eq!(offered(home.path(), &["train", "--dataset", "fa"]).len(), 1);
}

#[test]
fn adapters_are_completed_by_number() {
    let home = tempdir().expect("a folder");
    let listed = program(home.path())
        .args(["devices", "--json"])
        .assert()
        .get_output()
        .clone();
    let listed: serde_json::Value = serde_json::from_slice(&listed.stdout).expect("JSON");
    let adapters = listed["adapters"].as_array().expect("a list");
    let found = offered(home.path(), &["train", "--adapter", ""]);
    for adapter in adapters {
        let number = adapter["index"].to_string();
        assert!(found.contains(&number), "{number} is not in {found:?}");
    }
    assert_eq!(adapters.is_empty(), found.is_empty(), "{found:?}");
}

#[test]
fn every_shell_gets_a_script() {
    let home = tempdir().expect("a folder");
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        program(home.path())
            .args(["completions", shell])
            .assert()
            .code(0)
            .stdout(contains("GPU_MNIST_COMPLETE"));
    }
    program(home.path())
        .args(["completions", "cmd"])
        .assert()
        .code(2);
}

#[test]
fn every_command_has_a_manual_page() {
    let home = tempdir().expect("a folder");
    program(home.path())
        .args(["man", "--out", "pages"])
        .assert()
        .code(0);
    let help = program(home.path())
        .arg("--help")
        .assert()
        .get_output()
        .clone();
    let help = String::from_utf8(help.stdout).expect("text");
    let commands: Vec<&str> = help
        .lines()
        .skip_while(|line| *line != "Commands:")
        .skip(1)
        .take_while(|line| !line.is_empty())
        .filter_map(|line| line.split_whitespace().next())
        .filter(|name| *name != "help")
        .collect();
    assert!(commands.len() > 8, "{help}");
    for command in commands {
        let page = home.path().join(format!("pages/gpu-mnist-{command}.1"));
        let text = std::fs::read_to_string(&page).expect("a page");
        assert!(text.contains(".SH SYNOPSIS"), "{command}");
    }
    program(home.path())
        .args(["man", "data", "fetch"])
        .assert()
        .code(0)
        .stdout(contains("gpu\\-mnist\\-data\\-fetch"));
    program(home.path())
        .args(["man", "tarin"])
        .assert()
        .code(2)
        .stderr(contains(
            "no command 'tarin' (did you mean 'train'?); there are train",
        ));
}
