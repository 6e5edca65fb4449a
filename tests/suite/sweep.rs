//! `sweep`: the space and its trials, side by side and one after another, stopped and gone on with, what is kept, and
//! the commands that read it.

mod draws;
mod said;

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use gpu_mnist::runs::sweep::halving::{Budget, rungs};
use gpu_mnist::runs::sweep::space::{Axis, grid, random, shown};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::{Value, json};

use crate::support::{home_with_digits, program};

/// Four trials of some seconds in all.
const FOUR: &[&str] = &[
    "--device",
    "cpu",
    "--dataset",
    "digits",
    "--set",
    "data.validation_size=100",
    "--set",
    "model.layers=[{ convolution = 8, kernel = 3, pool = 2 }, { linear = 16 }]",
    "--over",
    "training.learning_rate=[0.001, 0.01]",
    "--over",
    "training.batch_size=[64, 32]",
];

fn read(path: &Path) -> Value {
    serde_json::from_slice(&fs::read(path).expect("read")).expect("JSON")
}

/// Plans and runs a sweep in `home/out`.
fn sweep(home: &Path, out: &str, more: &[&str]) -> Value {
    let mut command = program(home);
    command.args(["sweep", "--out", out]).args(FOUR).args(more);
    command.assert().success();
    read(&home.join(out).join("sweep.json"))
}

fn axis(text: &str) -> Axis {
    Axis::parse(text).expect("an axis")
}

fn values(text: &str) -> Vec<String> {
    let found = grid(&[axis(&format!("key={text}"))]).expect("a grid");
    found
        .iter()
        .map(|settings| shown(&settings["key"]))
        .collect()
}

#[test]
fn lists_and_ranges_have_the_values_that_they_say() {
    assert_eq!(
        values("[0.1, 3, true, \"adam\"]"),
        ["0.1", "3", "true", "adam"]
    );
    assert_eq!(values("1e-3..1e-1:log:3"), ["0.001", "0.01", "0.1"]);
    assert_eq!(values("0..1:5"), ["0", "1"], "no whole number twice");
    assert_eq!(values("0.0..1.0:5"), ["0.0", "0.25", "0.5", "0.75", "1.0"]);
    assert_eq!(values("16..256:log:5"), ["16", "32", "64", "128", "256"]);
    assert_eq!(values("[[{ linear = 8 }], [{ linear = 16 }]]").len(), 2);
    assert!(
        grid(&[axis("key=1e-3..1e-1:log")]).is_none(),
        "nobody counted the points"
    );
}

