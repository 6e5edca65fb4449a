//! The comparison of devices: its statistics, its verdicts, what it prints.

use gpu_mnist::bench::compare::{
    Comparison, FORMAT, Key, Measurement, Outcome, Work, compare, load, nothing_comparable,
    slower_than,
};
use gpu_mnist::bench::row::{Row, Spread, rank};
use gpu_mnist::bench::statistics::{median, median_ratio, quantile};
use gpu_mnist::bench::work::gflop_per_step;
use gpu_mnist::checks::band;
use gpu_mnist::config::Config;
use gpu_mnist::data::synthetic;
use gpu_mnist::device::Device;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::report::Format;
use gpu_mnist::report::bench::render;
use gpu_mnist::report::look::Look;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::support::{adapter_or_skip, program, settings};

/// Five rounds of eight samples around `centre`, spread by a twentieth of it, each round moved
/// by a share of `drift`.
fn samples(centre: f64, drift: f64) -> Vec<Vec<f64>> {
    (0..5)
        .map(|round| {
            let moved = centre * (1.0 + drift * (f64::from(round) - 2.0));
            (0..8)
                .map(|step| moved * (1.0 + 0.05 * (f64::from(step * 5 % 8) / 7.0 - 0.5)))
                .collect()
        })
        .collect()
}

fn row(name: &str, config: &Config, step_ms: f64, drift: f64) -> Row {
    let samples = samples(step_ms, drift);
    Row {
        name: name.into(),
        step_ms: Some(Spread::of(&samples.concat())),
        images_per_second: Some(1e3 / step_ms),
        parity: Some(band::compare(&[2.3, 1.0], &[2.3, 1.0], 0.01)),
        samples_ms: samples,
        ..Row::new(&Device::cpu(), &synthetic::network(&config.model), config)
    }
}

fn measurement(rows: Vec<Row>, config: &Config) -> Measurement {
    Measurement {
        format: FORMAT.into(),
        version: "0.1.0".into(),
        libraries: "burn".into(),
        kernel_set: "0".into(),
        build: "release".into(),
        os: "an OS".into(),
        time: "2026-01-01T00:00:00Z".into(),
        work: Work::of(config),
        rows,
        comparison: None,
    }
}

fn of(row: &Row) -> Key {
    Key {
        name: row.name.clone(),
        api: row.api.clone(),
        bus: row.bus.clone(),
        kernels: row.kernels,
        batch_size: row.batch_size,
    }
}

#[test]
fn what_cannot_be_compared_is_known_before_measuring() {
    let config = settings(&[]);
    let row = |name: &str| row(name, &config, 10.0, 0.0);
    let then = measurement(vec![row("a card"), row("another")], &config);
    let work = Work::of(&config);
    let nothing = |rows: &[Row], work: &Work| {
        let planned: Vec<Key> = rows.iter().map(of).collect();
        nothing_comparable(&planned, work, &then)
    };
    assert_eq!(nothing(&[row("third"), row("a card")], &work), None);
    let reason = nothing(&[row("third")], &work).expect("nothing");
    assert!(
        reason.contains("a card (CPU), fused, batch 256"),
        "{reason}"
    );
    let other = Work::of(&settings(&["bench.steps=31"]));
    let reason = nothing(&[row("a card")], &other).expect("nothing");
    assert_eq!(reason, "the saved measurement had --steps 100");
    let other = Work::of(&settings(&["model.layers=[{linear=8}]"]));
    let reason = nothing(&[row("a card")], &other).expect("nothing");
    assert!(reason.contains("another network"), "{reason}");
    let other = Work::of(&settings(&["training.optimizer=sgd"]));
    let reason = nothing(&[row("a card")], &other).expect("nothing");
    assert!(reason.contains("other training settings"), "{reason}");
}

