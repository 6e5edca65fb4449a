//! The checks of a device, their verdicts, and that each of them can fail.

use std::collections::BTreeSet;

use gpu_mnist::checks::band::compare;
use gpu_mnist::checks::verdicts::Verdict;
use gpu_mnist::checks::{self, Finding, Group, Scope, failures, relative_error};
use gpu_mnist::config::Config;
use gpu_mnist::data::synthetic::network;
use gpu_mnist::device::store::Store;
use gpu_mnist::device::{AdapterInfo, Device, Injection};
use gpu_mnist::kernels::images::ImageShape;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::{contains, ends_with};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::{adapter_or_skip, program, settings, write_dataset};

const ALL: [Group; 3] = [Group::Shared, Group::Fused, Group::Burn];

fn small() -> Config {
    settings(&[
        "model.layers=[{convolution=4,kernel=5,pool=2},{convolution=8,kernel=3,pool=2},{linear=12}]",
        "training.batch_size=4",
        "doctor.steps=3",
        "doctor.batch_size=8",
    ])
}

fn findings(device: &Device, config: &Config) -> Vec<Finding> {
    let scope = Scope::full(config);
    let network = network(&config.model);
    pollster::block_on(checks::run(
        device,
        config,
        &network,
        scope,
        &ALL,
        &mut |_| {},
    ))
}

#[test]
fn the_cpu_computes_right_and_every_operation_is_compared() {
    let found = findings(&Device::cpu(), &small());
    assert_eq!(failures(&found), Vec::<String>::new());
    let of = |group: Group| -> Vec<&str> {
        let found = found.iter().filter(|finding| finding.kernels == group);
        let ops: BTreeSet<&str> = found.map(|finding| finding.op.as_str()).collect();
        ops.into_iter().collect()
    };
    assert_eq!(
        of(Group::Shared),
        ["argmax", "cat and slice", "select", "sum"]
    );
    for group in [Group::Fused, Group::Burn] {
        let expected = [
            "adam",
            "adamw",
            "augment_batch",
            "average_pool",
            "batch_norm_relu",
            "blend",
            "convolve",
            "convolve_pool",
            "convolve_pool_relu",
            "count_confusion",
            "dropout",
            "gather_batch",
            "linear",
            "linear_relu",
            "max_pool",
            "normalise_relu",
            "orthogonal",
            "scale",
            "softmax_cross_entropy",
            "softmax_cross_entropy_weighted",
            "sum_squares",
            "training",
        ];
        assert_eq!(of(group), expected, "{group}");
    }
    assert!(found.len() > 100, "only {} comparisons", found.len());
}

/// Both layouts of images on a device, whichever the network takes; and a check before a training takes the network's.
#[test]
fn grey_and_coloured_images_are_compared() {
    let config = small();
    for input in [
        ImageShape::grey(28, 28),
        ImageShape::grey(32, 20),
        ImageShape::rgb(32, 32),
        ImageShape::rgb(19, 27),
    ] {
        let network = config.model.network(input, 20);
        let check = |scope| {
            let device = Device::cpu();
            pollster::block_on(checks::run(
                &device,
                &config,
                &network,
                scope,
                &ALL,
                &mut |_| {},
            ))
        };
        let found = check(Scope::full(&config));
        assert_eq!(failures(&found), Vec::<String>::new(), "{input}");
        let shapes = |op: &str, end: &str| {
            let of = |finding: &&Finding| finding.op == op && finding.shape.ends_with(end);
            let groups = found.iter().filter(of).map(|finding| finding.kernels);
            groups
                .map(|group| group.to_string())
                .collect::<BTreeSet<_>>()
        };
        let other = match input.channels {
            1 => "32x32x3",
            _ => "28x28",
        };
        for op in ["gather_batch", "augment_batch", "training"] {
            for shape in [input.to_string().as_str(), other] {
                let groups = shapes(op, &format!(", {shape}"));
                assert_eq!(groups.len(), 2, "{input}: {op} of {shape}: {groups:?}");
            }
        }
        assert_eq!(shapes("softmax_cross_entropy", "x20").len(), 2, "{input}");
        let short = check(Scope::short());
        assert_eq!(failures(&short), Vec::<String>::new(), "{input}");
        let first = format!(
            "8x{}x{}x{} -> 4, 5x5",
            input.height,
            input.width,
            input.device_channels()
        );
        let of_first =
            |finding: &&Finding| finding.op == "convolve_pool_relu" && finding.shape == first;
        assert!(short.iter().any(|finding| of_first(&finding)), "{first}");
    }
}

