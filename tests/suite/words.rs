//! One vocabulary: what help, hints and examples name is there, and does what they say.

use std::path::Path;

use clap::{Command, CommandFactory, Parser};
use gpu_mnist::cli::Cli;
use gpu_mnist::config::{Layers, preset_names};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use tempfile::tempdir;

use crate::support::{adapter_or_skip, program, sources, write_dataset};

/// The visible commands that do something, by their words.
fn commands() -> Vec<(Vec<String>, Command)> {
    fn collect(words: &[String], command: &Command, into: &mut Vec<(Vec<String>, Command)>) {
        for inner in command
            .get_subcommands()
            .filter(|one| one.get_name() != "help")
        {
            let words = [words, &[inner.get_name().to_string()]].concat();
            collect(&words, inner, into);
            into.push((words, inner.clone()));
        }
    }
    let mut root = Cli::command();
    root.build();
    let mut found = Vec::new();
    collect(&[], &root, &mut found);
    found
}

/// The words of a command line in a text, with something in place of what would be filled in.
fn arguments(line: &str) -> Vec<String> {
    line.split_whitespace()
        .take_while(|word| !["|", ">", "<", "&&"].contains(word))
        .map(|word| match word {
            "{id}" | "{id}{into}" | "{set}" | "{name}" => "mnist".into(),
            word if word.contains('{') || word == "N" => "3".into(),
            word => word.trim_matches('\'').into(),
        })
        .collect()
}

/// Every `gpu-mnist …` in a message of the program is a command that the parser takes.
#[test]
fn hints_name_commands_that_are_there() {
    let mut tried = Vec::new();
    for (file, text) in sources("") {
        for piece in text.split("`gpu-mnist ").skip(1) {
            let Some((line, _)) = piece.split_once('`') else {
                continue;
            };
            // Comments tell of commands as well; a word in capitals stands for others.
            let words = arguments(line);
            let first = words.first().cloned().unwrap_or_default();
            let capital = |word: &String| word.chars().all(|c| c.is_uppercase() || c == '-');
            if words.is_empty() || capital(&first) || line.contains('\n') {
                continue;
            }
            let parsed = Cli::try_parse_from(std::iter::once("gpu-mnist".into()).chain(words));
            if let Err(error) = parsed {
                // `gpu-mnist devices` alone names a command; what it then needs is another matter.
                let kind = error.kind();
                let lacking = [
                    clap::error::ErrorKind::MissingRequiredArgument,
                    clap::error::ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand,
                    clap::error::ErrorKind::MissingSubcommand,
                ];
                // Nor is the value of a flag that is named alone.
                let last = line.split(' ').next_back().unwrap_or_default();
                let bare = last.starts_with("--") && kind == clap::error::ErrorKind::InvalidValue;
                assert!(
                    bare || lacking.contains(&kind),
                    "{file}: `gpu-mnist {line}`: {error}"
                );
            }
            tried.push(line.to_string());
        }
    }
    assert!(tried.len() > 20, "{tried:?}");
}

/// So is every command line in the documents.
#[test]
fn documents_name_commands_that_are_there() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let docs = std::fs::read_dir(root.join("docs")).expect("docs");
    let docs = docs.map(|entry| entry.expect("an entry").path());
    let markdown = docs.filter(|path| path.extension().is_some_and(|end| end == "md"));
    let mut tried = 0;
    for path in markdown.chain([root.join("README.md"), root.join("benches/README.md")]) {
        let text = std::fs::read_to_string(&path).expect("text");
        let code = text.split('`').skip(1).step_by(2);
        let lines = text.lines().filter(|line| line.starts_with("gpu-mnist "));
        for line in lines.chain(code.filter(|code| code.starts_with("gpu-mnist "))) {
            // What stands for several, or for something left out.
            let several = ["...", "fused|", "tiny|", "[--", "COMMAND", "NAME", "\n"];
            let line = line.split(" #").next().unwrap_or(line).trim_end();
            let words = arguments(line.trim_start_matches("gpu-mnist "));
            if several.iter().any(|part| line.contains(part)) || words.len() < 2 {
                continue;
            }
            let parsed = Cli::try_parse_from(std::iter::once("gpu-mnist".into()).chain(words));
            let error = parsed.map(|_| ()).err();
            assert!(error.is_none(), "{}: {line}: {error:?}", path.display());
            tried += 1;
        }
    }
    assert!(tried > 15, "{tried}");
}

