//! What a sweep says where there is nothing to do, and where a word is wrong.

use std::fs;

use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, is_empty};
use tempfile::tempdir;

use super::sweep;
use crate::support::{home_with_digits, program};

#[test]
fn of_a_sweep_that_has_ended_nothing_is_left_to_submit() {
    let home = home_with_digits();
    let path = home.path();
    sweep(path, "swept", &[]);
    let nothing = "4 of 4 trials have ended: nothing is left to submit";
    for (engine, script) in [("slurm", "job-slurm.sh"), ("hq", "job-hq.sh")] {
        let mut dry = program(path);
        dry.args(["sweep", "submit", "swept", "--to", engine, "--dry-run"])
            .assert()
            .success()
            .stdout(is_empty())
            .stderr(contains(nothing));
        assert!(!path.join("swept").join(script).exists());
        let mut submit = program(path);
        submit
            .args(["sweep", "submit", "swept", "--to", engine])
            .assert()
            .success()
            .stdout(contains("test images"))
            .stderr(contains(nothing));
    }
}

#[test]
fn a_subcommand_that_is_misspelt_is_guessed() {
    let home = tempdir().expect("a folder");
    for (word, text) in [
        ("statsu", "did you mean 'status'?"),
        ("colect", "did you mean 'collect'?"),
        ("submti", "did you mean 'submit'?"),
        // What is near none, or is surely a file.
        ("search", "search: could not be read"),
        ("plan.toml", "plan.toml: could not be read"),
        ("./statsu", "./statsu: could not be read"),
    ] {
        let mut command = program(home.path());
        command
            .args(["sweep", word])
            .assert()
            .code(2)
            .stderr(contains(text));
    }
    fs::write(home.path().join("statsu"), "over = 3").expect("written");
    program(home.path())
        .args(["sweep", "statsu"])
        .assert()
        .code(2)
        .stderr(contains("must be a table"));
}

/// Looking for the images may mean to download them.
#[test]
fn wrong_settings_are_refused_before_the_images_are_looked_for() {
    let home = tempdir().expect("a folder");
    let rates = "training.learning_rate=[0.001, 0.01]";
    for (arguments, text) in [
        (
            &["--over", "training.learning_rat=1e-3..1e-2"][..],
            "did you mean 'training.learning_rate'?",
        ),
        (
            &["--over", r#"training.optimizer=["adam", "magic"]"#],
            "magic",
        ),
        (
            &["--over", "training.learning_rate=[0.01, -1]"],
            "trial 1 (training.learning_rate=-1)",
        ),
        (
            &["--over", "training.batch_size=[\"many\"]"],
            "training.batch_size",
        ),
        (
            &["--over", rates, "--set", "data.validation_size=0"],
            "data.validation_size = 0",
        ),
        (
            &["--over", rates, "--method", "random", "--trials", "3"],
            "only 2 combinations",
        ),
        (
            &["--over", "training.epochs=[1, 2]", "--method", "halving"],
            "halving shares that out itself",
        ),
    ] {
        let mut command = program(home.path());
        command
            .args(["sweep", "plan", "--dataset", "nowhere"])
            .args(arguments)
            .assert()
            .code(2)
            .stderr(contains(text).and(contains("nowhere").not()));
    }
}

#[test]
fn what_suits_the_images_alone_is_not_refused_before_they_are_known() {
    let home = home_with_digits();
    let path = home.path();
    for (out, arguments) in [
        (
            "plateau",
            &[
                "--set",
                "training.epochs=auto",
                "--over",
                r#"training.schedule=["plateau", "cosine"]"#,
            ][..],
        ),
        (
            "freeze",
            &[
                "--set",
                "model.layers=plain",
                "--over",
                "training.freeze=[1, 4]",
            ],
        ),
        (
            "distorted",
            &[
                "--set",
                "training.epochs=200",
                "--set",
                "augment.shift=1",
                "--over",
                "augment.off_epochs=[1, 150]",
            ],
        ),
    ] {
        let mut command = program(path);
        command
            .args(["sweep", "plan", "--dataset", "digits", "--out", out])
            .args(arguments)
            .assert()
            .success();
    }
}