fn compared(now: Row, then: Row) -> Comparison {
    let config = settings(&[]);
    let then = measurement(vec![then], &config);
    let mut found = compare(&[now], &Work::of(&config), &then, 0.05);
    assert_eq!(found.len(), 1);
    found.remove(0)
}

#[test]
fn quantiles_are_the_nearest_value() {
    let values = [5.0, 1.0, 4.0, 2.0, 3.0];
    assert_eq!(median(&values), 3.0);
    assert_eq!(quantile(&values, 0.1), 1.0);
    assert_eq!(quantile(&values, 0.9), 5.0);
    assert!(median(&[]).is_nan());
}

#[test]
fn the_interval_holds_the_ratio_and_widens_with_drift() {
    let calm = median_ratio(&samples(11.0, 0.0), &samples(10.0, 0.0)).expect("a ratio");
    assert!(
        calm.low <= calm.ratio && calm.ratio <= calm.high,
        "{calm:?}"
    );
    assert!(
        (calm.ratio - 1.1).abs() < 1e-9 && calm.low > 1.05,
        "{calm:?}"
    );
    let drifting = median_ratio(&samples(11.0, 0.1), &samples(10.0, 0.1)).expect("a ratio");
    assert!(
        drifting.high - drifting.low > 3.0 * (calm.high - calm.low),
        "{drifting:?}"
    );
    assert!(drifting.low < 1.0, "{drifting:?}");
    assert_eq!(median_ratio(&[], &samples(1.0, 0.0)), None);
}

#[test]
fn faster_slower_and_no_difference_are_told_apart() {
    let config = settings(&[]);
    let at = |step_ms| row("a card", &config, step_ms, 0.0);
    let slowed = compared(at(11.5), at(10.0));
    assert_eq!(slowed.outcome, Outcome::Slower, "{slowed:?}");
    assert_eq!(compared(at(10.0), at(11.5)).outcome, Outcome::Faster);
    assert_eq!(compared(at(10.0), at(10.0)).outcome, Outcome::NoDifference);
    // Beyond doubt, but within the margin of 5 %.
    assert_eq!(compared(at(10.3), at(10.0)).outcome, Outcome::NoDifference);
    // Far apart, but so are the rounds.
    let drifting = row("a card", &config, 11.5, 0.2);
    assert_eq!(compared(drifting, at(10.0)).outcome, Outcome::NoDifference);

    let all = [slowed];
    assert_eq!(slower_than(&all, 10.0).len(), 1);
    assert_eq!(slower_than(&all, 20.0).len(), 0);
}

#[test]
fn what_did_other_work_or_cannot_be_trusted_is_not_compared() {
    let config = settings(&[]);
    let at = |step_ms| row("a card", &config, step_ms, 0.0);
    let mut wrong = at(5.0);
    wrong.parity = Some(band::compare(&[2.3, 9.0], &[2.3, 1.0], 0.01));
    assert_eq!(compared(wrong, at(10.0)).outcome, Outcome::NotComparable);

    let then = measurement(vec![at(10.0), row("gone", &config, 1.0, 0.0)], &config);
    let other = row("another card", &config, 10.0, 0.0);
    let found = compare(&[other], &Work::of(&config), &then, 0.05);
    assert_eq!(found.len(), 3);
    assert!(
        found
            .iter()
            .all(|row| row.outcome == Outcome::NotComparable)
    );

    let longer = settings(&["bench.steps=31"]);
    let found = compare(&[at(10.0)], &Work::of(&longer), &then, 0.05);
    assert_eq!(found[0].outcome, Outcome::NotComparable);
    assert!(
        found[0]
            .note
            .as_ref()
            .is_some_and(|note| note.contains("--steps 100"))
    );
    // Rows say their batch and kernels themselves.
    let batch = settings(&["training.batch_size=64", "device.kernels=burn"]);
    let found = compare(&[at(10.0)], &Work::of(&batch), &then, 0.05);
    assert_eq!(found[0].outcome, Outcome::NoDifference);
}