#[test]
fn what_is_no_list_and_no_range_is_refused_with_what_would_do() {
    for (text, reason) in [
        ("key", "write --over KEY=VALUES"),
        ("=1..2", "write --over KEY=VALUES"),
        ("key=3", "a list in brackets"),
        ("key=[]", "the list is empty"),
        ("key=[1, 1]", "twice"),
        ("key=[1, 2", "is not a list; write a list in brackets"),
        (
            "key=[adam,muon]",
            r#"[adam,muon] is not a list: strings need quotation marks, ["adam","muon"]"#,
        ),
        ("key=[16, one-cycle]", r#"marks, [16, "one-cycle"]"#),
        (r#"key=["adam", muon]"#, r#"marks, ["adam", "muon"]"#),
        // Marks would make these other things than they are meant to be.
        ("key=[True, False]", "is not a list; write a list"),
        ("key=[.5, 1]", "is not a list; write a list"),
        ("key=1..x", "x is not a number"),
        ("key=nan..1", "nan is not a number"),
        ("key=2..1", "a range rises"),
        ("key=0..1:log", "begin above 0"),
        ("key=0..1:1", "2 to 10000"),
        ("key=0..1:often", "neither log nor a number"),
    ] {
        let error = Axis::parse(text).expect_err(text).to_string();
        assert!(error.contains(reason), "{text}: {error}");
    }
}

#[test]
fn a_grid_has_every_combination_and_a_draw_no_two_alike() {
    let axes = [axis("a=[1, 2]"), axis("b=[\"x\", \"y\", \"z\"]")];
    let all = grid(&axes).expect("a grid");
    let pairs: Vec<String> = all
        .iter()
        .map(|found| format!("{}{}", found["a"], shown(&found["b"])))
        .collect();
    assert_eq!(pairs, ["1x", "1y", "1z", "2x", "2y", "2z"]);

    let drawn = random(&axes, 10, 7);
    assert_eq!(drawn.len(), 6, "there are no more");
    assert!(all.iter().all(|settings| drawn.contains(settings)));

    let rates = [axis("rate=1e-4..1e-1:log"), axis("width=8..64:log")];
    let drawn = random(&rates, 200, 1);
    assert_eq!(drawn, random(&rates, 200, 1), "the seed decides");
    assert_ne!(drawn, random(&rates, 200, 2));
    let rate = |settings: &gpu_mnist::runs::sweep::space::Settings| {
        settings["rate"].as_f64().expect("a number")
    };
    assert!(
        drawn
            .iter()
            .all(|found| (1e-4..=1e-1).contains(&rate(found)))
    );
    assert!(drawn.iter().all(|found| {
        found["width"]
            .as_i64()
            .is_some_and(|width| (8..=64).contains(&width))
    }));
    // By factors, a third lies in each decade.
    let lowest = drawn.iter().filter(|found| rate(found) < 1e-3).count();
    assert!(
        (45..90).contains(&lowest),
        "{lowest} of 200 in the lowest decade"
    );
}

#[test]
fn halving_gives_each_round_a_third_of_the_trials_and_three_times_the_training() {
    let found = rungs(27, 3, 27, 1000);
    let counts: Vec<usize> = found.iter().map(|rung| rung.trials).collect();
    assert_eq!(counts, [27, 9, 3, 1]);
    let epochs: Vec<Option<usize>> = found.iter().map(|rung| Some(rung.budget?.epochs)).collect();
    assert_eq!(epochs, [Some(1), Some(3), Some(9), None]);
    assert_eq!(found[3].first, 39);

    // Less than an epoch is an epoch over some of the images.
    let some = |epochs, train_limit| {
        Some(Budget {
            epochs,
            train_limit,
        })
    };
    let found = rungs(4, 2, 2, 1000);
    let budgets: Vec<Option<Budget>> = found.iter().map(|rung| rung.budget).collect();
    assert_eq!(budgets, [some(1, 500), some(1, 0), None]);
}

#[test]
fn trials_side_by_side_come_to_what_they_come_to_one_after_another() {
    let home = home_with_digits();
    let path = home.path();
    let together = sweep(path, "together", &["--jobs", "2"]);
    sweep(path, "in-turn", &["--jobs", "1"]);
    let bytes = |out: &str| fs::read_to_string(path.join(out).join("sweep.json")).expect("read");
    assert_eq!(bytes("together"), bytes("in-turn"));

    let trials = together["trials"].as_array().expect("trials");
    assert_eq!(trials.len(), 4);
    assert_eq!(
        trials[1]["settings"],
        json!({"training.batch_size": 32, "training.learning_rate": 0.001})
    );
    let accuracy = |trial: &Value| {
        trial["outcome"]["valid_accuracy"]
            .as_f64()
            .expect("a number")
    };
    let best = &trials[together["best"]["trial"].as_u64().expect("a number") as usize];
    assert!(
        trials.iter().all(|trial| accuracy(trial) <= accuracy(best)),
        "{together}"
    );

    // Each is an ordinary run; the best alone has seen the test images.
    for trial in trials {
        let run = read(
            &path
                .join("together")
                .join(trial["run"].as_str().expect("text"))
                .join("run.json"),
        );
        assert_eq!(
            run["evaluation"].is_null(),
            trial != best,
            "{}",
            trial["run"]
        );
        assert_eq!(run["ending"], "finished");
        assert_eq!(run["weights"]["sha256"], trial["outcome"]["weights_sha256"]);
    }
    assert_eq!(together["best"]["test_images"], 100);

    // Once more changes nothing, and trains nothing.
    let mut again = program(path);
    again
        .args(["sweep", "run", "together"])
        .assert()
        .success()
        .stdout(contains("test images"));
    assert_eq!(bytes("together"), bytes("in-turn"));
}

#[test]
fn the_command_of_the_best_trains_the_same_weights() {
    let home = home_with_digits();
    let path = home.path();
    let found = sweep(path, "swept", &[]);
    let output = program(path)
        .args(["sweep", "run", "swept"])
        .output()
        .expect("run");
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    let line = said
        .lines()
        .find(|line| line.starts_with("Again"))
        .expect("a command");
    // As a shell takes it.
    let command = line.split_once("gpu-mnist").expect("a command").1;
    let mut shell = Command::new("sh");
    shell.current_dir(path).arg("-c").arg(format!(
        "{} {command} --out again",
        env!("CARGO_BIN_EXE_gpu-mnist")
    ));
    let status = shell
        .env("XDG_CACHE_HOME", path)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.expect("sh").success(), "{command}");
    let again = read(&path.join("again/run.json"));
    let best = found["best"]["trial"].as_u64().expect("a number") as usize;
    assert_eq!(
        again["weights"]["sha256"],
        found["trials"][best]["outcome"]["weights_sha256"]
    );
    assert_eq!(
        again["evaluation"]["accuracy"],
        found["best"]["test_accuracy"]
    );
}

#[test]
fn halving_has_the_best_go_on() {
    let home = home_with_digits();
    let found = sweep(
        home.path(),
        "halved",
        &["--method", "halving", "--eta", "2", "--epochs", "2"],
    );
    let trials = found["trials"].as_array().expect("trials");
    let counts: Vec<u64> = found["rungs"]
        .as_array()
        .expect("rungs")
        .iter()
        .filter_map(|rung| rung["trials"].as_u64())
        .collect();
    assert_eq!(counts, [4, 2, 1]);
    let order = |trials: &[Value]| {
        let key = |trial: &Value| {
            let outcome = &trial["outcome"];
            let [accuracy, loss] =
                ["valid_accuracy", "valid_loss"].map(|of| outcome[of].as_f64().expect("a number"));
            (-accuracy, loss)
        };
        let mut sorted: Vec<&Value> = trials.iter().collect();
        sorted.sort_by(|a, b| key(a).partial_cmp(&key(b)).expect("numbers"));
        sorted
            .iter()
            .map(|trial| trial["trial"].clone())
            .collect::<Vec<_>>()
    };
    let of = |trials: &[Value]| {
        trials
            .iter()
            .map(|trial| trial["repeats"].clone())
            .collect::<Vec<_>>()
    };
    assert_eq!(of(&trials[4..6]), order(&trials[..4])[..2]);
    assert_eq!(of(&trials[6..]), order(&trials[4..6])[..1]);
    assert_eq!(
        trials[6]["settings"],
        trials[trials[6]["repeats"].as_u64().expect("a number") as usize]["settings"]
    );
    assert_eq!(
        (
            &trials[0]["outcome"]["epochs"],
            &trials[6]["outcome"]["epochs"]
        ),
        (&json!(1), &json!(2))
    );
    assert_eq!(found["best"]["trial"], 6);
    // What trained less cannot be compared, and is not passed over in silence.
    program(home.path())
        .args(["sweep", "collect", "halved"])
        .assert()
        .code(0)
        .stdout(
            contains("The one trial of the last round\n")
                .and(contains(
                    "What mattered among the 4 trials of the first round\n",
                ))
                .and(contains("6 trials of earlier rounds"))
                .and(contains("`gpu-mnist sweep status halved`")),
        );
    let page = fs::read_to_string(home.path().join("halved/report.html")).expect("a page");
    assert!(page.contains("Among the trials of the first round, the share"));
}

#[test]
fn a_trial_that_fails_is_kept_with_its_reason_and_the_others_go_on() {
    let home = home_with_digits();
    let path = home.path();
    let mut command = program(path);
    command.args(["sweep", "--out", "swept"]).args(&FOUR[..8]);
    command.args(["--over", "training.learning_rate=[0.01, 1e30]"]);
    command
        .assert()
        .code(1)
        .stderr(contains("1 of 2 trials failed").and(contains("sweep run swept --retry")));
    let found = read(&path.join("swept/sweep.json"));
    assert_eq!(found["trials"][0]["outcome"]["state"], "finished");
    assert_eq!(found["trials"][1]["outcome"]["state"], "failed");
    let reason = found["trials"][1]["outcome"]["reason"]
        .as_str()
        .expect("a reason");
    assert!(reason.contains("the loss became"), "{reason}");
    assert_eq!(found["best"]["trial"], 0);

    let mut status = program(path);
    status
        .args(["sweep", "status", "swept"])
        .assert()
        .success()
        .stdout(contains("Trial 1 failed: ").and(contains("the loss became")));

    // It is not tried again unless someone asks.
    let mut again = program(path);
    again
        .args(["sweep", "run", "swept", "--trial", "1"])
        .assert()
        .code(1)
        .stderr(contains("--retry"));
    let mut retried = program(path);
    retried
        .args(["sweep", "run", "swept", "--retry"])
        .assert()
        .code(1);
    assert_eq!(read(&path.join("swept/sweep.json")), found);
}

fn start(home: &Path, arguments: &[&str]) -> Child {
    let mut command = Command::new(env!("CARGO_BIN_EXE_gpu-mnist"));
    command
        .current_dir(home)
        .args(arguments)
        .env("XDG_CACHE_HOME", home);
    command
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null());
    command.spawn().expect("the program")
}