#[test]
fn one_percent_off_in_any_operation_is_found_and_named() {
    let config = small();
    let right = findings(&Device::cpu(), &config);
    let name = |finding: &Finding| format!("{}/{}", finding.op, finding.kernels);
    let ops: BTreeSet<String> = right.iter().map(name).collect();
    let mut tried = 0;
    for op in ops.iter().filter(|op| !op.starts_with("training/")) {
        let injection: Injection = format!("wrong:{op}").parse().expect("a known word");
        let found = findings(&Device::cpu().injecting(injection), &config);
        let failed = found.iter().filter(|finding| !finding.passed);
        let failed: BTreeSet<String> = failed.map(name).collect();
        assert_eq!(failed, BTreeSet::from([op.clone()]), "{op}");
        let (op, kernels) = op.split_once('/').expect("both");
        let named = format!("{op} ({kernels}): ");
        assert!(failures(&found).iter().all(|text| text.starts_with(&named)));
        tried += 1;
    }
    assert_eq!(tried, 4 + 2 * 21);
}

#[test]
fn numbers_that_are_none_fail() {
    assert!(relative_error(&[1.0, f64::NAN], &[1.0, 2.0]).is_nan());
    assert!(relative_error(&[1.0], &[1.0, 2.0]).is_nan());
    assert!(relative_error(&[], &[]).is_nan());
    assert_eq!(relative_error(&[1.0, 2.5], &[1.0, 2.0]), 0.25);
}

#[test]
fn losses_outside_the_band_are_found_with_their_step() {
    let expected = [2.3, 1.0, 0.1];
    assert!(compare(&[2.301, 1.001, 0.101], &expected, 0.01).ok);
    let parity = compare(&[2.3, 1.02, 0.1], &expected, 0.01);
    assert!(!parity.ok && parity.step == 2, "{parity:?}");
    // Small losses are judged by the floor of 0.5.
    assert!(compare(&[2.3, 1.0, 0.104], &expected, 0.01).ok);
    for bad in [
        &[2.3, f64::NAN, 0.1][..],
        &[2.3, f64::INFINITY, 0.1],
        &[2.3, 1.0],
        &[],
    ] {
        let parity = compare(bad, &expected, 0.01);
        assert!(
            !parity.ok && parity.deviation.is_none(),
            "{bad:?}: {parity:?}"
        );
    }
    assert!(!compare(&[], &[], 0.01).ok);
}

fn adapter(name: &str, driver: &str, bus: &str) -> AdapterInfo {
    AdapterInfo {
        index: 0,
        name: name.into(),
        api: "vulkan".into(),
        adapter_type: "discrete".into(),
        driver: driver.into(),
        id: "10de:2684".into(),
        bus: bus.into(),
        subgroup: None,
    }
}

fn verdict(adapter: &AdapterInfo, fused: bool) -> Verdict {
    Verdict {
        fused: Some(fused),
        ..Verdict::new(adapter, &network(&settings(&[]).model))
    }
}

