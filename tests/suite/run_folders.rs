//! Runs end to end: killed and resumed, finished and resumed, resumed with other settings.

use std::fs;
use std::path::Path;

use assert_cmd::assert::Assert;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;

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
    "model.layers=[{convolution=24,kernel=5,pool=2},{convolution=32,kernel=3,pool=2},{linear=32}]",
    "--set",
    "training.batch_size=64",
    "--epochs",
    "2",
];

fn run(home: &Path, arguments: &[&str]) -> Assert {
    program(home).args(arguments).assert()
}

fn record(run: &Path) -> Value {
    serde_json::from_slice(&fs::read(run.join("run.json")).expect("read")).expect("JSON")
}

fn train(home: &Path, out: &str, more: &[&str]) -> Value {
    run(home, &[TRAIN, &["--out", out], more].concat()).code(0);
    record(&home.join(out))
}

/// As a kill after the checkpoint of `step` would leave it.
fn unfinish(run: &Path, step: &str) {
    for file in ["run.json", "evaluation.json", "last.safetensors"] {
        fs::remove_file(run.join(file)).expect("removed");
    }
    for entry in fs::read_dir(run.join("checkpoints")).expect("read") {
        let path = entry.expect("an entry").path();
        if !path.to_string_lossy().contains(step) {
            fs::remove_file(path).expect("removed");
        }
    }
}

#[test]
fn a_killed_run_goes_on_to_the_same_weights_and_records() {
    let home = home_with_digits();
    let home = home.path();
    let more = &[
        "--set",
        "training.checkpoint_every=3",
        "--set",
        "training.keep_checkpoints=99",
    ];
    let whole = train(home, "whole", more);
    train(home, "cut", more);
    // In the second epoch, of eight steps each.
    unfinish(&home.join("cut"), "step-00000012");
    run(home, &["train", "--resume", "cut"]).code(0);
    let cut = record(&home.join("cut"));
    for key in ["weights", "last_weights", "evaluation", "steps", "ending"] {
        assert_eq!(cut[key], whole[key], "{key}");
        assert!(!cut[key].is_null(), "{key}");
    }
    let metrics = |run: &str| -> Vec<Value> {
        let text = fs::read_to_string(home.join(run).join("metrics.jsonl")).expect("read");
        let parse = |line| -> Value { serde_json::from_str(line).expect("a record") };
        let mut lines: Vec<Value> = text.lines().map(parse).collect();
        for line in &mut lines {
            line.as_object_mut().expect("an object").remove("seconds");
        }
        lines
    };
    assert_eq!(metrics("cut"), metrics("whole"));
    assert!(metrics("cut").len() > 4);
    // A run that was killed before its first checkpoint starts from its settings.
    unfinish(&home.join("cut"), "none");
    run(home, &["train", "--resume", "cut"])
        .code(0)
        .stderr(contains("no checkpoint yet"));
    let again = record(&home.join("cut"));
    assert_eq!(again["last_weights"], whole["last_weights"]);
    assert_eq!(metrics("cut"), metrics("whole"));
}

#[test]
fn a_finished_run_prints_its_evaluation_and_can_be_trained_further() {
    let home = home_with_digits();
    let home = home.path();
    let finished = train(home, "run", &[]);
    let output = run(home, &["train", "--resume", "run", "--json"])
        .code(0)
        .get_output()
        .clone();
    let printed: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(printed, finished);
    run(home, &["train", "--resume", "run"])
        .code(0)
        .stdout(contains("Confusion matrix"));
    run(home, &["train", "--resume", "run", "--epochs", "3"]).code(0);
    let longer = record(&home.join("run"));
    assert_eq!(longer["epochs"].as_array().map(Vec::len), Some(3));
    assert_eq!(longer["epochs"][0], finished["epochs"][0]);
    assert_eq!(longer["started"], finished["started"]);
    let settings = fs::read_to_string(home.join("run/settings.toml")).expect("read");
    assert!(settings.contains("epochs = 3"), "{settings}");
}

