//! What messages say: numbers with their nouns, rates, lines that fit a terminal, commands that a shell takes,
//! and advice that is advice.

use std::io;
use std::process::Command as Shell;

use console::measure_text_width;
use gpu_mnist::data::Fault;
use gpu_mnist::terminal::quoted;
use gpu_mnist::terminal::wrap::{message, wrapped};
use gpu_mnist::training::TrainingError;
use gpu_mnist::wording::{count, lower_rate, rounded};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use proptest::prelude::*;
use tempfile::tempdir;

use crate::support::{program, write_dataset};

#[test]
fn one_thing_is_no_plural() {
    for (number, noun, expected) in [
        (0usize, "epoch", "0 epochs"),
        (1, "epoch", "1 epoch"),
        (2, "class", "2 classes"),
        (1, "class", "1 class"),
        (12, "other kind", "12 other kinds"),
        (3, "entry", "3 entries"),
        (3, "day", "3 days"),
        (5, "branch", "5 branches"),
    ] {
        assert_eq!(count(number, noun), expected);
    }
}

/// Tenths of a rate that a person typed have no tail of digits.
#[test]
fn suggested_rates_are_round() {
    for (rate, expected) in [
        (0.003 / 10.0, "0.0003"),
        (0.01 * 0.3 / 10.0, "0.0003"),
        (f64::from(0.003f32), "0.003"),
        (28.512_345 / 10.0, "2.9"),
        (1e-7, "0.0000001"),
    ] {
        assert_eq!(rounded(rate).to_string(), expected);
    }
}

/// A tenth of a rate that is far too high is still too high.
#[test]
fn a_lower_rate_is_one_to_train_with() {
    for (rate, expected) in [(1e30, 0.01), (11.0, 0.01), (10.0, 1.0), (0.003, 0.0003)] {
        assert_eq!(lower_rate(rate), expected, "{rate}");
    }
}

#[test]
fn a_training_that_diverges_suggests_a_round_rate() {
    let home = tempdir().expect("a folder");
    let output = program(home.path())
        .args(["train", "--config", "smoke", "--device", "cpu"])
        .args(["--dataset", "synthetic", "--learning-rate", "3e9"])
        .args(["--set", "training.optimizer=sgd"])
        .output()
        .expect("it ran");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let after = said.split("--learning-rate ").nth(1);
    let rate = after.unwrap_or_else(|| panic!("no rate: {said}"));
    let rate: f64 = rate.trim().parse().expect("a rate");
    assert_eq!(rate, 0.01, "{said}");
    let error = TrainingError::Diverged {
        what: "the loss became NaN".into(),
        step: 3,
        learning_rate: 0.003,
        suggestion: rounded(0.003 / 10.0),
    };
    assert!(error.to_string().ends_with("--learning-rate 0.0003"));
}

#[test]
fn a_message_breaks_between_words_and_not_within_a_command() {
    let text =
        " INFO runs/one: unfinished: 1 of 50 epochs; `gpu-mnist train --resume runs/one` goes on";
    assert_eq!(
        message(text, 60, "      "),
        " INFO runs/one: unfinished: 1 of 50 epochs;\n      `gpu-mnist train --resume runs/one` goes on"
    );
    // A command that is wider than the terminal breaks as other words do.
    let narrow = message(text, 30, "      ");
    assert!(
        narrow.lines().all(|line| measure_text_width(line) <= 30),
        "{narrow}"
    );
    // Lines of their own stay so, and go on behind where they began.
    let listed = "error: two things differ:\n  training.epochs: 1 in the run, 2 now\nleave them";
    assert_eq!(message(listed, 80, "  "), listed);
    assert_eq!(
        message(listed, 30, "  "),
        "error: two things differ:\n  training.epochs: 1 in the\n    run, 2 now\nleave them"
    );
    // Colours take no columns.
    let coloured = "\x1b[32m INFO\x1b[0m four words of text";
    assert_eq!(message(coloured, 24, "      "), coloured);
}

