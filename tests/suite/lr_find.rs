//! `lr-find`: the rates of a range test, its end, its two rules, and that it leaves and reads
//! nothing that it should not.

use std::fs;
use std::path::Path;

use gpu_mnist::config::ScheduleKind;
use gpu_mnist::data::batches::{DeviceSplit, Normalisation};
use gpu_mnist::data::idx::{self, Part};
use gpu_mnist::data::synthetic;
use gpu_mnist::device::Device;
use gpu_mnist::report::look::Look;
use gpu_mnist::report::rates::{findings, plot, svg};
use gpu_mnist::training::range_test::{Range, RangeTest, Rule, range_test};
use gpu_mnist::wording::rounded;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{adapter_or_skip, initial, program, settings, write_dataset};

/// Rates from 1e-7 up, ten a decade, and what `loss` makes of their logarithms.
fn made(loss: impl Fn(f64) -> f64) -> RangeTest {
    let powers = (0..80).map(|step| -7.0 + f64::from(step) / 10.0);
    let rates = powers.clone().map(|power| 10f64.powf(power)).collect();
    RangeTest::of(rates, powers.map(loss).collect(), false)
}

/// Falls by 2 about 1e-3, and rises from 1e-1 on.
fn fall(power: f64) -> f64 {
    let rise = (power + 0.5).max(0.0) * 5.0;
    2.3 - 2.0 / (1.0 + (-4.0 * (power + 3.0)).exp()) + rise
}

#[test]
fn the_rules_find_the_middle_of_a_fall() {
    let found = made(fall).suggested.expect("a fall");
    let near = |rate: f64, power: f64| (rate.log10() - power).abs() < 0.25;
    assert!(near(found.steepest, -3.0), "{found:?}");
    assert!(near(found.valley, -2.9), "{found:?}");
    assert!((-2.0..-0.4).contains(&found.lowest.log10()), "{found:?}");
    let [one_cycle, constant] = [ScheduleKind::OneCycle, ScheduleKind::Constant]
        .map(|schedule| found.for_schedule(schedule));
    assert_eq!(one_cycle, (Rule::Lowest, found.lowest));
    assert_eq!(constant, (Rule::Valley, found.valley));
    // Noise changes neither by much.
    let noisy = |power: f64| fall(power) * (1.0 + 0.05 * (power * 97.0).sin());
    let found = made(noisy).suggested.expect("a fall");
    assert!((found.steepest.log10() + 3.0).abs() < 0.5, "{found:?}");
    assert!(near(found.valley, -2.9), "{found:?}");
}

#[test]
fn nothing_is_suggested_where_the_loss_never_falls() {
    for test in [
        made(|_| 2.3),
        made(|power| 2.3 + (power + 7.0) / 10.0),
        made(|power| 2.3 * (1.0 + 0.01 * (power * 97.0).sin())),
        RangeTest::of(vec![1e-7], vec![f64::NAN], true),
        RangeTest::of(vec![], vec![], false),
    ] {
        assert_eq!(test.suggested, None, "{:?}", test.losses);
        let said = findings(&test, ScheduleKind::OneCycle, None, &Look::plain());
        assert!(said.contains("the loss did not fall at any rate"), "{said}");
        assert!(!said.contains("Next"), "{said}");
        let _ = plot(&test, &Look::plain());
    }
}

#[test]
fn the_plot_fits_its_width_and_shows_the_fall() {
    let test = made(fall);
    for width in [40, 80, 200] {
        let look = Look {
            width,
            ..Look::plain()
        };
        let text = plot(&test, &look);
        assert!(
            text.lines()
                .all(|line| line.chars().count() <= width.min(102)),
            "{text}"
        );
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 14);
        let columns = |line: &str| {
            line.char_indices()
                .filter(|(_, c)| *c == '*')
                .map(|(at, _)| at)
                .collect::<Vec<_>>()
        };
        let [highest, lowest] = [columns(lines[1]), columns(lines[11])];
        assert!(
            highest.iter().chain(&columns(lines[0])).min() < lowest.iter().min(),
            "{text}"
        );
        assert!(
            lines[12].contains('S') && lines[12].contains('V') && lines[12].contains('L'),
            "{text}"
        );
        assert!(
            lines[13].contains("1e-7") && lines[13].contains("1e-3"),
            "{text}"
        );
        let kind = |schedule| findings(&test, schedule, None, &look);
        assert!(kind(ScheduleKind::OneCycle).contains(", the lowest's"));
        assert!(kind(ScheduleKind::Step).contains(", the valley's"));
        let said = findings(
            &test,
            ScheduleKind::Constant,
            Some("gpu-mnist train"),
            &look,
        );
        assert!(
            said.lines()
                .all(|line| line.chars().count() <= width.max(40)),
            "{said}"
        );
    }
    assert_eq!(rounded(0.001234), 0.0012);
    let drawn = svg(&test).expect("drawn");
    assert!(
        drawn.starts_with("<svg") && drawn.contains("valley") && drawn.contains("learning rate")
    );
    assert!(!drawn.contains("NaN"));
}