/// Its folder was moved, and the command is run elsewhere: what is printed is there.
#[test]
fn a_finished_run_that_was_moved_is_named_by_its_new_place() {
    let home = home_with_digits();
    let home = home.path();
    train(home, "run", &[]);
    fs::rename(home.join("run"), home.join("moved")).expect("moved");
    run(home, &["train", "--resume", "moved"])
        .code(0)
        .stdout(contains("Report  moved/report.html").and(contains("--run moved ")))
        .stderr(contains("moved has ended"));
    let json = run(home, &["train", "--resume", "moved", "--json"]).code(0);
    let printed: Value = serde_json::from_slice(&json.get_output().stdout).expect("JSON");
    assert_eq!(printed["run"], "moved");
}

/// What is set for a run that has ended is used, or said to be unused.
#[test]
fn a_finished_run_says_which_flags_it_does_not_read() {
    let home = home_with_digits();
    let home = home.path();
    train(home, "run", &[]);
    let tensorboard = "training.tensorboard=true";
    run(home, &["train", "--resume", "run", "--set", tensorboard])
        .code(0)
        .stderr(
            contains("nothing reads training.tensorboard (--set)")
                .and(contains("gpu-mnist evaluate run")),
        );
    let silent = run(home, &["train", "--resume", "run"]).code(0);
    let said = String::from_utf8_lossy(&silent.get_output().stderr).into_owned();
    assert!(!said.contains("nothing reads"), "{said}");
}

/// An earlier checkpoint is gone on from, to the same weights; nothing is set aside where nothing is trained.
#[test]
fn an_earlier_checkpoint_of_a_finished_run_is_trained_from() {
    let home = home_with_digits();
    let home = home.path();
    let whole = train(home, "run", &["--set", "training.checkpoint_every=3"]);
    let earlier = "run/checkpoints/step-00000015.safetensors";
    let newest = home.join("run/checkpoints/step-00000016.safetensors");
    run(
        home,
        &["train", "--resume", earlier, "--dataset", "synthetic"],
    )
    .code(4);
    assert!(newest.is_file(), "refused, so nothing was set aside");
    run(home, &["train", "--resume", earlier])
        .code(0)
        .stderr(contains("set aside").and(contains("after 15 steps")));
    let again = record(&home.join("run"));
    assert_eq!(again["last_weights"], whole["last_weights"]);
    assert!(newest.is_file());
}

/// A preset says how to train; which images a run is trained on stays its own.
#[test]
fn a_preset_leaves_a_resumed_run_its_images() {
    let home = home_with_digits();
    let home = home.path();
    train(home, "run", &[]);
    let fast = [
        "train", "--resume", "run", "--device", "cpu", "--config", "fast",
    ];
    run(home, &fast)
        .code(2)
        .stderr(contains("training.batch_size"));
    let set = [
        "data.train_limit=0",
        "training.batch_size=128",
        "training.warmup_fraction=0.15",
        "training.label_smoothing=0.1",
    ];
    let set = set.iter().flat_map(|setting| ["--set", setting]);
    let set: Vec<&str> = set.collect();
    run(home, &[&fast[..], &set, &["--epochs", "3"]].concat()).code(0);
    assert_eq!(record(&home.join("run"))["dataset"], "digits");
}

