//! The same trials through every engine: each once, none lost, and all as without one.

use std::path::Path;
use std::process::{Child, Command};

use tempfile::tempdir;

use super::hyperqueue::HyperQueue;
use super::slurm::Slurm;
use super::sweeps::{GRID, HALVING, Sweep};
use super::{Machine, missing, said, skip, try_output, wait};

const SLURM: &[&str] = &[
    "sweep", "submit", "sweep", "--to", "slurm", "--every", "0.3", "--device", "cpu",
];
const HQ: &[&str] = &[
    "sweep", "submit", "sweep", "--to", "hq", "--every", "0.3", "--device", "cpu",
];
const HANDED_OVER: &str = "in the queue as job";

/// Waits for a command that was started.
fn finish(child: Child) -> String {
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

/// Ends what the trials run on while some have ended and others are being trained; gives their states then.
fn lose<C>(
    sweep: &Sweep,
    cluster: &mut C,
    kill: impl Fn(&mut C),
    start: impl Fn(&mut C),
) -> Vec<String> {
    for _ in 0..5 {
        sweep.wait_for(6);
        kill(cluster);
        let states = sweep.states();
        if states.iter().any(|state| state == "begun") {
            return states;
        }
        // The trial came to its end in that moment.
        start(cluster);
    }
    panic!("no trial was caught: {:?}", sweep.states());
}

/// A trial that had ended when its machine was lost began once; the others again, if they had begun. (Slurm tells a node
/// that is back to end what ran there, which may hit a trial that has just started again: hence a third time.)
fn assert_starts(states: &[String], starts: &[usize]) {
    for (trial, (state, &starts)) in states.iter().zip(starts).enumerate() {
        let most = if state == "finished" { 1 } else { 3 };
        assert!(
            (1..=most).contains(&starts),
            "trial {trial}, {state}: {starts} starts"
        );
    }
}

/// How often each of `count` trials was handed over, as `text` tells: "2 trials in the queue as job 7: 3, 5-6".
fn times_handed_over(text: &str, count: usize) -> Vec<usize> {
    let mut times = vec![0; count];
    let told = text.lines().filter(|line| line.contains(HANDED_OVER));
    let lists = told.filter_map(|line| line.rsplit(": ").next());
    for part in lists.flat_map(|list| list.split(',')) {
        let number = |text: &str| -> usize { text.trim().parse().expect("a trial") };
        let (first, last) = part.split_once('-').unwrap_or((part, part));
        (number(first)..=number(last)).for_each(|trial| times[trial] += 1);
    }
    times
}

/// A Slurm of the test's own, and a sweep planned in `home`; `None` where Slurm is missing, which is said.
fn on_slurm<'a>(test: &str, home: &'a Path, over: &[&str]) -> Option<(Slurm, Sweep<'a>)> {
    let slurm = Slurm::start(test)?;
    let sweep = Sweep::plan(home, over, &[("SLURM_CONF", slurm.configuration())]);
    Some((slurm, sweep))
}

#[test]
fn slurm_trains_every_trial_once_and_none_is_lost_with_its_node() {
    let test = "slurm_trains_every_trial_once_and_none_is_lost_with_its_node";
    let home = tempdir().expect("a folder");
    let Some((mut slurm, sweep)) = on_slurm(test, home.path(), GRID) else {
        return;
    };
    let log = |trial| sweep.folder().join(format!("logs/slurm-{trial}.log"));

    // Who follows may go, and come back.
    let child = sweep.start(SLURM);
    sweep.wait_for(3);
    try_output(Command::new("kill").args(["-INT", &child.id().to_string()])).expect("interrupted");
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("scancel 1"), "{}", said(&output));

    let child = sweep.start(SLURM);
    let states = lose(&sweep, &mut slurm, Slurm::kill_node, Slurm::start_node);
    slurm.start_node();
    finish(child);
    sweep.assert_as_without_engine();
    sweep.assert_whole();
    assert_starts(&states, &sweep.starts(log));

    // All have ended: nothing is handed over.
    let text = sweep.run(SLURM);
    assert!(!text.contains(HANDED_OVER), "{text}");
    assert_eq!(slurm.ask("squeue", &["-h"]), Ok(String::new()));
}

#[test]
fn slurm_gets_the_rounds_of_halving_one_after_another() {
    let test = "slurm_gets_the_rounds_of_halving_one_after_another";
    let home = tempdir().expect("a folder");
    let Some((_slurm, sweep)) = on_slurm(test, home.path(), HALVING) else {
        return;
    };
    let text = sweep.run(SLURM);
    assert_eq!(text.matches(HANDED_OVER).count(), 3, "{text}");
    for array in ["0-8", "9-11", "12"] {
        assert!(text.contains(&format!(": {array}\n")), "{array}: {text}");
    }
    sweep.assert_as_without_engine();
    sweep.assert_whole();
}