fn on(device: &Device, assignments: &[&str], range: Range) -> RangeTest {
    let config = settings(assignments);
    let split = synthetic::draw(3, 0, 300);
    let split = DeviceSplit::upload(&split, Normalisation::measure(&split), device);
    let mut told = Vec::new();
    let done = |steps| told.push(steps);
    let test = range_test(initial(&config), &split, range, &config, device, done);
    let test = pollster::block_on(test).expect("tested");
    assert!(told.is_sorted() && told.last().is_some_and(|last| *last >= test.losses.len()));
    assert_eq!(test.rates.len(), test.losses.len());
    assert_eq!(test.rates.len(), test.smoothed.len());
    test
}

const SMALL: &[&str] = &[
    "model.layers=[{convolution=4,kernel=5,pool=2},{convolution=8,kernel=3,pool=2},{linear=16}]",
    "training.batch_size=64",
];
const RANGE: Range = Range {
    lowest: 1e-6,
    highest: 10.0,
    steps: 71,
};

#[test]
fn rates_rise_by_the_same_factor_until_the_loss_diverges() {
    let test = on(&Device::cpu(), SMALL, RANGE);
    assert!((test.rates[0] - 1e-6).abs() < 1e-12);
    for pair in test.rates.windows(2) {
        assert!((pair[1] / pair[0] - 10f64.powf(0.1)).abs() < 1e-9);
    }
    assert!(test.diverged);
    assert!(test.rates.len() < 71, "it never ended");
    let lowest = test.smoothed.iter().copied().fold(f64::INFINITY, f64::min);
    assert!(test.smoothed[0] > 1.5 && lowest < 0.8 * test.smoothed[0]);
    let found = test.suggested.expect("a fall");
    for rate in [found.steepest, found.valley, found.lowest] {
        assert!((1e-4..0.1).contains(&rate), "{found:?}");
    }
    // Rates at which nothing is learnt end nothing and suggest nothing.
    let low = Range {
        highest: 1e-5,
        ..RANGE
    };
    let test = on(&Device::cpu(), SMALL, low);
    assert_eq!(
        (test.rates.len(), test.diverged, test.suggested),
        (71, false, None)
    );
    assert!((test.rates[70] - 1e-5).abs() < 1e-11);
}

#[test]
fn an_adapter_finds_what_the_cpu_finds() {
    let Some(device) = adapter_or_skip("an_adapter_finds_what_the_cpu_finds") else {
        return;
    };
    let [found, expected] = [&device, &Device::cpu()].map(|device| on(device, SMALL, RANGE));
    assert!(found.diverged);
    // Rounding grows with the rate: up to the suggestion the losses are alike.
    let end = expected.rates.iter().filter(|rate| **rate < 1e-3).count();
    for (found, expected) in found.losses.iter().zip(&expected.losses).take(end) {
        assert!(
            (found - expected).abs() < 0.02,
            "{found} against {expected}"
        );
    }
    let rate = |test: &RangeTest| test.suggested.expect("a fall").valley;
    assert!((rate(&found) / rate(&expected)).ln().abs() < 0.7);
}

fn json(home: &Path, arguments: &[&str]) -> Value {
    let mut command = program(home);
    command
        .args(["lr-find", "--device", "cpu", "--json"])
        .args(arguments);
    let output = command.assert().code(0).get_output().clone();
    serde_json::from_slice(&output.stdout).expect("JSON")
}

fn numbers(found: &Value, key: &str) -> Vec<f64> {
    let list = found[key].as_array().expect("a list");
    list.iter()
        .map(|number| number.as_f64().unwrap_or(f64::NAN))
        .collect()
}

