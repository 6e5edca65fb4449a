//! A sweep of small trials, the same on this machine without an engine, and what must hold of it afterwards.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{said, wait};
use crate::support::program;

const PLAN: &[&str] = &[
    "sweep",
    "plan",
    "--dataset",
    "synthetic",
    "--device",
    "cpu",
    "--train-limit",
    "960",
    "--set",
    "data.validation_size=200",
    "--set",
    "model.layers=[{convolution=8,kernel=5,pool=2},{linear=16}]",
    "--set",
    "training.checkpoint_every=5",
];
/// 24 trials.
pub const GRID: &[&str] = &[
    "--over",
    "training.learning_rate=1e-4..1e-1:log:8",
    "--over",
    "training.batch_size=[16, 32, 64]",
    "--epochs",
    "4",
];
/// Nine trials that train a little, three of them longer, and one to the end.
pub const HALVING: &[&str] = &[
    "--over",
    "training.learning_rate=1e-4..1e-1:log",
    "--method",
    "halving",
    "--trials",
    "9",
    "--epochs",
    "9",
];

/// A sweep in the folder `sweep` of a home, and the environment by which its commands find the engine.
pub struct Sweep<'a> {
    home: &'a Path,
    environment: Vec<(&'static str, PathBuf)>,
}

impl<'a> Sweep<'a> {
    pub fn plan(home: &'a Path, over: &[&str], environment: &[(&'static str, PathBuf)]) -> Self {
        let sweep = Self {
            home,
            environment: environment.to_vec(),
        };
        sweep.run(&[PLAN, over, &["--out", "sweep"]].concat());
        sweep
    }

    pub fn folder(&self) -> PathBuf {
        self.home.join("sweep")
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let plain = program(self.home);
        let mut command = Command::new(plain.get_program());
        command.current_dir(self.home).args(arguments);
        for (name, value) in plain.get_envs() {
            match value {
                Some(value) => command.env(name, value),
                None => command.env_remove(name),
            };
        }
        command.envs(self.environment.iter().cloned());
        command
    }

    /// Runs the program to its end; gives what it says.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.command(arguments).output().expect("started");
        assert!(output.status.success(), "{arguments:?}: {}", said(&output));
        said(&output)
    }

    pub fn start(&self, arguments: &[&str]) -> Child {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        command.spawn().expect("started")
    }

    /// States of the trials: waiting, begun, finished, failed.
    pub fn states(&self) -> Vec<String> {
        let output = self
            .command(&["sweep", "status", "sweep", "--json"])
            .output();
        let output = output.expect("started");
        let found: Vec<Value> = serde_json::from_slice(&output.stdout)
            .unwrap_or_else(|error| panic!("{error}: {}", said(&output)));
        let state = |trial: &Value| trial["state"].as_str().expect("a state").to_string();
        found.iter().map(state).collect()
    }

    /// Waits until so many trials have ended while others are being trained.
    pub fn wait_for(&self, finished: usize) {
        wait("trials that end, and one that has not", 180, || {
            let states = self.states();
            let count = |state: &str| states.iter().filter(|found| *found == state).count();
            match count("finished") >= finished && count("begun") > 0 {
                true => Ok(()),
                false => Err(format!("{states:?}\n{}", self.logs())),
            }
        });
    }

    /// The record is that of the same plan on this machine without an engine.
    pub fn assert_as_without_engine(&self) {
        let reference = self.home.join("reference");
        fs::create_dir(&reference).expect("made");
        fs::copy(self.folder().join("base.toml"), reference.join("base.toml")).expect("copied");
        let record: Value = serde_json::from_str(&self.record("sweep")).expect("JSON");
        let mut plan = record.clone();
        plan["best"] = Value::Null;
        let first = |rung: &Value| rung["trials"].as_u64().expect("a number") as usize;
        let first = first(&plan["rungs"][0]);
        for (number, trial) in plan["trials"]
            .as_array_mut()
            .expect("trials")
            .iter_mut()
            .enumerate()
        {
            trial["outcome"] = serde_json::json!({"state": "waiting"});
            if number >= first {
                trial["settings"] = Value::Null;
                trial.as_object_mut().expect("a trial").remove("repeats");
            }
        }
        fs::write(reference.join("sweep.json"), plan.to_string()).expect("written");
        self.run(&["sweep", "run", "reference", "--device", "cpu"]);
        assert!(record["best"]["test_accuracy"].is_f64(), "{record}");
        assert_eq!(self.record("sweep"), self.record("reference"));
    }

    /// No step of any trial was trained twice and recorded twice, and of each the epochs are all there.
    pub fn assert_whole(&self) {
        let record: Value = serde_json::from_str(&self.record("sweep")).expect("JSON");
        for trial in record["trials"].as_array().expect("trials") {
            let run = trial["run"].as_str().expect("a folder");
            let text =
                fs::read_to_string(self.folder().join(run).join("metrics.jsonl")).expect("metrics");
            let lines = text
                .lines()
                .map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
            let epochs = lines.filter(|line| line["kind"] == "epoch");
            let epochs: Vec<Value> = epochs.map(|line| line["epoch"].clone()).collect();
            let all = trial["outcome"]["epochs"].as_u64().expect("a number");
            let once: Vec<Value> = (1..=all).map(Value::from).collect();
            assert_eq!(epochs, once, "{run}");
        }
    }

    /// How often each trial began to train, as the logs of its processes tell.
    pub fn starts(&self, log: impl Fn(usize) -> PathBuf) -> Vec<usize> {
        let count = |trial| {
            let text = fs::read_to_string(log(trial)).unwrap_or_default();
            text.matches("INFO device: ").count()
        };
        (0..self.states().len()).map(count).collect()
    }

    fn record(&self, name: &str) -> String {
        fs::read_to_string(self.home.join(name).join("sweep.json")).expect("a record")
    }

    /// What the processes of the trials said.
    fn logs(&self) -> String {
        let logs = fs::read_dir(self.folder().join("logs"));
        let texts = logs.into_iter().flatten().flatten();
        let text = |entry: fs::DirEntry| fs::read_to_string(entry.path()).unwrap_or_default();
        texts.map(text).collect()
    }
}