proptest! {
    #[test]
    fn wrapping_keeps_every_word(
        words in proptest::collection::vec("[a-zé`]{1,12}", 1..30),
        width in 20usize..100,
    ) {
        let text = words.join(" ");
        let lines = wrapped(&text, width, "    ");
        for line in lines.lines() {
            prop_assert!(measure_text_width(line) <= width, "{line:?} in {width}");
        }
        let kept: Vec<&str> = lines.split_whitespace().collect();
        prop_assert_eq!(kept, words);
    }
}

/// Every example of the help stands whole in a terminal of 80 columns.
#[test]
fn no_example_is_wider_than_80_columns() {
    use clap::CommandFactory;
    fn look(command: &clap::Command, seen: &mut usize) {
        let help = command.get_after_help().map(ToString::to_string);
        let lines = help.iter().flat_map(|text| text.lines());
        for line in lines.filter(|line| line.starts_with("  gpu-mnist ")) {
            assert!(
                measure_text_width(line) <= 80,
                "{}: {line}",
                command.get_name()
            );
            *seen += 1;
        }
        for inner in command.get_subcommands() {
            look(inner, seen);
        }
    }
    let mut seen = 0;
    look(&gpu_mnist::cli::Cli::command(), &mut seen);
    assert!(seen > 30, "{seen}");
}

/// What is copied from a message, a shell takes.
#[test]
fn paths_with_spaces_are_quoted_in_commands() {
    assert_eq!(quoted("runs/one"), "runs/one");
    for word in ["my run", "it's", "", "a;b", "$HOME"] {
        let script = format!("printf %s {}", quoted(word));
        let output = Shell::new("sh").args(["-c", &script]).output();
        assert_eq!(output.expect("a shell").stdout, word.as_bytes());
    }
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 200, 50);
    let train = ["train", "--dataset", "digits", "--device", "cpu"];
    program(home.path())
        .args(train)
        .args(["--set", "data.validation_size=50", "--out", "my run"])
        .assert()
        .code(0)
        .stdout(contains(
            "Next    gpu-mnist predict --run 'my run' IMAGE.png",
        ));
    program(home.path())
        .args(train)
        .args([
            "--set",
            "data.validation_size=50",
            "--out",
            "my seeds",
            "--seeds",
            "2",
        ])
        .assert()
        .code(0)
        .stdout(contains("Next    gpu-mnist report 'my seeds'"));
}

#[cfg(unix)]
#[test]
fn words_that_are_no_utf_8_are_named_with_a_way_out() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let home = tempdir().expect("a folder");
    let latin = OsStr::from_bytes(b"latin1-caf\xe9");
    let folder = home.path().join(latin);
    write_dataset(&folder, 200, 50);
    for arguments in [
        &["train", "--dataset"][..],
        &["data", "verify"],
        &["data", "show", "--dataset"],
        &["train", "--config"],
        &["train", "--set"],
    ] {
        program(home.path())
            .args(arguments)
            .arg(latin)
            .assert()
            .code(2)
            .stderr(
                contains("latin1-caf\u{fffd}: not UTF-8 text")
                    .and(contains("change to that folder and name it from there")),
            );
    }
    program(home.path())
        .current_dir(&folder)
        .args(["train", "--dataset", ".", "--device", "cpu", "--out", "run"])
        .args(["--set", "data.validation_size=50"])
        .assert()
        .code(0);
    program(home.path())
        .current_dir(&folder)
        .args(["data", "verify", "."])
        .assert()
        .code(0);
}

