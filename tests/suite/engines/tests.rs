//! The same trials through every engine: each once, none lost, and all as without one.

use std::process::Command;

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

/// Waits for a command that was started.
fn finish(child: std::process::Child) -> String {
    let output = child.wait_with_output().expect("ended");
    assert!(output.status.success(), "{}", said(&output));
    said(&output)
}

fn interrupt(child: &std::process::Child) {
    let killed = Command::new("kill")
        .args(["-INT", &child.id().to_string()])
        .status();
    assert!(killed.expect("kill").success());
}

#[test]
fn slurm_trains_every_trial_once_and_none_is_lost_with_its_node() {
    let test = "slurm_trains_every_trial_once_and_none_is_lost_with_its_node";
    let Some(mut slurm) = Slurm::start(test) else {
        return;
    };
    let home = tempdir().expect("a folder");
    let sweep = Sweep::plan(home.path(), GRID, &[("SLURM_CONF", slurm.configuration())]);
    let log = |trial| sweep.folder().join(format!("logs/slurm-{trial}.log"));

    // Who follows may go, and come back.
    let child = sweep.start(SLURM);
    sweep.wait_for(3);
    interrupt(&child);
    let output = child.wait_with_output().expect("ended");
    assert_eq!(output.status.code(), Some(130), "{}", said(&output));
    assert!(said(&output).contains("scancel 1"), "{}", said(&output));
    let undisturbed = sweep.starts(log);
    assert!(
        undisturbed.iter().all(|&starts| starts <= 1),
        "{undisturbed:?}"
    );

    let child = sweep.start(SLURM);
    sweep.wait_for(6);
    slurm.kill_node();
    let states = sweep.states();
    let unhurt: Vec<usize> = (0..states.len())
        .filter(|&trial| states[trial] != "begun")
        .collect();
    slurm.start_node();
    let text = finish(child);
    assert!(
        !text.contains("in the queue as job"),
        "handed over again: {text}"
    );

    sweep.assert_as_without_engine();
    sweep.assert_whole();
    let starts = sweep.starts(log);
    for trial in unhurt {
        assert_eq!(starts[trial], 1, "trial {trial}: {starts:?}");
    }
    assert!(
        starts.contains(&2) && starts.iter().all(|starts| (1..=2).contains(starts)),
        "{starts:?}"
    );
    // All have ended: nothing is handed over, and nothing changes.
    let text = sweep.run(SLURM);
    assert!(!text.contains("in the queue"), "{text}");
    assert_eq!(slurm.ask("squeue", &["-h"]), Ok(String::new()));
}

#[test]
fn slurm_gets_the_rounds_of_halving_one_after_another() {
    let test = "slurm_gets_the_rounds_of_halving_one_after_another";
    let Some(slurm) = Slurm::start(test) else {
        return;
    };
    let home = tempdir().expect("a folder");
    let sweep = Sweep::plan(
        home.path(),
        HALVING,
        &[("SLURM_CONF", slurm.configuration())],
    );
    let text = sweep.run(SLURM);
    for handed in [
        "9 trials are in the queue as job",
        "3 trials are",
        "1 trials are",
    ] {
        assert!(text.contains(handed), "{handed}: {text}");
    }
    sweep.assert_as_without_engine();
    sweep.assert_whole();
}

#[test]
fn trials_that_slurm_ends_early_are_handed_over_again() {
    let test = "trials_that_slurm_ends_early_are_handed_over_again";
    let Some(slurm) = Slurm::start(test) else {
        return;
    };
    let home = tempdir().expect("a folder");
    let sweep = Sweep::plan(home.path(), GRID, &[("SLURM_CONF", slurm.configuration())]);
    let child = sweep.start(SLURM);
    sweep.wait_for(2);
    slurm.ask("scancel", &["1"]).expect("cancelled");
    let text = finish(child);
    assert_eq!(text.matches("in the queue as job").count(), 2, "{text}");
    sweep.assert_as_without_engine();
    sweep.assert_whole();
}

#[test]
fn what_slurm_refuses_is_said() {
    let test = "what_slurm_refuses_is_said";
    let Some(slurm) = Slurm::start(test) else {
        return;
    };
    let home = tempdir().expect("a folder");
    let sweep = Sweep::plan(
        home.path(),
        HALVING,
        &[("SLURM_CONF", slurm.configuration())],
    );
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
    sweep.wait_for(6);
    cluster.kill_worker();
    let states = sweep.states();
    let unhurt: Vec<usize> = (0..states.len())
        .filter(|&trial| states[trial] != "begun")
        .collect();
    cluster.start_worker();
    let text = finish(child);
    assert_eq!(
        text.matches("in the queue as job").count(),
        1,
        "handed over again: {text}"
    );

    sweep.assert_as_without_engine();
    sweep.assert_whole();
    let starts = sweep.starts(|trial| sweep.folder().join(format!("logs/hq-{trial}.log")));
    for trial in unhurt {
        assert_eq!(starts[trial], 1, "trial {trial}: {starts:?}");
    }
    assert!(
        starts.contains(&2) && starts.iter().all(|starts| (1..=2).contains(starts)),
        "{starts:?}"
    );
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
    let first = cluster(1);
    sweep.wait_for(6);
    drop(first);
    let states = sweep.states();
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
    for (trial, state) in states.iter().enumerate() {
        let expected = match state.as_str() {
            "finished" => [1, 0],
            "begun" => [1, 1],
            _ => [0, 1],
        };
        assert_eq!(
            [starts[0][trial], starts[1][trial]],
            expected,
            "trial {trial}, {state}"
        );
    }
}