/// README opens with the command that builds and trains and the one that tests, and `.ci/run` tests by that.
#[test]
fn readme_opens_with_the_two_commands() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let readme = std::fs::read_to_string(root.join("README.md")).expect("README.md");
    assert!(readme.lines().count() <= 180, "README is at most 180 lines");
    let block = readme.split("```").nth(1).expect("a block of commands");
    let commands: Vec<&str> = (block.lines().skip(1))
        .map(|line| line.split('#').next().unwrap_or(line).trim())
        .collect();
    assert_eq!(
        commands[..2],
        ["cargo run --release -- train", "cargo test --release"]
    );
    let ci = std::fs::read_to_string(root.join(".ci/run")).expect(".ci/run");
    assert!(
        ci.lines()
            .any(|line| line.starts_with("cargo test --release 2>&1 |"))
    );
}

#[test]
fn every_command_has_an_example_that_it_takes() {
    for (words, command) in commands() {
        let name = words.join(" ");
        if command.has_subcommands() || words[0] == "completions" {
            continue;
        }
        let parent = Cli::command();
        let parent = parent.find_subcommand(&words[0]).expect("a command");
        let help = command.get_after_help().or(parent.get_after_help());
        let help = help
            .unwrap_or_else(|| panic!("{name} has no example"))
            .to_string();
        let examples = help
            .lines()
            .filter_map(|line| line.trim().strip_prefix("gpu-mnist "));
        let mut tried = 0;
        for example in examples {
            // What stands after two spaces says what it does.
            let line = example.split("  ").next().unwrap_or(example);
            let parsed = Cli::try_parse_from(
                std::iter::once("gpu-mnist".to_string()).chain(arguments(line)),
            );
            assert!(parsed.is_ok(), "{name}: {line}: {:?}", parsed.err());
            tried += 1;
        }
        assert!(tried > 0, "{name}");
    }
}

/// Defaults in help texts are those of the settings.
#[test]
fn defaults_in_help_are_the_settings() {
    let entries = Layers::default().entries();
    let value = |key: &str| {
        let entry = entries.iter().find(|entry| entry.key == key);
        let value = entry.unwrap_or_else(|| panic!("{key}")).value.to_string();
        value.trim().trim_matches('"').to_string()
    };
    let all = commands();
    let mut compared = 0;
    for (flag, key) in [
        ("epochs", "training.epochs"),
        ("batch-size", "training.batch_size"),
        ("learning-rate", "training.learning_rate"),
        ("seed", "seed"),
        ("device", "device.kind"),
        ("api", "device.api"),
        ("dataset", "data.set"),
        ("kernels", "device.kernels"),
        ("tta", "evaluation.shift"),
        ("steps", "bench.steps"),
        ("warmup", "bench.warmup"),
    ] {
        for (words, command) in &all {
            let argument = command
                .get_arguments()
                .find(|one| one.get_long() == Some(flag));
            let Some(help) = argument.and_then(|one| one.get_help()) else {
                continue;
            };
            // What a run was trained on and how it was evaluated is what it is evaluated on again.
            let of_the_run = words[0] == "evaluate" && ["seed", "dataset", "tta"].contains(&flag);
            let said = match of_the_run {
                true => "[default: the run's]".into(),
                false => format!("[default: {}]", value(key)),
            };
            // The steps of lr-find are no setting.
            if words[0] == "data" || (words[0].as_str(), flag) == ("lr-find", "steps") {
                continue;
            }
            assert!(
                help.to_string().contains(&said),
                "{words:?} --{flag}: {help}"
            );
            compared += 1;
        }
    }
    assert!(compared > 20, "{compared}");
}

#[test]
fn every_preset_stands_in_help() {
    let mut compared = 0;
    for (words, command) in commands() {
        let mut arguments = command.get_arguments();
        let config = arguments.find(|one| one.get_long() == Some("config"));
        let Some(help) = config.and_then(|one| one.get_help()) else {
            continue;
        };
        let help = help.to_string();
        for name in preset_names() {
            assert!(help.contains(name), "{words:?}: {name}");
        }
        compared += 1;
    }
    assert!(compared > 5, "{compared}");
}