#[test]
fn trials_that_slurm_ends_early_are_handed_over_again() {
    let test = "trials_that_slurm_ends_early_are_handed_over_again";
    let home = tempdir().expect("a folder");
    let Some((slurm, sweep)) = on_slurm(test, home.path(), GRID) else {
        return;
    };
    let child = sweep.start(SLURM);
    sweep.wait_for(2);
    slurm.ask("scancel", &["1"]).expect("cancelled");
    let text = finish(child);
    // Those that ran need a moment to save, each its own, and are handed over as they end.
    let times = times_handed_over(&text, sweep.states().len());
    let once_or_twice = times.iter().all(|times| (1..=2).contains(times));
    assert!(once_or_twice && times.contains(&2), "{text}");
    sweep.assert_as_without_engine();
    sweep.assert_whole();
}

#[test]
fn what_slurm_refuses_is_said() {
    let test = "what_slurm_refuses_is_said";
    let home = tempdir().expect("a folder");
    let Some((slurm, sweep)) = on_slurm(test, home.path(), HALVING) else {
        return;
    };
    for (option, reason) in [
        (
            "--partition=none-such",
            "invalid partition specified: none-such",
        ),
        ("--gpus=2", "Invalid generic resource (gres) specification"),
        ("--time=soon", "Invalid --time specification"),
    ] {
        let output = sweep
            .start(&[SLURM, &[option]].concat())
            .wait_with_output()
            .expect("ended");
        assert_eq!(output.status.code(), Some(1), "{option}: {}", said(&output));
        assert!(
            said(&output).contains(reason),
            "{option}: {}",
            said(&output)
        );
    }
    assert_eq!(slurm.ask("squeue", &["-h"]), Ok(String::new()));
}

#[test]
fn hyperqueue_trains_every_trial_once_and_none_is_lost_with_its_worker() {
    let test = "hyperqueue_trains_every_trial_once_and_none_is_lost_with_its_worker";
    let Some(mut cluster) = HyperQueue::start(test) else {
        return;
    };
    let home = tempdir().expect("a folder");
    let environment = [
        ("HQ_SERVER_DIR", cluster.server()),
        ("PATH", cluster.path()),
    ];
    let sweep = Sweep::plan(home.path(), GRID, &environment);
    let child = sweep.start(HQ);
    let states = lose(
        &sweep,
        &mut cluster,
        HyperQueue::kill_worker,
        HyperQueue::start_worker,
    );
    cluster.start_worker();
    let text = finish(child);
    assert_eq!(
        text.matches(HANDED_OVER).count(),
        1,
        "handed over again: {text}"
    );
    sweep.assert_as_without_engine();
    sweep.assert_whole();
    let log = |trial| sweep.folder().join(format!("logs/hq-{trial}.log"));
    assert_starts(&states, &sweep.starts(log));
}

/// PyPI's package has HyperQueue's server and worker, but no `hq`: the trials are tasks of an array there.
#[test]
fn tasks_of_hyperqueue_are_trials_and_none_is_lost_with_its_server() {
    let test = "tasks_of_hyperqueue_are_trials_and_none_is_lost_with_its_server";
    let python = std::env::var("GPU_MNIST_PYTHON").unwrap_or_else(|_| "python3".into());
    let has_it = try_output(Command::new(&python).args(["-c", "import hyperqueue"]));
    if let Some(why) = missing(&[]).or(has_it.err()) {
        return skip("hyperqueue", test, &why);
    }
    let home = tempdir().expect("a folder");
    let sweep = Sweep::plan(home.path(), GRID, &[]);
    let logs = |attempt: usize| home.path().join(format!("attempt-{attempt}"));
    let cluster = |attempt: usize| {
        std::fs::create_dir(logs(attempt)).expect("made");
        let mut command = Command::new(&python);
        command
            .arg(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/tests/interop/hyperqueue_cluster.py"
            ))
            .arg(logs(attempt))
            .args(["2", "24", env!("CARGO_BIN_EXE_gpu-mnist"), "sweep", "run"])
            .arg(sweep.folder())
            .args(["--trial", "env"]);
        Machine::start(&command, &logs(attempt).join("cluster.log"))
    };
    let mut first = Some(cluster(1));
    let states = lose(&sweep, &mut first, |first| drop(first.take()), |_| ());
    let mut second = cluster(2);
    wait("all trials", 180, || match second.runs() {
        false => Ok(()),
        true => Err(format!("{:?}", sweep.states())),
    });
    sweep.run(&["sweep", "collect", "sweep", "--device", "cpu"]);

    sweep.assert_as_without_engine();
    sweep.assert_whole();
    let starts =
        [1, 2].map(|attempt| sweep.starts(|trial| logs(attempt).join(format!("task-{trial}.log"))));
    let both: Vec<usize> = starts[0]
        .iter()
        .zip(&starts[1])
        .map(|(first, second)| first + second)
        .collect();
    assert_starts(&states, &both);
}