/// Ctrl-C in the evaluation ends it; `--resume` evaluates.
#[cfg(unix)]
#[test]
fn an_interrupted_evaluation_is_made_up_for() {
    let home = home_with_digits();
    let home = home.path();
    // An image at a time, each with 81 shifts: minutes.
    let slow = [
        "--config", "smoke", "--device", "cpu", "--out", "run", "--tta", "4",
    ];
    let child = std::process::Command::new(env!("CARGO_BIN_EXE_gpu-mnist"))
        .current_dir(home)
        .env("XDG_CACHE_HOME", home.join("cache"))
        .arg("train")
        .args(slow)
        .args(["--set", "evaluation.batch_size=1"])
        .stderr(std::process::Stdio::piped())
        .stdout(std::process::Stdio::null())
        .spawn()
        .expect("started");
    let weights = home.join("run/last.safetensors");
    let start = std::time::Instant::now();
    while !weights.is_file() && start.elapsed().as_secs() < 120 {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let signalled = std::process::Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(signalled.expect("kill").success());
    let output = child.wait_with_output().expect("it ended");
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("gpu-mnist train --resume run"), "{said}");
    let stopped = record(&home.join("run"));
    assert_eq!(stopped["ending"], "finished");
    assert!(stopped["evaluation"].is_null());
    let quick = ["--tta", "0", "--set", "evaluation.batch_size=1000"];
    run(home, &[&["train", "--resume", "run"][..], &quick].concat())
        .code(0)
        .stderr(contains("only its evaluation is missing"))
        .stdout(contains("Confusion matrix"));
    let ended = record(&home.join("run"));
    assert_eq!(ended["weights"], stopped["weights"]);
}

#[test]
fn settings_that_change_the_outcome_are_refused_by_name() {
    let home = home_with_digits();
    let home = home.path();
    train(home, "run", &[]);
    unfinish(&home.join("run"), "step-00000008");
    fs::write(
        home.join("other.toml"),
        "[training]\nlearning_rate = 0.5\nkeep_checkpoints = 9\n[data]\nfolder = \"x\"\n",
    )
    .expect("written");
    let text = |assert: Assert| String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
    let refused = text(
        run(
            home,
            &["train", "--resume", "run", "--config", "other.toml"],
        )
        .code(2),
    );
    assert!(
        refused.contains("training.learning_rate: 0.01 in the run, 0.5 now (other.toml)"),
        "{refused}"
    );
    assert!(!refused.contains("keep_checkpoints") && !refused.contains("data.folder"));
    let path = home.join("run/settings.toml");
    let settings = fs::read_to_string(&path).expect("read");
    fs::write(&path, settings.replace("seed = 0", "seed = 4")).expect("written");
    let refused = text(run(home, &["train", "--resume", "run"]).code(2));
    assert!(refused.contains("seed: 0 in the run, 4 now"), "{refused}");
    fs::write(&path, settings).expect("written");
    let refused = text(
        run(
            home,
            &[
                "train",
                "--resume",
                "run",
                "--set",
                "model.layers=[{convolution=24,kernel=5,pool=2},\
            {convolution=32,kernel=3,pool=2},{linear=64}]",
            ],
        )
        .code(2),
    );
    assert!(
        refused.contains("model.layers: [{ convolution = 24")
            && refused.contains("{ linear = 64 }]"),
        "{refused}"
    );
    let other = &["train", "--resume", "run", "--dataset", "synthetic"];
    run(home, other).code(4).stderr(contains("other images"));
    let explicit = &["train", "--resume", "run", "--learning-rate", "0.5"];
    run(home, explicit).code(0);
}