#[test]
fn flags_stand_only_where_they_act() {
    for (words, command) in commands() {
        let takes = |flag: &str| {
            command
                .get_arguments()
                .any(|one| one.get_long() == Some(flag))
        };
        let seeded = [
            "train",
            "lr-find",
            "evaluate",
            "doctor",
            "bench",
            "config",
            "sweep",
            "sweep plan",
        ];
        let name = words.join(" ");
        let random = seeded.contains(&name.as_str()) || name == "data show";
        assert_eq!(takes("seed"), random, "{name}");
        // Where a device is chosen it is chosen alike.
        assert_eq!(takes("device"), takes("adapter"), "{name}");
        assert_eq!(takes("device"), takes("hardware-only"), "{name}");
    }
}

/// What is not the number that a flag takes is refused in words, with the range.
#[test]
fn flags_of_numbers_name_what_they_take() {
    let home = tempdir().expect("a folder");
    for (arguments, text) in [
        (
            &["runs", "prune", "--keep", "abc"][..],
            "'--keep <N>': must be a whole number from 0 to 1000000",
        ),
        (
            &["runs", "prune", "--keep", "-3"],
            "'--keep <N>': must be a whole number from 0 to 1000000",
        ),
        (
            &["train", "--seed", "abc"],
            "must be a whole number from 0 to 9223372036854775807",
        ),
        (
            &["train", "--batch-size", "99999999999999999999"],
            "must be a whole number from 1 to 65536",
        ),
        (
            &["train", "--learning-rate", "fast"],
            "must be a finite number greater than 0",
        ),
        (&["lr-find", "--lowest", "low"], "must be a number"),
        (&["lr-find", "--steps", "few"], "from 20 to 100000"),
        (&["bench", "--steps", "few"], "must be a whole number"),
    ] {
        program(home.path())
            .args(arguments)
            .assert()
            .code(2)
            .stderr(
                contains(text)
                    .and(contains("try '--help'"))
                    .and(contains("digit").or(contains("literal")).not()),
            );
    }
    for (arguments, text) in [
        (&["help", "trian"][..], "'train'"),
        (&["help", "data", "fecth"], "'fetch'"),
    ] {
        let tip = format!("a similar subcommand exists: {text}");
        let assert = program(home.path()).args(arguments).assert().code(2);
        assert.stderr(contains(tip));
    }
}

#[test]
fn negative_numbers_reach_their_own_error() {
    let home = tempdir().expect("a folder");
    for (arguments, text) in [
        (&["train", "--epochs", "-1"][..], "training.epochs"),
        (&["train", "--batch-size", "-5"], "training.batch_size"),
        (
            &["train", "--learning-rate", "-0.1"],
            "must be a finite number greater than 0",
        ),
        (&["train", "--seed", "-1"], "--seed"),
        (&["train", "--train-limit", "-1"], "data.train_limit"),
        (&["train", "--tta", "-1"], "evaluation.shift"),
        (
            &["train", "--seeds", "-1"],
            "a whole number from 1 to 10000",
        ),
        (&["train", "--max-seconds", "-1"], "training.max_seconds"),
        (&["bench", "--warmup", "-1"], "bench.warmup"),
        (&["runs", "prune", "--keep", "-1"], "--keep"),
    ] {
        program(home.path())
            .args(arguments)
            .assert()
            .code(2)
            .stderr(contains(text).and(contains("unexpected argument").not()));
    }
}

#[test]
fn what_is_misspelt_is_guessed() {
    let home = tempdir().expect("a folder");
    for (arguments, text) in [
        (&["train", "--config", "fsat"][..], "did you mean 'fast'?"),
        (&["config", "--config", "fashin"], "did you mean 'fashion'?"),
        (&["config", "trainng"], "did you mean 'training"),
        (
            &["config", "training.epoch"],
            "did you mean 'training.epochs'?",
        ),
        (
            &["train", "--set", "trainig.epochs=1"],
            "did you mean 'training.epochs'?",
        ),
        (&["train", "--epoch", "1"], "--epochs"),
        (&["trian"], "train"),
    ] {
        program(home.path())
            .args(arguments)
            .assert()
            .code(2)
            .stderr(contains(text));
    }
}