#[test]
fn a_sweep_that_is_killed_again_and_again_ends_as_if_undisturbed() {
    let home = home_with_digits();
    let path = home.path();
    let more = ["--epochs", "3", "--set", "training.checkpoint_every=5"];
    sweep(path, "calm", &more);
    let mut plan = program(path);
    plan.args(["sweep", "plan", "--out", "killed"])
        .args(FOUR)
        .args(more)
        .assert()
        .success();
    // Times that end up anywhere: planning, training, saving, collecting.
    for (round, wait) in [60u64, 250, 410, 90, 700, 330, 1100, 520, 180, 870]
        .into_iter()
        .enumerate()
    {
        let mut child = start(path, &["-q", "sweep", "run", "killed"]);
        std::thread::sleep(Duration::from_millis(wait));
        child.kill().expect("kill");
        child.wait().expect("wait");
        let readable = program(path)
            .args(["sweep", "status", "killed", "--json"])
            .output()
            .expect("status");
        assert!(
            readable.status.success(),
            "round {round}: {}",
            String::from_utf8_lossy(&readable.stderr)
        );
    }
    let mut last = program(path);
    last.args(["sweep", "run", "killed"])
        .timeout(Duration::from_secs(120))
        .assert()
        .success();
    let bytes = |out: &str| fs::read_to_string(path.join(out).join("sweep.json")).expect("read");
    assert_eq!(bytes("killed"), bytes("calm"));
}