#[test]
fn no_two_adapters_drivers_or_apis_share_a_store() {
    let root = tempdir().expect("a folder");
    let card = adapter("Card", "550.54", "0000:01:00.0");
    let others = [
        adapter("Card", "550.54", "0000:02:00.0"),
        adapter("Card", "551.00", "0000:01:00.0"),
        adapter("Card Ti", "550.54", "0000:01:00.0"),
        AdapterInfo {
            api: "dx12".into(),
            ..card.clone()
        },
    ];
    let store = Store::new(root.path(), &card);
    let right = verdict(&card, true);
    store.remember(&right).expect("written");
    assert_eq!(store.verdict(&right), Some(right.clone()));
    for other in others {
        let store = Store::new(root.path(), &other);
        assert_eq!(store.verdict(&verdict(&other, true)), None, "{other:?}");
    }
    // The same card in the same place under another number is the same.
    let renumbered = AdapterInfo { index: 3, ..card };
    let store = Store::new(root.path(), &renumbered);
    assert_eq!(store.verdict(&right), Some(right));
}

#[test]
fn another_kernel_set_version_or_network_is_checked_anew() {
    let root = tempdir().expect("a folder");
    let card = adapter("Card", "1", "");
    let store = Store::new(root.path(), &card);
    let right = verdict(&card, true);
    store.remember(&right).expect("written");
    let mut changed = vec![right.clone(), right.clone(), right.clone()];
    changed[0].kernel_set = "another".into();
    changed[1].version = "0.0.9".into();
    changed[2].network.model.layers.pop();
    for other in &changed {
        assert_eq!(store.verdict(other), None);
        store.remember(other).expect("written");
    }
    assert_eq!(store.verdict(&right), Some(right), "the first is kept too");
}

#[test]
fn a_store_cut_off_at_any_byte_is_accepted_or_rebuilt() {
    let root = tempdir().expect("a folder");
    let card = adapter("Card", "1", "");
    let store = Store::new(root.path(), &card);
    let right = verdict(&card, true);
    store.remember(&right).expect("written");
    let path = store.folder().join("verdicts.json");
    let whole = std::fs::read(&path).expect("a file");
    let mut rebuilt = 0;
    for length in 0..whole.len() {
        std::fs::write(&path, &whole[..length]).expect("written");
        std::fs::write(store.folder().join(".tmp-x.part"), b"left behind").expect("written");
        match store.verdict(&right) {
            Some(read) => assert_eq!(read, right),
            None => rebuilt += 1,
        }
        store.remember(&right).expect("rebuilt");
        assert_eq!(store.verdict(&right), Some(right.clone()), "{length} bytes");
    }
    assert!(rebuilt > 100);
}

#[test]
fn writers_killed_at_any_moment_leave_a_store_that_can_be_read() {
    let root = tempdir().expect("a folder");
    let card = adapter("Card", "1", "");
    let store = Store::new(root.path(), &card);
    let right = verdict(&card, true);
    store.remember(&right).expect("written");
    // Readers beside a writer see what a kill at that moment would leave.
    let writer = {
        let (store, right) = (store.clone(), right.clone());
        std::thread::spawn(move || {
            for _ in 0..200 {
                store.remember(&right).expect("written");
            }
        })
    };
    let mut reads = 0;
    while !writer.is_finished() {
        assert_eq!(store.verdict(&right), Some(right.clone()));
        reads += 1;
    }
    writer.join().expect("no panic");
    assert!(reads > 10);
}

#[test]
fn doctor_reports_the_cpu_as_text_and_json() {
    let home = tempdir().expect("a folder");
    let doctor = |arguments: &[&str]| {
        let mut command = program(home.path());
        command
            .args(["-q", "doctor", "--device", "cpu"])
            .args(["--set", "training.batch_size=4", "--set", "doctor.steps=2"])
            .args(arguments);
        command
    };
    doctor(&[])
        .assert()
        .code(0)
        .stdout(contains("convolve_pool_relu").and(contains("none failed")))
        .stdout(contains("For a bug report").not());
    doctor(&["--report"])
        .assert()
        .code(0)
        .stdout(contains("burn 0.22.1").and(contains("kernel set")))
        .stdout(ends_with("none failed\n"));
    let text = |more: &[&str]| {
        let output = doctor(more).assert().code(0).get_output().clone();
        String::from_utf8(output.stdout).expect("text")
    };
    let (short, long) = (text(&[]), text(&["--details"]));
    let lines = |text: &str| text.lines().filter(|line| line.contains(" right")).count();
    assert!(lines(&short) < 60 && lines(&long) > 100, "{short}");
    for line in short.lines().chain(long.lines()) {
        assert!(line.chars().count() <= 80, "{line}");
    }
    let output = doctor(&["--json"]).assert().code(0).get_output().clone();
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(report["passed"], true);
    assert!(
        report["devices"][0]["findings"]
            .as_array()
            .expect("a list")
            .len()
            > 100
    );
    doctor(&["--json"])
        .env("GPU_MNIST_INJECT", "wrong:convolve_pool_relu")
        .assert()
        .code(5)
        .stdout(contains("\"passed\":false"))
        .stderr(contains("convolve_pool_relu (fused)").and(contains("output off by 1.0e-2")));
}