#[test]
fn config_shows_a_section_or_what_was_changed() {
    let home = tempdir().expect("a folder");
    let config = |arguments: &[&str]| {
        let assert = program(home.path())
            .arg("config")
            .args(arguments)
            .assert()
            .code(0);
        String::from_utf8(assert.get_output().stdout.clone()).expect("text")
    };
    let lines = |text: &str| text.lines().count();
    let training = config(&["training"]);
    assert!(training.contains("training.epochs") && !training.contains("device.kind"));
    let one = config(&["training.epochs"]);
    assert_eq!(lines(&one), 2, "{one}");
    let changed = config(&["--changed", "--config", "smoke", "--seed", "4"]);
    assert!(
        changed.contains("seed") && changed.contains("preset smoke"),
        "{changed}"
    );
    assert!(!changed.contains(" default"), "{changed}");
    assert!(lines(&changed) < lines(&config(&[])));
    let json = config(&["--changed", "--seed", "4", "--format", "json"]);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    assert_eq!(
        json["settings"].as_object().map(serde_json::Map::len),
        Some(1)
    );
    let same = [
        "--changed",
        "--set",
        "training.epochs=1",
        "--format",
        "json",
    ];
    assert_eq!(config(&same), "{\"settings\":{}}\n");
    assert_eq!(config(&["--format", "toml"]), config(&["--toml"]));
    program(home.path())
        .args(["config", "training", "--format", "toml"])
        .assert()
        .code(2)
        .stderr(contains("SECTION"));
}

/// With `--log-format json` the error is a line of JSON too.
#[test]
fn an_error_is_written_as_the_log_is() {
    let home = tempdir().expect("a folder");
    let assert = program(home.path())
        .args(["--log-format", "json", "evaluate", "nowhere"])
        .assert()
        .code(4);
    let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    let lines: Vec<serde_json::Value> = (text.lines())
        .map(|line| serde_json::from_str(line).expect("JSON"))
        .collect();
    let last = lines.last().expect("an error");
    assert_eq!(last["level"], "ERROR");
    assert!(
        last["message"]
            .as_str()
            .is_some_and(|text| text.contains("nowhere"))
    );
}

#[test]
fn formats_are_asked_for_alike() {
    let home = tempdir().expect("a folder");
    for command in [
        &["devices"][..],
        &["config"],
        &["runs", "list"],
        &["data", "list"],
    ] {
        for flags in [&["--json"][..], &["--format", "json"]] {
            let assert = program(home.path())
                .args(command)
                .args(flags)
                .assert()
                .code(0);
            let found: Result<serde_json::Value, _> =
                serde_json::from_slice(&assert.get_output().stdout);
            assert!(found.is_ok(), "{command:?} {flags:?}");
        }
    }
}

fn train(home: &Path, more: &[&str]) {
    program(home)
        .args(["train", "--dataset", "digits", "--device", "cpu"])
        .args(["--set", "data.validation_size=60"])
        .args(["--set", "model.layers=[{linear=16}]"])
        .args(more)
        .assert()
        .code(0);
}

/// RUN left out is the newest run with weights, in every command.
#[test]
fn run_is_the_newest_with_weights() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 300, 60);
    for command in [
        &["evaluate", "--device", "cpu"][..],
        &["report"],
        &["export", "--format", "onnx", "--device", "cpu"],
        &["train", "--resume"],
    ] {
        program(home)
            .args(command)
            .assert()
            .code(4)
            .stderr(contains("runs: no run with weights yet").and(contains("gpu-mnist train")));
    }
    train(home, &["--out", "runs/older"]);
    train(home, &["--out", "runs/newer"]);
    // Killed before its weights, after both.
    let unfinished = home.join("runs/unfinished");
    std::fs::create_dir(&unfinished).expect("made");
    for file in ["settings.toml", "run.json"] {
        std::fs::copy(home.join("runs/newer").join(file), unfinished.join(file)).expect("copied");
    }
    let record = unfinished.join("run.json");
    let text = std::fs::read_to_string(&record).expect("read");
    let mut killed: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    killed["started"] = "2999-01-01T00:00:00Z".into();
    for key in ["evaluation", "ending", "weights", "last_weights"] {
        killed[key] = serde_json::Value::Null;
    }
    killed["epochs"] = serde_json::json!([]);
    std::fs::write(&record, killed.to_string()).expect("written");
    let latest = std::fs::read_link(home.join("runs/latest")).expect("a link");
    assert_eq!(latest, Path::new("newer"));

    program(home)
        .args(["evaluate", "--dataset", "digits", "--device", "cpu"])
        .assert()
        .code(0)
        .stderr(contains("run: runs/newer"));
    program(home)
        .args(["export", "--format", "onnx", "--device", "cpu"])
        .assert()
        .code(0)
        .stdout("newer.onnx\n");
    program(home)
        .arg("report")
        .assert()
        .code(0)
        .stdout("runs/newer/report.html\n");
    program(home)
        .args(["train", "--resume"])
        .assert()
        .stderr(contains("run: runs/unfinished, the newest"));
}