#[test]
fn single_trials_are_left_alone_once_they_have_ended_and_while_another_process_has_them() {
    let home = home_with_digits();
    let path = home.path();
    let mut plan = program(path);
    plan.args(["sweep", "plan", "--out", "swept", "--json"])
        .args(FOUR)
        .assert()
        .success();
    let trial = |number: &str| {
        let mut command = program(path);
        command.args([
            "sweep", "run", "swept", "--device", "cpu", "--trial", number,
        ]);
        command
    };
    trial("2").assert().success().stdout(contains("trial 2:"));
    let record = path.join("swept/trial-2/run.json");
    let before = fs::metadata(&record)
        .and_then(|found| found.modified())
        .expect("a time");
    trial("env")
        .env("SLURM_ARRAY_TASK_ID", "2")
        .assert()
        .success()
        .stdout(contains("trial 2:"));
    assert_eq!(
        fs::metadata(&record)
            .and_then(|found| found.modified())
            .expect("a time"),
        before
    );

    trial("env")
        .assert()
        .code(2)
        .stderr(contains("SLURM_ARRAY_TASK_ID"));
    trial("4")
        .assert()
        .code(2)
        .stderr(contains("the trials 0 to 3"));
    trial("x")
        .assert()
        .code(2)
        .stderr(contains("the number of a trial"));

    // Whoever holds the lock has the trial.
    fs::create_dir_all(path.join("swept/trial-3")).expect("a folder");
    let lock = fs::File::create(path.join("swept/trial-3/.lock")).expect("a file");
    lock.lock().expect("a lock");
    trial("3")
        .assert()
        .code(2)
        .stderr(contains("another gpu-mnist"));
    drop(lock);
    trial("3").assert().success();

    let status = program(path)
        .args(["sweep", "status", "swept", "--json"])
        .output()
        .expect("status");
    let status: Value = serde_json::from_slice(&status.stdout).expect("JSON");
    let states: Vec<&str> = status
        .as_array()
        .expect("a list")
        .iter()
        .filter_map(|of| of["state"].as_str())
        .collect();
    assert_eq!(states, ["waiting", "waiting", "finished", "finished"]);
    // What has not ended is not chosen.
    let mut collected = program(path);
    collected
        .args(["sweep", "collect", "swept"])
        .assert()
        .success()
        .stdout(contains("2 trials have not ended"));
    assert!(read(&path.join("swept/sweep.json"))["best"].is_null());
}