/// Another seed would draw other digits, or have images validate that were trained on.
#[test]
fn a_seed_that_does_not_fit_a_resumed_run_says_what_it_would_do() {
    let home = home_with_digits();
    let home = home.path();
    train(home, "own", &[]);
    let more = ["--resume", "own", "--epochs", "3"];
    let resume = |more: &[&str]| run(home, &[&["train", "--device", "cpu"], more].concat());
    resume(&[&more[..], &["--seed", "5"]].concat())
        .code(2)
        .stderr(contains(
            "--resume own: --seed holds out other images to validate, some of which it was trained on: leave it out, or keep them as they are with --set data.split_seed=0",
        ));
    resume(&[&more[..], &["--seed", "5", "--set", "data.split_seed=0"]].concat()).code(0);

    let smoke = [
        "--config",
        "smoke",
        "--dataset",
        "synthetic",
        "--out",
        "drawn",
    ];
    resume(&smoke).code(0);
    let evaluate = ["evaluate", "drawn", "--device", "cpu", "--seed", "7"];
    run(home, &evaluate).code(4).stderr(
        contains("--seed draws other built-in digits").and(contains("--dataset synthetic")),
    );
    run(home, &[&evaluate[..], &["--dataset", "synthetic"]].concat()).code(0);
    let more = ["--resume", "drawn", "--epochs", "2"];
    resume(&[&more[..], &["--seed", "5"]].concat())
        .code(2)
        .stderr(
            contains(
                "--seed draws other built-in digits than those it was trained on, and holds out",
            )
            .and(contains(
                "--set data.synthetic_seed=0 --set data.split_seed=0",
            )),
        );
    let kept = [
        "--set",
        "data.synthetic_seed=0",
        "--set",
        "data.split_seed=0",
    ];
    resume(&[&more[..], &["--seed", "5"], &kept].concat()).code(0);
}