/// A run that was stopped before its weights, and one stopped after them.
#[test]
fn unfinished_runs_are_called_so() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 300, 60);
    let no_validation = ["--set", "data.validation_size=0"];
    train(
        home,
        &[&["--out", "run", "--epochs", "2"][..], &no_validation].concat(),
    );
    let run = home.join("run");
    let path = run.join("run.json");
    let text = std::fs::read_to_string(&path).expect("read");
    let mut record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    for key in ["evaluation", "ending", "weights", "last_weights"] {
        record[key] = serde_json::Value::Null;
    }
    record["epochs"] = serde_json::json!([]);
    std::fs::write(&path, record.to_string()).expect("written");
    let settings = run.join("settings.toml");
    let text = std::fs::read_to_string(&settings).expect("read");
    std::fs::write(&settings, text.replace("epochs = 2", "epochs = 50")).expect("written");
    let evaluate = || {
        program(home)
            .args(["evaluate", "run", "--dataset", "digits", "--device", "cpu"])
            .assert()
    };
    evaluate()
        .code(0)
        .stderr(contains("unfinished: 2 of 50 epochs").and(contains("--resume run")));
    // These weights do not tell what the network knows.
    let is_stroke = |x: u32, y: u32| (12..16).contains(&x) && (5..23).contains(&y);
    let image = image::GrayImage::from_fn(28, 28, |x, y| {
        image::Luma([255 * u8::from(is_stroke(x, y))])
    });
    image.save(home.join("image.png")).expect("written");
    program(home)
        .args(["predict", "--run", "run", "--device", "cpu", "image.png"])
        .assert()
        .code(0)
        .stderr(contains(
            "its run has not ended: `gpu-mnist train --resume run` goes on with it",
        ));
    std::fs::remove_file(run.join("model.safetensors")).expect("removed");
    let says = || contains("run: no weights yet").and(contains("gpu-mnist train --resume run"));
    evaluate().code(4).stderr(says());
    program(home)
        .args(["export", "run", "--format", "onnx", "--device", "cpu"])
        .assert()
        .code(4)
        .stderr(says());
}

#[test]
fn a_resume_that_would_train_nothing_changes_nothing() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 300, 60);
    train(home, &["--out", "run", "--epochs", "2"]);
    let files = || {
        let names = [
            "settings.toml",
            "run.json",
            "metrics.jsonl",
            "model.safetensors",
        ];
        names.map(|name| std::fs::read(home.join("run").join(name)).expect("read"))
    };
    let before = files();
    for (more, text) in [
        (
            &["--epochs", "1"][..],
            "training.epochs: 2 in the run, 1 now",
        ),
        (&["--set", "training.optimizer=sgd"], "training.optimizer"),
        (
            &["--set", "training.target_accuracy=0.01", "--epochs", "9"],
            "training.target_accuracy is reached; raise training.target_accuracy",
        ),
        (
            &["--max-seconds", "0.0001", "--epochs", "9"],
            "training.max_seconds has passed; raise training.max_seconds (0: none)",
        ),
    ] {
        program(home)
            .args(["train", "--resume", "run", "--device", "cpu"])
            .args(more)
            .assert()
            .code(2)
            .stderr(contains("nothing is left to train").and(contains(text)));
        assert!(files() == before, "{more:?} changed something");
    }
    program(home)
        .args([
            "train", "--resume", "run", "--device", "cpu", "--epochs", "3",
        ])
        .assert()
        .code(0)
        .stderr(contains("schedule spanned 2 epochs and now spans 3"));
    assert!(files() != before);
}