#[test]
fn a_file_says_what_is_varied_and_the_command_line_has_the_last_word() {
    let home = home_with_digits();
    let path = home.path();
    let spec = "method = \"random\"\ntrials = 2\nconfig = \"smoke\"\n[set]\ndata.set = \"digits\"\ndata.validation_size = 100\n\
        training.epochs = 1\n[over]\ntraining.learning_rate = \"1e-3..1e-2:log\"\nmodel.layers = [[{ linear = 8 }], [{ linear = 16 }]]\n";
    fs::write(path.join("search.toml"), spec).expect("write");
    let mut command = program(path);
    command
        .args([
            "sweep",
            "plan",
            "search.toml",
            "--trials",
            "3",
            "--out",
            "swept",
        ])
        .assert()
        .success();
    let plan = read(&path.join("swept/sweep.json"));
    assert_eq!(
        (&plan["method"], plan["trials"].as_array().map(Vec::len)),
        (&json!("random"), Some(3))
    );
    let base = fs::read_to_string(path.join("swept/base.toml")).expect("read");
    assert!(base.contains("test = false"), "{base}");

    for (text, message) in [
        ("over = 3", "must be a table, [over]"),
        ("[over]\nseed = 3", "over.seed: 3 is neither a list"),
        (
            "method = \"luck\"\n[over]\nseed = [1, 2]",
            "must be grid, random or halving",
        ),
        ("trial = 3", "trial is not known here"),
        ("[set]\ntraining.rate = 3", "training.rate"),
        ("[over", "search.toml"),
    ] {
        fs::write(path.join("search.toml"), text).expect("write");
        let mut command = program(path);
        command
            .args(["sweep", "plan", "search.toml"])
            .assert()
            .code(2)
            .stderr(contains(message));
    }
}