/// To copy a set again helps where bytes were lost, and nowhere else.
#[test]
fn advice_follows_the_fault() {
    let copy = "copy it again";
    let kind = io::ErrorKind::PermissionDenied;
    let reason = String::new;
    for (fault, advice) in [
        (Fault::Empty, copy),
        (Fault::GzipCut, copy),
        (
            Fault::TooShort {
                found: 1,
                expected: 2,
            },
            copy,
        ),
        (Fault::NotAFile, "put the file itself"),
        (
            Fault::Unreadable {
                reason: reason(),
                kind,
            },
            "permission to read",
        ),
        (Fault::LittleEndian, "highest byte first"),
        (
            Fault::BadLabel {
                index: 0,
                label: 1000,
            },
            "from 0 on",
        ),
        (
            Fault::BadPixel {
                index: 0,
                value: 300,
            },
            "0 to 255",
        ),
        (
            Fault::CountMismatch {
                images: 3,
                labels: 1,
            },
            "one label for each image",
        ),
        (Fault::NoItems, "write it with the items"),
        (Fault::TooLarge { bytes: 1 << 50 }, "smaller set"),
    ] {
        assert!(
            fault.advice().contains(advice),
            "{fault}: {}",
            fault.advice()
        );
    }
    assert_eq!(
        Fault::CountMismatch {
            images: 3,
            labels: 1
        }
        .to_string(),
        "1 label for 3 images"
    );

    let home = tempdir().expect("a folder");
    let digits = home.path().join("digits");
    write_dataset(&digits, 200, 50);
    std::fs::copy(
        digits.join("t10k-labels-idx1-ubyte"),
        digits.join("train-labels-idx1-ubyte"),
    )
    .expect("copied");
    for command in [&["train", "--dataset"][..], &["data", "verify"]] {
        program(home.path())
            .args(command)
            .arg("digits")
            .assert()
            .code(4)
            .stderr(
                contains("50 labels for 200 images; write one label for each image")
                    .and(contains("copy").not()),
            );
    }
    std::fs::remove_file(digits.join("train-labels-idx1-ubyte")).expect("removed");
    program(home.path())
        .args(["train", "--dataset", "digits"])
        .assert()
        .code(4)
        .stderr(contains("put the missing ones there").and(contains("copy").not()));
}

/// A training that ends before its last epoch says why.
#[test]
fn an_early_end_is_explained() {
    use gpu_mnist::training::history::EpochRecord;
    use gpu_mnist::training::stopping::{Ending, why};
    let losses = [0.9, 0.5, 0.6, 0.7, 0.55];
    let epochs: Vec<EpochRecord> = (1..)
        .zip(losses)
        .map(|(epoch, loss)| EpochRecord {
            epoch,
            step: epoch,
            train_loss: 0.1,
            train_accuracy: 0.9,
            valid_loss: Some(loss),
            valid_accuracy: Some(0.8),
            seconds: 1.0,
        })
        .collect();
    let config = |more: &[&str]| {
        let set = ["training.epochs=20", "training.patience=2"];
        crate::support::settings(&[&set[..], more].concat()).training
    };
    let plateau = config(&["training.schedule=\"plateau\""]);
    let said = why(&plateau, &epochs, Ending::StoppedEarly).expect("a reason");
    assert_eq!(
        said,
        "training ended with epoch 5 of 20: at epoch 4 the validation loss had not fallen for 2 epochs (training.patience), so the learning rate fell to its end"
    );
    let constant = config(&["training.schedule=\"constant\""]);
    let said = why(&constant, &epochs, Ending::StoppedEarly).expect("a reason");
    assert!(said.ends_with("the validation loss has not fallen for 2 epochs (training.patience)"));
    assert_eq!(why(&constant, &epochs, Ending::Finished), None);

    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 300, 50);
    let train = |more: &[&str]| {
        program(home.path())
            .args(["train", "--dataset", "digits", "--device", "cpu"])
            .args(["--set", "data.validation_size=100"])
            .args(more)
            .assert()
            .code(0)
    };
    train(&["--epochs", "9", "--target-accuracy", "0.01"]).stderr(contains(
        "training ended with epoch 1 of 9: the validation accuracy reached 0.01 (training.target_accuracy)",
    ));
    // A rate that moves nothing: the loss does not fall.
    let still = ["--learning-rate", "1e-12", "--set", "training.patience=1"];
    let schedule = ["--epochs", "9", "--set", "training.schedule=plateau"];
    train(&[&still[..], &schedule].concat()).stderr(contains(
        "(training.patience), so the learning rate fell to its end",
    ));
}