/// On the adapter: `doctor --all`, a kernel made wrong, and what training then does.
#[test]
fn an_adapter_with_a_wrong_kernel_is_found_and_trained_around() {
    const NAME: &str = "an_adapter_with_a_wrong_kernel_is_found_and_trained_around";
    if adapter_or_skip(NAME).is_none() {
        return;
    }
    let home = tempdir().expect("a folder");
    write_dataset(&home.path().join("digits"), 64, 20);
    let settings = [
        "--set",
        "training.batch_size=8",
        "--set",
        "doctor.steps=2",
        "--set",
        "doctor.batch_size=8",
    ];
    let output = program(home.path())
        .args(["-q", "doctor", "--all", "--json"])
        .args(settings)
        .assert()
        .code(0)
        .get_output()
        .clone();
    let report: Value = serde_json::from_slice(&output.stdout).expect("one JSON object");
    assert_eq!(report["passed"], true);
    let adapter = &report["devices"][0];
    assert!(adapter["capabilities"]["limits"]["max_buffer_size"].is_u64());
    let store = adapter["store"].as_str().expect("a path").to_string();
    assert!(
        store.starts_with(home.path().to_str().expect("text")),
        "{store}"
    );
    let listed = program(home.path())
        .args(["devices", "--json"])
        .assert()
        .code(0)
        .get_output()
        .clone();
    let listed: Value = serde_json::from_slice(&listed.stdout).expect("one JSON object");
    assert_eq!(listed["adapters"][0]["store"], store.as_str());

    let train = |out: &str| {
        let mut command = program(home.path());
        command
            .args([
                "train",
                "--device",
                "gpu",
                "--dataset",
                "digits",
                "--out",
                out,
            ])
            .args(["--set", "data.validation_size=8", "--json"])
            .args(settings);
        command
    };
    // Remembered as right: nothing is checked.
    train("right")
        .assert()
        .code(0)
        .stdout(contains("\"kernels\":\"fused\""))
        .stderr(contains("checking its numbers").not());
    std::fs::remove_dir_all(&store).expect("there was a store");
    train("fallback")
        .env("GPU_MNIST_INJECT", "wrong:linear_relu/fused")
        .assert()
        .code(0)
        .stdout(contains("\"kernels\":\"burn\""))
        .stderr(contains("linear_relu (fused)").and(contains("training with --kernels burn")));
    let resolved = std::fs::read_to_string(home.path().join("fallback/settings.toml"));
    assert!(resolved.expect("settings").contains("kernels = \"burn\""));
    // Remembered, though nothing is injected any more.
    train("remembered")
        .assert()
        .code(0)
        .stdout(contains("\"kernels\":\"burn\""))
        .stderr(contains("checking its numbers").not());
    train("unchecked")
        .arg("--no-check")
        .assert()
        .code(0)
        .stdout(contains("\"kernels\":\"fused\""));
    std::fs::remove_dir_all(&store).expect("there was a store");
    train("refused")
        .env("GPU_MNIST_INJECT", "wrong:linear_relu")
        .assert()
        .code(5)
        .stderr(contains("linear_relu (burn)").and(contains("--device cpu")));
}