#[test]
fn what_cannot_be_swept_is_refused_before_anything_is_written() {
    let home = home_with_digits();
    let path = home.path();
    for (arguments, code, message) in [
        (&[][..], 2, "nothing to vary"),
        (
            &["--over", "training.rate=[1, 2]"],
            2,
            "--over: unknown setting",
        ),
        (
            &["--over", "training.epochs=[1, 0]"],
            2,
            "trial 1 (training.epochs=0)",
        ),
        (
            &["--over", "training.optimizer=[\"adam\", \"magic\"]"],
            2,
            "magic",
        ),
        (
            &["--over", "data.set=[\"digits\", \"mnist\"]"],
            2,
            "the same images",
        ),
        (&["--over", "data.size=[16, 20]"], 2, "share the images"),
        (
            &["--over", "data.colour=[\"grey\", \"rgb\"]"],
            2,
            "share the images",
        ),
        (
            &["--over", "data.test_fraction=[0.1, 0.2]"],
            2,
            "the same validation images",
        ),
        (
            &["--over", "data.test_seed=[1, 2]"],
            2,
            "the same validation images",
        ),
        (
            &["--over", "seed=[1, 2]", "--over", "seed=[3, 4]"],
            2,
            "twice",
        ),
        (
            &[
                "--over",
                "training.learning_rate=1e-3..1e-2",
                "--method",
                "grid",
            ],
            2,
            "a grid needs points",
        ),
        (
            &[
                "--over",
                "seed=[1, 2]",
                "--method",
                "random",
                "--trials",
                "3",
            ],
            2,
            "only 2 combinations",
        ),
        (
            &[
                "--over",
                "training.learning_rate=1e-3..1e-2:log:3",
                "--trials",
                "4",
            ],
            2,
            "only 3 combinations",
        ),
        (
            &["--over", "seed=[1, 2]", "--method", "grid", "--trials", "2"],
            2,
            "a grid has every combination",
        ),
        (
            &["--over", "seed=[1, 2]", "--eta", "2"],
            2,
            "only --method halving",
        ),
        (
            &["--over", "training.epochs=[1, 2]", "--method", "halving"],
            2,
            "halving shares that out itself",
        ),
        (
            &["--over", "seed=[1, 2]", "--set", "data.validation_size=0"],
            2,
            "data.validation_size",
        ),
        (
            &["--over", "seed=[1, 2]", "--dataset", "nowhere"],
            4,
            "nowhere",
        ),
        (
            &[
                "--over",
                "model.layers=[[{ convolution = 8, kernel = 40 }], [{ linear = 8 }]]",
            ],
            2,
            "trial 0",
        ),
    ] {
        let mut command = program(path);
        command.args([
            "sweep",
            "plan",
            "--device",
            "cpu",
            "--dataset",
            "digits",
            "--out",
            "swept",
        ]);
        // The last word of an option that stands twice is the test's.
        let given: Vec<&str> = arguments.to_vec();
        if given.contains(&"--dataset") {
            command = program(path);
            command.args(["sweep", "plan", "--out", "swept"]);
        }
        command
            .args(given)
            .assert()
            .code(code)
            .stderr(contains(message));
        assert!(!path.join("swept").exists(), "{arguments:?}");
    }
    let mut command = program(path);
    command
        .args(["sweep", "run", "digits"])
        .assert()
        .code(4)
        .stderr(contains("no sweep.json"));
}

/// Values that are drawn lie as close as chance has them; their labels do not cover each other.
#[test]
fn labels_of_a_page_stand_apart() {
    let home = home_with_digits();
    let rates = "training.learning_rate=1e-3..1e-2:log";
    let mut command = program(home.path());
    command
        .args(["sweep", "--dataset", "digits", "--device", "cpu"])
        .args([
            "--set",
            "model.layers=[]",
            "--set",
            "data.validation_size=60",
        ])
        .args(["--over", rates, "--method", "random", "--trials", "7"])
        .args(["--out", "swept"])
        .assert()
        .success();
    let page = fs::read_to_string(home.path().join("swept/report.html")).expect("a page");
    let label = |line: &str| {
        let (at, rest) = line.strip_prefix("<text x=\"")?.split_once('"')?;
        let text = rest.split_once('>')?.1.strip_suffix("</text>")?;
        Some((at.parse::<f64>().ok()?, text.len() as f64))
    };
    let labels: Vec<(f64, f64)> = page.lines().filter_map(label).collect();
    assert!((2..7).contains(&labels.len()), "{labels:?}");
    for pair in labels.windows(2) {
        let [(at, width), (next, wide)] = [pair[0], pair[1]];
        assert!(next - at > 3.0 * (width + wide), "{labels:?}");
    }
}