#[test]
fn a_measurement_of_an_older_version_is_read() {
    let config = settings(&[]);
    let measured = measurement(vec![row("card", &config, 10.0, 0.0)], &config);
    let mut older = serde_json::to_value(&measured).expect("JSON");
    older["work"]["training"]["kernels"] = "stock".into();
    older["rows"][0]["kernels"] = "stock".into();
    let folder = tempdir().expect("a folder");
    let path = folder.path().join("older.json");
    std::fs::write(&path, older.to_string()).expect("written");
    let read = load(&path).expect("read");
    assert_eq!(read.work, measured.work);
    assert_eq!(read.rows[0].kernels, Kernels::Burn);
    older["work"]["training"]["kernel"] = "stock".into();
    std::fs::write(&path, older.to_string()).expect("written");
    assert!(load(&path).is_err());
}

#[test]
fn a_row_out_of_the_band_is_struck_out_and_never_ranked() {
    let config = settings(&[]);
    let mut rows = vec![
        row("slow card", &config, 20.0, 0.0),
        row("wrong card", &config, 1.0, 0.0),
        row("fast card", &config, 10.0, 0.0),
        row("broken card", &config, 1.0, 0.0),
    ];
    rows[1].parity = Some(band::compare(&[2.3, 1.5], &[2.3, 1.0], 0.01));
    rows[3].error = Some("it was lost".into());
    rank(&mut rows);
    let ranks: Vec<Option<usize>> = rows.iter().map(|row| row.rank).collect();
    assert_eq!(ranks, [Some(2), None, Some(1), None]);
    let measured = measurement(rows, &config);
    for format in [Format::Text, Format::Markdown] {
        let text = render(&measured, format, &Look::plain()).expect("text");
        assert!(text.contains("~~wrong card (CPU)~~"), "{text}");
        assert!(
            text.contains("~~1000~~") && text.contains("off by 50.0 % at step 2"),
            "{text}"
        );
        assert!(
            text.contains("fast card (CPU)") && !text.contains("~~fast card"),
            "{text}"
        );
        assert!(text.contains("broken card: it was lost"), "{text}");
    }
    let csv = render(&measured, Format::Csv, &Look::plain()).expect("text");
    let mut reader = csv::Reader::from_reader(csv.as_bytes());
    let header = reader.headers().expect("a header").clone();
    let place = |name: &str| {
        header
            .iter()
            .position(|field| field == name)
            .expect("a field")
    };
    let lines: Vec<csv::StringRecord> =
        reader.records().map(|line| line.expect("a line")).collect();
    assert_eq!(lines.len(), 4);
    assert_eq!(&lines[1][place("rank")], "");
    assert_eq!(&lines[2][place("rank")], "1");
    assert_eq!(&lines[1][place("losses")], "off by 50.0 % at step 2");
}

#[test]
fn markdown_rows_have_as_many_cells_as_their_header() {
    let config = settings(&[]);
    let mut measured = measurement(vec![row("a card", &config, 10.0, 0.0)], &config);
    measured.comparison = Some(compare(
        &measured.rows,
        &measured.work,
        &measured.clone(),
        0.05,
    ));
    let text = render(&measured, Format::Markdown, &Look::plain()).expect("text");
    let mut tables = 0;
    let mut cells = None;
    for line in text.lines() {
        if line.is_empty() {
            cells = None;
            continue;
        }
        let count = line.matches('|').count();
        tables += usize::from(cells.is_none());
        assert_eq!(*cells.get_or_insert(count), count, "{line}");
    }
    assert_eq!(tables, 3);
}