#[test]
fn what_it_suggests_trains_and_it_keeps_nothing() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 2000, 500);
    let limit = ["--dataset", "digits", "--batch-size", "64"];
    let found = json(home, &[&limit[..], &["--out", "rates.svg"]].concat());
    let rates = numbers(&found, "rates");
    assert!(rates.is_sorted() && rates.len() > 50);
    assert_eq!(found["diverged"], true);
    assert_eq!(found["batch_size"], 64);
    let drawn = fs::read_to_string(home.join("rates.svg")).expect("written");
    assert!(drawn.starts_with("<svg"));
    let mut left: Vec<_> = fs::read_dir(home)
        .expect("there")
        .flatten()
        .map(|e| e.file_name())
        .collect();
    left.retain(|name| name != "cache");
    left.sort();
    assert_eq!(left, ["digits", "rates.svg"]);

    assert_eq!(found["rule"], "lowest");
    let suggested = found["learning_rate"].as_f64().expect("a rate");
    let command = found["command"].as_str().expect("a command");
    let expected = format!(
        "gpu-mnist train --device cpu --dataset digits --batch-size 64 --learning-rate {suggested}"
    );
    assert_eq!(command, expected);
    let trained = |rate: f64| {
        let rate = rate.to_string();
        let mut command = program(home);
        command
            .args(["train", "--device", "cpu", "--json", "--out", &rate])
            .args(limit);
        let output = command
            .args(["--learning-rate", &rate])
            .assert()
            .code(0)
            .get_output()
            .clone();
        let found: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        found["evaluation"]["accuracy"]
            .as_f64()
            .expect("an accuracy")
    };
    let good = trained(suggested);
    assert!(good > 0.8, "{good} with {suggested}");
    assert!(good > trained(suggested / 1000.0) + 0.1);
}

/// Other test images change nothing; other training images do.
#[test]
fn the_test_split_is_never_looked_at() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    for (name, seed) in [("one", 8), ("other", 9)] {
        let folder = home.join(name);
        write_dataset(&folder, 600, 100);
        let test = synthetic::draw(seed, 1, 100);
        idx::write_split(&folder, Part::Test, &test).expect("written");
    }
    let losses = |name: &str, more: &[&str]| {
        let found = json(
            home,
            &[&["--dataset", name, "--steps", "60"], more].concat(),
        );
        assert_ne!(found["fingerprint"], "");
        numbers(&found, "losses")
    };
    let one = losses("one", &[]);
    assert_eq!(one, losses("other", &[]));
    assert_ne!(one, losses("one", &["--train-limit", "300"]));
    assert_ne!(one, losses("one", &["--seed", "1"]));
}

#[test]
fn it_says_what_it_found_and_refuses_what_it_cannot_try() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 600, 100);
    let on_digits = |more: &[&str]| {
        let mut command = program(home);
        command
            .args(["lr-find", "--device", "cpu", "--dataset", "digits"])
            .args(more);
        command.assert()
    };
    let found = on_digits(&["--set", "training.optimizer=sgd"]).code(0);
    let text = String::from_utf8(found.get_output().stdout.clone()).expect("text");
    assert!(
        text.lines()
            .all(|line| line.chars().count() <= 80 || line.starts_with("Next")),
        "{text}"
    );
    for (title, words) in [
        ("Steepest", ": where the smoothed loss (*) falls fastest"),
        ("Valley", ": the middle of the fall, from where a tenth"),
        ("Lowest", ": where the smoothed loss is lowest"),
        ("Suggested", ", the lowest's: this schedule only touches"),
    ] {
        let line = text
            .lines()
            .find(|line| line.starts_with(title))
            .expect("a line");
        let (rate, rest) = line[10..].split_at(line[10..].find([':', ',']).expect("a rate"));
        assert!(
            (1e-5..1.0).contains(&rate.parse::<f64>().expect("a number")),
            "{line}"
        );
        assert!(rest.starts_with(words), "{line}");
    }
    found
        .stdout(contains("steps of 256 images of digits, the rate from 1e-7 to "))
        .stdout(contains(
            "Next      gpu-mnist train --device cpu --dataset digits --set training.optimizer=sgd --learning-rate ",
        ));
    on_digits(&["--lowest", "1", "--highest", "2"])
        .code(2)
        .stderr(contains("at least ten times"));
    on_digits(&["--out", "rates.png"])
        .code(2)
        .stderr(contains("a name that ends in .svg"));
    on_digits(&["--lowest", "0"]).code(2);
    on_digits(&["--steps", "5"]).code(2);
    on_digits(&["--freeze", "1"])
        .code(2)
        .stderr(contains("training.from"));
    on_digits(&["--out", "nowhere/rates.svg"])
        .code(1)
        .stderr(contains("nowhere/rates.svg: could not be written"));
    // Another run's weights to start from.
    let train = [
        "train",
        "--device",
        "cpu",
        "--dataset",
        "digits",
        "--out",
        "run",
    ];
    program(home).args(train).assert().code(0);
    on_digits(&["--from", "run", "--freeze", "2", "--steps", "40"])
        .code(0)
        .stderr(contains("starting from weights of digits").and(contains("taken, frozen")));
}