#[test]
fn a_sweep_has_a_page_a_line_in_the_list_and_an_ensemble() {
    let home = home_with_digits();
    let path = home.path();
    let found = sweep(path, "runs/swept", &[]);
    let page = fs::read_to_string(path.join("runs/swept/report.html")).expect("a page");
    for text in [
        "Sweep on digits",
        "polyline",
        "training.learning_rate",
        "--set training.batch_size=",
    ] {
        assert!(page.contains(text), "{text}");
    }
    let mut list = program(path);
    let line = "a sweep, 4 of 4 trials, the best is trial";
    list.args(["runs", "list"])
        .assert()
        .success()
        .stdout(contains("swept").and(contains(line)));

    let json = |arguments: &[&str]| -> Value {
        let output = program(path).args(arguments).output().expect("run");
        let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
        serde_json::from_slice(&output.stdout).unwrap_or_else(|_| panic!("{arguments:?}: {stderr}"))
    };
    // A sweep stands for its best trial.
    let best = json(&["evaluate", "runs/swept", "--device", "cpu", "--json"]);
    assert_eq!(best["accuracy"], found["best"]["test_accuracy"]);
    let together = json(&[
        "evaluate",
        "--ensemble",
        "runs/swept",
        "--top",
        "3",
        "--device",
        "cpu",
        "--json",
    ]);
    assert_eq!(together["networks"], 3);
    let mut predicted = program(path);
    predicted
        .args(["report", "runs/swept"])
        .assert()
        .success()
        .stdout(contains("report.html"));
    let mut resumed = program(path);
    resumed
        .args(["train", "--resume", "runs/swept"])
        .assert()
        .code(2)
        .stderr(contains("gpu-mnist sweep run runs/swept"));
    let mut taken = program(path);
    taken
        .args(["train", "--out", "runs/swept"])
        .assert()
        .code(2)
        .stderr(contains("a sweep"));
    let mut removed = program(path);
    removed
        .args(["runs", "prune", "--keep", "0"])
        .assert()
        .success();
    assert!(!path.join("runs/swept").exists());
}

#[test]
fn a_training_without_the_test_images_says_so_and_can_be_evaluated_later() {
    let home = home_with_digits();
    let path = home.path();
    let mut train = program(path);
    train
        .args(["train", "--out", "run", "--set", "evaluation.test=false"])
        .args(&FOUR[..8]);
    train
        .assert()
        .success()
        .stdout(contains("were not looked at").and(contains("gpu-mnist evaluate run")));
    assert!(read(&path.join("run/run.json"))["evaluation"].is_null());
    assert!(!path.join("run/evaluation.json").exists());
    let evaluated = program(path)
        .args(["evaluate", "run", "--device", "cpu", "--json"])
        .output()
        .expect("run");
    let evaluated: Value = serde_json::from_slice(&evaluated.stdout).expect("JSON");
    assert_eq!(evaluated["total"], 100);
    // It has ended: there is nothing to go on with.
    let mut again = program(path);
    again
        .args(["train", "--resume", "run", "--device", "cpu"])
        .assert()
        .success()
        .stdout(contains("gpu-mnist evaluate run"));
    // Unless someone wants the test images now.
    let mut now = program(path);
    now.args([
        "train",
        "--resume",
        "run",
        "--device",
        "cpu",
        "--set",
        "evaluation.test=true",
    ])
    .assert()
    .success();
    assert_eq!(
        read(&path.join("run/run.json"))["evaluation"]["accuracy"],
        evaluated["accuracy"]
    );
    let mut seeds = program(path);
    seeds
        .args(["train", "--seeds", "2", "--set", "evaluation.test=false"])
        .args(&FOUR[..8]);
    seeds.assert().code(2).stderr(contains("evaluation.test"));
}