#[test]
fn the_same_training_writes_the_same_bytes() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 300, 60);
    let read = |run: &str| {
        let names = ["model.safetensors", "last.safetensors"];
        names.map(|name| std::fs::read(home.join(run).join(name)).expect("read"))
    };
    train(home, &["--out", "first"]);
    for run in ["second", "third", "fourth"] {
        train(home, &["--out", run]);
        assert!(read(run) == read("first"), "{run}");
    }
}

#[test]
fn a_diverged_training_is_remarked_on() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 300, 60);
    program(home)
        .args([
            "train",
            "--dataset",
            "digits",
            "--device",
            "cpu",
            "--out",
            "run",
        ])
        .args([
            "--set",
            "data.validation_size=60",
            "--set",
            "training.optimizer=sgd",
        ])
        .args([
            "--set",
            "model.layers=[{linear=16}]",
            "--learning-rate",
            "1000",
        ])
        .assert()
        .code(0)
        .stderr(contains("the training diverged").and(contains("gpu-mnist lr-find")));
    program(home)
        .args(["data", "suspects", "run", "--device", "cpu"])
        .assert()
        .code(0)
        .stderr(contains(
            "it has learnt nothing, so it cannot tell which labels look wrong",
        ));
}

#[test]
fn the_variable_for_graphics_apis_is_checked() {
    let home = tempdir().expect("a folder");
    let devices = |value: &str| {
        let mut command = program(home.path());
        command.arg("devices").env("WGPU_BACKEND", value).assert()
    };
    devices("nonsense")
        .code(2)
        .stderr(contains("WGPU_BACKEND=nonsense").and(contains("vulkan, dx12, metal")));
    devices("vulkan, quartz").code(2).stderr(contains("quartz"));
    devices("vulkan").code(0);
    let unset = program(home.path())
        .args(["devices", "--json"])
        .assert()
        .code(0);
    let empty = program(home.path())
        .args(["devices", "--json"])
        .env("WGPU_BACKEND", "")
        .assert()
        .code(0);
    assert_eq!(empty.get_output().stdout, unset.get_output().stdout);
    program(home.path())
        .args(["train", "--device", "gpu"])
        .env("WGPU_BACKEND", "nonsense")
        .assert()
        .code(2)
        .stderr(contains("WGPU_BACKEND=nonsense"));
}

/// Mesa's own "error: XDG_RUNTIME_DIR is invalid" does not stand among our messages.
#[test]
fn drivers_get_a_runtime_folder() {
    let home = tempdir().expect("a folder");
    for value in [None, Some("/nonexistent"), Some("")] {
        let mut command = program(home.path());
        command.args(["devices", "--json"]);
        match value {
            None => command.env_remove("XDG_RUNTIME_DIR"),
            Some(value) => command.env("XDG_RUNTIME_DIR", value),
        };
        let assert = command
            .assert()
            .code(0)
            .stderr(contains("XDG_RUNTIME_DIR").not());
        let found: serde_json::Value =
            serde_json::from_slice(&assert.get_output().stdout).expect("JSON");
        assert!(found["adapters"].is_array());
        if cfg!(target_os = "linux") {
            assert!(home.path().join("cache/gpu-mnist/runtime").is_dir());
        }
    }
}

#[test]
fn a_record_of_every_step_is_kept_on_an_adapter_too() {
    if adapter_or_skip("a_record_of_every_step_is_kept_on_an_adapter_too").is_none() {
        return;
    }
    let home = tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 300, 20);
    for (every, records) in [("1", 6), ("4", 2), ("10", 1)] {
        program(home)
            .args([
                "train",
                "--device",
                "gpu",
                "--no-check",
                "--dataset",
                "digits",
            ])
            .args(["--out", every, "--batch-size", "50"])
            .args(["--set", "data.validation_size=0"])
            .args(["--set", "model.layers=[{linear=16}]"])
            .args(["--set", &format!("training.record_every={every}")])
            .assert()
            .code(0);
        let metrics = std::fs::read_to_string(home.join(every).join("metrics.jsonl"));
        let found = metrics.expect("read").matches("\"kind\":\"step\"").count();
        assert_eq!(found, records, "every {every}");
    }
}