#[test]
fn settings_of_a_resume_that_was_killed_at_once_are_not_asked_for_again() {
    let home = home_with_digits();
    let home = home.path();
    train(home, "run", &[]);
    let checkpoints = home.join("run/checkpoints");
    let before: Vec<_> = fs::read_dir(&checkpoints)
        .expect("read")
        .map(|entry| entry.expect("an entry").path())
        .collect();
    run(home, &["train", "--resume", "run", "--epochs", "3"]).code(0);
    let longer = record(&home.join("run"));
    // As the kill would leave it: the new settings and their record, the old checkpoints.
    for entry in fs::read_dir(&checkpoints).expect("read") {
        let path = entry.expect("an entry").path();
        if !before.contains(&path) {
            fs::remove_file(path).expect("removed");
        }
    }
    let mut started = longer.clone();
    for key in ["evaluation", "ending"] {
        started[key] = Value::Null;
    }
    fs::write(home.join("run/run.json"), started.to_string()).expect("written");
    run(home, &["train", "--resume", "run"]).code(0);
    let again = record(&home.join("run"));
    assert_eq!(again["last_weights"], longer["last_weights"]);
    assert_eq!(again["epochs"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_damaged_checkpoint_exits_4_and_the_one_before_it_can_be_used() {
    let home = home_with_digits();
    let home = home.path();
    let whole = train(home, "run", &["--set", "training.checkpoint_every=3"]);
    for file in ["run.json", "evaluation.json"] {
        fs::remove_file(home.join("run").join(file)).expect("removed");
    }
    let newest = home.join("run/checkpoints/step-00000016.safetensors");
    let bytes = fs::read(&newest).expect("read");
    fs::write(&newest, &bytes[..bytes.len() - 5]).expect("written");
    let offered = "run/checkpoints/step-00000015.safetensors";
    let offer = format!("gpu-mnist train --resume {offered}");
    run(home, &["train", "--resume", "run"])
        .code(4)
        .stderr(contains("step-00000016").and(contains(offer)));
    run(home, &["train", "--resume", offered]).code(0);
    assert_eq!(
        record(&home.join("run"))["last_weights"],
        whole["last_weights"]
    );
    run(home, &["train", "--resume", "nowhere"]).code(4);
}

#[test]
fn runs_are_listed_and_pruned_and_nothing_else_is_touched() {
    let home = home_with_digits();
    let home = home.path();
    let list = |arguments: &[&str]| -> Value {
        let output = run(home, &[&["runs", "list", "--json"], arguments].concat())
            .code(0)
            .get_output()
            .clone();
        serde_json::from_slice(&output.stdout).expect("JSON")
    };
    assert_eq!(list(&[])["runs"], Value::Array(vec![]));
    for out in ["runs/a", "runs/b", "runs/c"] {
        train(home, out, &[]);
    }
    unfinish(&home.join("runs/c"), "step");
    // Killed right after its start, as far as run.json says.
    let mut killed = record(&home.join("runs/a"));
    for key in ["evaluation", "ending", "weights", "last_weights"] {
        killed[key] = Value::Null;
    }
    killed["epochs"] = Value::Array(vec![]);
    fs::write(home.join("runs/c/run.json"), killed.to_string()).expect("written");
    for (folder, file) in [
        ("notes", "run.txt"),
        ("mine", "settings.toml"),
        ("other", "run.json"),
    ] {
        fs::create_dir_all(home.join("runs").join(folder)).expect("made");
        fs::write(home.join("runs").join(folder).join(file), "{}").expect("written");
    }
    fs::write(home.join("runs/other/settings.toml"), "").expect("written");
    let found = list(&[]);
    let runs = found["runs"].as_array().expect("a list");
    assert_eq!(runs.len(), 3, "{found}");
    let of = |name: &str| {
        let run = runs.iter().find(|line| line["run"] == name);
        run.unwrap_or_else(|| panic!("{name} is not listed: {found}"))
    };
    assert_eq!(of("runs/b")["dataset"], "digits");
    assert_eq!(
        of("runs/b")["accuracy"],
        record(&home.join("runs/b"))["evaluation"]["accuracy"]
    );
    assert!(of("runs/b")["seconds"].as_f64().expect("seconds") > 0.0);
    assert!(of("runs/c")["ending"].is_null());
    // Those that metrics.jsonl has.
    assert_eq!(of("runs/c")["epochs"], 2);
    run(home, &["runs", "list"])
        .code(0)
        .stdout(contains("runs/a").and(contains("unfinished")));

    // The killed one took the start of the first: it and the first are the oldest.
    run(home, &["runs", "prune", "--keep", "1"])
        .code(0)
        .stdout(contains("removed runs/a\n").and(contains("removed runs/c\n2 removed, 1 kept")));
    let mut left: Vec<String> = fs::read_dir(home.join("runs"))
        .expect("read")
        .map(|entry| {
            entry
                .expect("an entry")
                .file_name()
                .to_string_lossy()
                .into_owned()
        })
        .collect();
    left.sort();
    // The newest with weights that is left.
    assert_eq!(left, ["b", "latest", "mine", "notes", "other"]);
    let latest = fs::read_link(home.join("runs/latest")).expect("a link");
    assert_eq!(latest, Path::new("b"));
    run(home, &["runs", "prune"]).code(2);
    for (named, reason) in [
        ("nowhere", "no such folder"),
        ("runs/notes/run.txt", "this is a file"),
    ] {
        let said = format!("{named}: no folder of runs ({reason})");
        run(home, &["runs", "list", named])
            .code(4)
            .stderr(contains(said.clone()));
        run(home, &["runs", "prune", named, "--keep", "1"])
            .code(4)
            .stderr(contains(said));
    }
    // A run in place of the folder that holds it.
    for named in ["runs/b", "runs/latest"] {
        let found = list(&[named]);
        let listed = found["runs"].as_array().expect("a list");
        assert_eq!(listed.len(), 1, "{found}");
        assert_eq!(listed[0]["run"], named);
        run(home, &["runs", "prune", named, "--keep", "0"])
            .code(2)
            .stderr(contains(format!("{named}: a run itself; name the folder")));
    }
    assert!(home.join("runs/b/model.safetensors").is_file());
}

#[test]
fn the_next_command_takes_a_name_that_begins_with_a_dash_for_a_folder() {
    let home = home_with_digits();
    let home = home.path();
    run(home, &[TRAIN, &["--out=-x"]].concat())
        .code(0)
        .stdout(contains("gpu-mnist predict --run ./-x IMAGE.png"));
    run(home, &["evaluate", "./-x"]).code(0);
}

#[test]
fn a_latest_that_is_a_file_follows_what_is_left() {
    let home = home_with_digits();
    let home = home.path();
    for out in ["runs/a", "runs/b"] {
        train(home, out, &[]);
    }
    let latest = home.join("runs/latest");
    // As on systems without links.
    let name_in_file = |name: &str| {
        fs::remove_file(&latest).expect("removed");
        fs::write(&latest, format!("{name}\n")).expect("written");
    };
    name_in_file("a");
    run(home, &["report", "runs/latest"]).code(0);
    assert!(home.join("runs/a/report.html").is_file());
    // Another run's removal leaves it alone, its own does not.
    let pointed = || gpu_mnist::runs::folder::pointed(&latest).expect("a name");
    name_in_file("b");
    run(home, &["runs", "prune", "--keep", "1"]).code(0);
    assert_eq!(pointed(), Path::new("b"));
    train(home, "runs/c", &[]);
    name_in_file("b");
    run(home, &["runs", "prune", "--keep", "1"])
        .code(0)
        .stdout(contains("removed runs/b"));
    assert_eq!(pointed(), Path::new("c"));
}

#[test]
fn a_run_that_is_being_trained_is_neither_resumed_nor_removed() {
    let home = home_with_digits();
    let home = home.path();
    train(home, "runs/a", &[]);
    let folder = gpu_mnist::runs::folder::RunFolder::open_unfinished(&home.join("runs/a"));
    let lock = folder.expect("a run").lock().expect("free");
    run(home, &["train", "--resume", "runs/a"])
        .code(2)
        .stderr(contains("another gpu-mnist is training this run"));
    run(home, &["runs", "prune", "--keep", "0"])
        .code(0)
        .stdout(contains("0 removed, 1 kept"));
    // As it stands before its first weights.
    let mut started = record(&home.join("runs/a"));
    for key in ["evaluation", "ending"] {
        started[key] = Value::Null;
    }
    fs::write(home.join("runs/a/run.json"), started.to_string()).expect("written");
    run(home, &["runs", "list"])
        .code(0)
        .stdout(contains("still training"));
    let weights = home.join("runs/a/model.safetensors");
    let kept = fs::read(&weights).expect("read");
    fs::remove_file(&weights).expect("removed");
    run(home, &["predict", "--run", "runs/a", "image.png"])
        .code(4)
        .stderr(
            contains("runs/a: no weights yet, because it is still training")
                .and(contains("--resume").not()),
        );
    fs::write(&weights, kept).expect("written");
    drop(lock);
    run(home, &["runs", "prune", "--keep", "0"])
        .code(0)
        .stdout(contains("removed runs/a"));
    assert!(!home.join("runs/a").exists());
}

#[test]
fn spans_say_how_long_things_took_as_text_and_as_json() {
    let home = home_with_digits();
    let home = home.path();
    let output = run(
        home,
        &[TRAIN, &["--out", "run", "-v", "--log-format", "json"]].concat(),
    )
    .code(0)
    .get_output()
    .clone();
    let lines = String::from_utf8_lossy(&output.stderr).into_owned();
    let mut closed = Vec::new();
    for line in lines.lines() {
        let event: Value = serde_json::from_str(line).expect("each line is JSON");
        if event["message"] == "close" {
            assert!(event["time.busy"].is_string(), "{line}");
            closed.push(event["span"]["name"].as_str().expect("a name").to_string());
        }
    }
    for span in ["train", "epoch", "validation", "checkpoint", "evaluate"] {
        assert!(closed.iter().any(|name| name == span), "{span}: {closed:?}");
    }
    run(home, &[TRAIN, &["--out", "plain"]].concat())
        .code(0)
        .stderr(contains("close").not());
    run(home, &[TRAIN, &["--out", "verbose", "-v"]].concat())
        .code(0)
        .stderr(contains("validation: close time.busy="));
}