#[test]
fn a_job_of_slurm_becomes_the_program_and_hyperqueue_gets_the_words() {
    let home = home_with_digits();
    let path = home.path();
    let out = "sweeps/of Anna's";
    let mut plan = program(path);
    plan.args(["sweep", "plan", "--out", out])
        .args(FOUR)
        .assert()
        .success();
    let mut submit = program(path);
    submit.args([
        "sweep",
        "submit",
        out,
        "--to",
        "slurm",
        "--dry-run",
        "--partition",
        "gpu",
        "--gpus",
        "1",
        "--time",
        "1:00:00",
    ]);
    submit.args(["--cpus", "4", "--at-once", "2", "--option=--account=lab"]);
    submit
        .assert()
        .success()
        .stdout(contains("sbatch --parsable --array=0-3%2"));
    let script = fs::read_to_string(path.join(out).join("job-slurm.sh")).expect("a script");
    for line in [
        "#SBATCH --cpus-per-task=4",
        "#SBATCH --partition=gpu",
        "#SBATCH --gres=gpu:1",
        "#SBATCH --time=1:00:00",
        "#SBATCH --account=lab",
        "#SBATCH --requeue",
    ] {
        assert!(
            script.lines().any(|found| found == line),
            "{line}\n{script}"
        );
    }
    let by_hand = "`sbatch --array=0-3 job-slurm.sh` submits 4 trials by hand.";
    assert!(script.contains(by_hand), "{script}");
    let last = script.lines().last().expect("a line");
    assert!(
        last.starts_with("exec ") && last.ends_with("--trial env"),
        "{last}"
    );
    assert!(last.contains(r"of Anna'\''s'"), "{last}");

    let mut trial = program(path);
    trial.args(["sweep", "run", out, "--device", "cpu", "--trial", "1"]);
    trial.assert().success();
    let mut submit = program(path);
    submit.args(["sweep", "submit", out, "--to", "hq", "--dry-run"]);
    submit
        .assert()
        .success()
        .stdout(contains("submit --array=0,2-3 ").and(contains("job-hq.sh")));
    let script = fs::read_to_string(path.join(out).join("job-hq.sh")).expect("a script");
    let by_hand = "`hq submit --array=0,2-3 job-hq.sh` submits 3 trials by hand.";
    assert!(script.contains(by_hand), "{script}");
    assert!(
        script.contains("--cpus=1") && script.contains("--trial env >> "),
        "{script}"
    );
    for flag in ["--partition=p", "--at-once=2"] {
        let mut submit = program(path);
        submit.args(["sweep", "submit", out, "--to", "hq", "--dry-run", flag]);
        submit
            .assert()
            .code(2)
            .stderr(contains("HyperQueue has no such thing"));
    }
}

#[test]
fn two_engines_share_the_trials_of_one_sweep() {
    let home = home_with_digits();
    let path = home.path();
    sweep(path, "alone", &["--epochs", "2"]);
    let mut plan = program(path);
    plan.args(["sweep", "plan", "--out", "shared", "--epochs", "2"]);
    plan.args(FOUR).assert().success();
    let arguments = ["sweep", "run", "shared", "--jobs", "2"];
    let both = [start(path, &arguments), start(path, &arguments)];
    for mut child in both {
        assert!(child.wait().expect("wait").success());
    }
    let bytes = |out: &str| fs::read_to_string(path.join(out).join("sweep.json")).expect("read");
    assert_eq!(bytes("shared"), bytes("alone"));
    // None was trained twice: a second training would be a second command of its run.
    for trial in 0..4 {
        let run = read(&path.join(format!("shared/trial-{trial}/run.json")));
        let commands = run["commands"].as_array().expect("commands");
        let trained = commands
            .iter()
            .filter(|line| line.to_string().contains("--trial"))
            .count();
        assert_eq!(trained, 1, "{commands:?}");
    }
}

#[test]
fn a_trial_of_a_round_whose_best_go_on_already_is_not_tried_again() {
    let home = home_with_digits();
    let path = home.path();
    let mut command = program(path);
    command
        .args([
            "sweep", "--out", "halved", "--method", "halving", "--eta", "2",
        ])
        .args(&FOUR[..8])
        .args([
            "--over",
            "training.learning_rate=[0.003, 0.01, 1e30, 0.001]",
        ]);
    command.assert().code(1).stderr(contains("trials failed"));
    let before = read(&path.join("halved/sweep.json"));
    assert_eq!(before["trials"][2]["outcome"]["state"], "failed");
    assert_eq!(before["trials"][6]["outcome"]["state"], "finished");
    let mut retried = program(path);
    retried.args(["sweep", "run", "halved", "--retry"]);
    retried.assert().code(1);
    assert_eq!(read(&path.join("halved/sweep.json")), before);
}