#[test]
fn burns_own_operations_are_said_to_be_slow_where_the_build_left_them_so() {
    let config = settings(&[]);
    let said = |build: &str, kind: &str, kernels: Kernels| {
        let row = Row {
            kind: kind.into(),
            kernels,
            ..row("a device", &config, 10.0, 0.0)
        };
        let measured = Measurement {
            build: build.into(),
            ..measurement(vec![row], &config)
        };
        render(&measured, Format::Text, &Look::plain())
            .expect("text")
            .contains("--profile dist")
    };
    assert!(said("release", "cpu", Kernels::Burn));
    assert!(!said("release", "cpu", Kernels::Fused));
    assert!(!said("release", "gpu", Kernels::Burn));
    assert!(!said("dist", "cpu", Kernels::Burn));
}

#[test]
fn the_work_of_the_reference_step_is_known() {
    let gflop = gflop_per_step(&synthetic::network(&settings(&[]).model), 256);
    assert!((gflop - 1.070_53).abs() < 1e-5, "{gflop}");
}

/// A measurement of tiny steps on the CPU.
fn tiny(home: &TempDir, arguments: &[&str]) -> assert_cmd::Command {
    let mut command = program(home.path());
    command.args(["-q", "bench", "--cpu"]).args([
        "--steps",
        "10",
        "--warmup",
        "2",
        "--batch-size",
        "8",
        "--set",
        "doctor.steps=5",
    ]);
    command.args(arguments);
    command
}

#[test]
fn a_slowed_kernel_is_slower_than_the_saved_run() {
    let home = tempdir().expect("a folder");
    let output = tiny(&home, &["--format", "json", "--save", "then.json"])
        .env("GPU_MNIST_INJECT", "slow:5")
        .assert()
        .code(0)
        .get_output()
        .clone();
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let row = &report["rows"][0];
    assert_eq!(row["parity"]["ok"], true);
    assert_eq!(row["rank"], 1);
    for key in [
        "images_per_second",
        "first_step_ms",
        "evaluation_images_per_second",
        "gflops",
    ] {
        assert!(
            row[key].as_f64().is_some_and(|number| number > 0.0),
            "{key}: {row}"
        );
    }
    for (group, key) in [
        ("step_ms", "p90"),
        ("phases_ms", "backward"),
        ("probes", "peak_gflops"),
        ("probes", "copy_gb_per_second"),
        ("probes", "launch_us"),
    ] {
        assert!(
            row[group][key].as_f64().is_some_and(|number| number > 0.0),
            "{key}: {row}"
        );
    }
    // Fifty milliseconds more are beyond what a busy machine does to a step of this size.
    let slowed = tiny(&home, &["--compare", "then.json", "--fail-if-slower", "50"])
        .env("GPU_MNIST_INJECT", "slow:55")
        .assert()
        .code(1)
        .get_output()
        .clone();
    assert!(
        String::from_utf8_lossy(&slowed.stdout).contains(" slower "),
        "{slowed:?}"
    );
    tiny(&home, &["--compare", "then.json", "--format", "csv"])
        .env("GPU_MNIST_INJECT", "slow:55")
        .assert()
        .code(0)
        .stdout(contains(",slower,"));
    // Other rows: said before they are measured, and a failure where slowness would be one.
    let bench = |batch: &str, more: &[&str]| {
        let mut command = program(home.path());
        command.args(["bench", "--device", "cpu", "--steps", "10", "--warmup", "2"]);
        command.args(["--set", "doctor.steps=5", "--compare", "then.json"]);
        command.args(["--batch-size", batch]).args(more).assert()
    };
    bench("4", &["--fail-if-slower", "50"])
        .code(1)
        .stdout("")
        .stderr(contains("nothing can be compared").and(contains("batch 8")));
    let mut warned = program(home.path());
    warned.args(["bench", "--device", "cpu", "--steps", "5", "--warmup", "1"]);
    warned
        .args(["--batch-size", "8", "--compare", "then.json"])
        .assert()
        .code(0)
        .stdout(contains("not comparable"))
        .stderr(contains("nothing can be compared").and(contains("--steps 10")));
}

