//! What trials are drawn from.

use gpu_mnist::runs::sweep::space::{Settings, grid, random};
use serde_json::Value;

use super::{axis, read};
use crate::support::{home_with_digits, program};

fn rates(drawn: &[Settings]) -> Vec<f64> {
    let rate = |settings: &Settings| settings["rate"].as_f64().expect("a number");
    drawn.iter().map(rate).collect()
}

#[test]
fn a_draw_from_a_range_with_points_is_one_of_them() {
    let axes = [axis("rate=1e-3..1e-2:log:3"), axis("width=16..256:log:5")];
    let all = grid(&axes).expect("a grid");
    let drawn = random(&axes, 10, 0);
    assert_eq!(drawn.len(), 10);
    assert!(drawn.iter().all(|settings| all.contains(settings)));
    assert_eq!(random(&axes, 20, 0).len(), 15, "there are no more");

    let axes = [axis("rate=0.0..0.75:4"), axis("seed=0..999999")];
    let drawn = rates(&random(&axes, 400, 1));
    for point in [0.0, 0.25, 0.5, 0.75] {
        let count = drawn.iter().filter(|rate| **rate == point).count();
        assert!((70..130).contains(&count), "{count} of 400 are {point}");
    }
}

#[test]
fn all_combinations_that_there_are_can_be_drawn() {
    let axes = [axis("rate=0..999:1000")];
    for seed in 0..4 {
        assert_eq!(random(&axes, 1000, seed).len(), 1000, "seed {seed}");
    }
}

#[test]
fn draws_from_a_range_without_points_are_those_of_older_versions() {
    let drawn = random(&[axis("rate=1e-3..1e-2:log")], 2, 0);
    assert_eq!(rates(&drawn), [0.005384, 0.005936]);
}

#[test]
fn a_plan_with_points_and_trials_has_those_points() {
    let home = home_with_digits();
    let rates = "training.learning_rate=1e-3..1e-2:log:3";
    for (method, out) in [("random", "random"), ("halving", "halving")] {
        let mut command = program(home.path());
        command
            .args(["sweep", "plan", "--dataset", "digits", "--out", out])
            .args(["--over", rates, "--trials", "2", "--method", method])
            .assert()
            .success();
        let plan = read(&home.path().join(out).join("sweep.json"));
        let trials = plan["trials"].as_array().expect("trials");
        let given = trials.iter().map(|trial| &trial["settings"]);
        let given: Vec<&Value> = given.filter(|settings| !settings.is_null()).collect();
        assert_eq!(given.len(), 2);
        for settings in given {
            let rate = settings["training.learning_rate"].as_f64();
            assert!(
                [0.001, 0.003162, 0.01].map(Some).contains(&rate),
                "{settings}"
            );
        }
    }
}