#[test]
fn bench_takes_devices_as_other_commands_do() {
    let home = tempdir().expect("a folder");
    let bench = |arguments: &[&str]| {
        let mut command = program(home.path());
        command.args([
            "bench",
            "--steps",
            "2",
            "--warmup",
            "0",
            "--batch-size",
            "4",
        ]);
        command.args(["--set", "bench.rounds=1"]).args(arguments);
        command.assert()
    };
    for arguments in [&["--device", "cpu"], &["--adapter", "cpu"]] {
        let output = bench(&[arguments, &["--format", "json"][..]].concat()).code(0);
        let report: Value = serde_json::from_slice(&output.get_output().stdout).expect("JSON");
        assert_eq!(report["rows"].as_array().map(Vec::len), Some(1));
        assert_eq!(report["rows"][0]["kind"], "cpu");
    }
    bench(&["--adapter", "nonsense"])
        .code(3)
        .stderr(contains("nonsense"));
    bench(&["--format", "table", "--device", "cpu"])
        .code(0)
        .stdout(contains("Images/s").and(contains("(CPU)")));
}

/// The phases once had a loss of their own, without label smoothing, and called a sound CPU wrong.
#[test]
fn phases_take_the_same_steps_as_training() {
    let home = tempdir().expect("a folder");
    let smoothed = [
        "--set",
        "training.label_smoothing=0.2",
        "--steps",
        "5",
        "--warmup",
        "0",
        "--set",
        "doctor.steps=50",
        "--json",
    ];
    let output = program(home.path())
        .args(["-q", "bench", "--cpu", "--batch-size", "8"])
        .args(smoothed)
        .assert()
        .code(0)
        .get_output()
        .clone();
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let parity = &report["rows"][0]["parity"];
    assert_eq!(parity["ok"], true, "{parity}");
    // The same steps on the same machine: not a bit differs.
    assert_eq!(parity["deviation"], 0.0, "{parity}");
}

#[test]
fn wrong_usage_and_damaged_measurements_have_their_codes() {
    let home = tempdir().expect("a folder");
    std::fs::write(home.path().join("damaged.json"), b"{\"format\":").expect("written");
    for (arguments, code, text) in [
        (&["--compare", "damaged.json"][..], 4, "damaged.json"),
        (&["--compare", "absent.json"], 4, "absent.json"),
        (&["--fail-if-slower", "5"], 2, "--compare"),
        (&["--save", "no/such/folder/x.json"], 2, "--save"),
        (&["--adapters", "first"], 2, "--adapters"),
        (&["--adapters", "99"], 3, "99"),
        (&["--batch-size", "0"], 2, "batch_size"),
        (&["--kernels", "quick"], 2, "--kernels"),
    ] {
        program(home.path())
            .arg("bench")
            .args(arguments)
            .assert()
            .code(code)
            .stderr(contains(text));
    }
}

#[test]
fn the_adapter_and_the_cpu_do_the_same_work() {
    if adapter_or_skip("the_adapter_and_the_cpu_do_the_same_work").is_none() {
        return;
    }
    let home = tempdir().expect("a folder");
    let output = tiny(&home, &["--include-software", "--adapters", "0", "--json"])
        .args(["--kernels", "fused,burn"])
        .assert()
        .code(0)
        .get_output()
        .clone();
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    let rows = report["rows"].as_array().expect("rows");
    assert_eq!(rows.len(), 4);
    for row in rows {
        assert_eq!(row["parity"]["ok"], true, "{row}");
        assert!(row["rank"].is_u64(), "{row}");
    }
    // In the order of their rates, which the build decides.
    let mut measured: Vec<String> = (rows.iter())
        .map(|row| format!("{} {}", row["kind"], row["kernels"]).replace('"', ""))
        .collect();
    measured.sort();
    let all = ["cpu burn", "cpu fused", "gpu burn", "gpu fused"];
    assert_eq!(measured, all);
}
