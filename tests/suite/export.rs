//! Exports: the ONNX graph computes what the network computes, and a wrong one is not written.

use std::collections::HashMap;
use std::path::Path;

use gpu_mnist::config::Config;
use gpu_mnist::data::batches::Normalisation;
use gpu_mnist::data::synthetic::{self, network};
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::inference::{Logits, classify};
use gpu_mnist::export::{compare, execute_on, onnx, parameters};
use gpu_mnist::model::onnx::proto::ModelProto;
use gpu_mnist::model::{Model, initial_values};
use gpu_mnist::runs::weights;
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use prost::Message;
use tempfile::tempdir;

use crate::support::{
    EVERY_LAYER, EVERY_LAYER_FLAT, description, interop, program, settings, write_dataset,
};

/// Odd everywhere, so that no two dimensions can be mistaken for each other.
const ODD: &[&str] =
    &["model.layers=[{convolution=3,kernel=4,pool=2},{convolution=5,kernel=2,pool=2},{linear=7}]"];

const NORMALISATION: Normalisation = Normalisation::grey(0.13, 0.31);

/// Logits of some digits, and the graph of the same network as another program reads it.
fn answers_and_graph(config: &Config, raw_input: bool) -> (Vec<Logits>, ModelProto) {
    let device = Device::cpu();
    let mut values = initial_values(&network(&config.model), 1);
    // Statistics, scales and shifts as a training could leave them.
    for (shape, values) in network(&config.model).parameters().iter().zip(&mut values) {
        if shape.name.starts_with("bn") {
            for (index, value) in values.iter_mut().enumerate() {
                *value += 0.1 * (index + 1) as f32;
            }
        }
    }
    let model = Model::from_values(&network(&config.model), values, &device);
    let description = description(config, NORMALISATION);
    let pictures = synthetic::draw(1, 1, 20);
    let expected = classify(&model, &pictures, NORMALISATION, config, &device);
    let expected = pollster::block_on(expected).expect("logits");
    let values = pollster::block_on(weights::values(&model, &device)).expect("weights");
    let parameters = parameters(&description, values);
    let bytes = onnx::graph(&parameters, &description, raw_input, None).encode_to_vec();
    (expected, ModelProto::decode(&bytes[..]).expect("decoded"))
}

#[test]
fn the_graph_computes_what_the_network_computes() {
    let pooled = "model.layers=[{pool='max'},{convolution=4,kernel=3},{pool='max'},{pool='average'},{dropout=0.5}]";
    for assignments in [&[][..], ODD, &[EVERY_LAYER], &[EVERY_LAYER_FLAT], &[pooled]] {
        let config = settings(assignments);
        for raw_input in [false, true] {
            let (expected, graph) = answers_and_graph(&config, raw_input);
            let pictures = synthetic::draw(1, 1, 20);
            let by = (!raw_input).then_some(NORMALISATION);
            let found = execute_on(&graph, &pictures, by).expect("computed");
            let agreement = compare(&expected, &found).expect("agreement");
            assert_eq!(agreement.images, 20);
        }
    }
}

#[test]
fn a_changed_graph_does_not_agree() {
    changed_graphs_do_not_agree(ODD, 8);
    changed_graphs_do_not_agree(&[EVERY_LAYER], 3 * 5 + 3 * 2 + 4);
}

fn changed_graphs_do_not_agree(assignments: &[&str], tensors: usize) {
    let config = settings(assignments);
    let pictures = synthetic::draw(1, 1, 20);
    let count = answers_and_graph(&config, true)
        .1
        .graph
        .expect("a graph")
        .initializer
        .len();
    assert_eq!(count, tensors + 3);
    for place in 0..count {
        let (expected, mut graph) = answers_and_graph(&config, true);
        let tensor = &mut graph.graph.as_mut().expect("a graph").initializer[place];
        let bytes = tensor.raw_data.as_mut().expect("numbers");
        for number in bytes.chunks_exact_mut(4) {
            let value = f32::from_le_bytes([number[0], number[1], number[2], number[3]]);
            number.copy_from_slice(&(value * 1.5 + 0.1).to_le_bytes());
        }
        let found = execute_on(&graph, &pictures, None).expect("computed");
        assert!(
            compare(&expected, &found).is_err(),
            "{:?}",
            tensor_name(&graph, place)
        );
    }
    let (expected, mut graph) = answers_and_graph(&config, true);
    graph.graph.as_mut().expect("a graph").node.remove(4);
    assert!(execute_on(&graph, &pictures, None).is_err());

    let mut nothing = expected.clone();
    nothing[3][4] = f32::NAN;
    assert!(compare(&expected, &nothing).is_err());
    assert!(compare(&expected, &expected[1..]).is_err());
    assert!(compare(&[], &[]).is_err());
}

fn tensor_name(graph: &ModelProto, place: usize) -> Option<String> {
    graph.graph.as_ref()?.initializer[place].name.clone()
}

/// A run in `run` below a folder, on drawn digits.
fn train_digits(home: &Path) {
    write_dataset(&home.join("digits"), 600, 100);
    program(home)
        .args(["train", "--dataset", "digits", "--device", "cpu"])
        .args(["--out", "run", "--set", "data.validation_size=0"])
        .assert()
        .code(0);
}

#[test]
fn export_writes_whole_files_that_other_programs_agree_with() {
    let home = tempdir().expect("a folder");
    train_digits(home.path());
    let export = ["export", "run", "--device", "cpu", "--format"];
    program(home.path())
        .args(export)
        .arg("onnx")
        .assert()
        .code(0)
        .stdout("run.onnx\n")
        .stderr(contains("64 images compared"));
    // What nobody named is not replaced, be it another kind of export or the weights of a run.
    let whole = std::fs::read(home.path().join("run.onnx")).expect("written");
    program(home.path())
        .args(export)
        .args(["onnx", "--raw-input"])
        .assert()
        .code(0)
        .stdout("run-raw.onnx\n");
    program(home.path())
        .args(export)
        .arg("onnx")
        .assert()
        .code(2)
        .stderr(contains("run.onnx is there already").and(contains("--out run.onnx")));
    assert_eq!(
        std::fs::read(home.path().join("run.onnx")).expect("read"),
        whole
    );
    program(home.path())
        .args(export)
        .args(["onnx", "--out", "run.onnx"])
        .assert()
        .code(0);
    program(home.path())
        .args(export)
        .args(["safetensors", "--out", "weights.safetensors"])
        .assert()
        .code(0);
    predictions_agree_with_the_evaluation(home.path());
    program(home.path())
        .args([
            "evaluate",
            "weights.safetensors",
            "--dataset",
            "digits",
            "--device",
            "cpu",
        ])
        .assert()
        .code(0);
    program(home.path())
        .args(export)
        .args(["safetensors", "--raw-input"])
        .assert()
        .code(2)
        .stderr(contains("--format onnx"));
    program(home.path())
        .args(export)
        .args(["onnx", "--out", "nowhere/model.onnx"])
        .assert()
        .code(1)
        .stderr(contains("nowhere/model.onnx: could not be written"))
        .stderr(contains("(os error").count(1));
    let names = std::fs::read_dir(home.path()).expect("read");
    let left: Vec<_> = names
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| name.starts_with(".tmp-"))
        .collect();
    assert!(left.is_empty(), "{left:?}");
    interop(
        home.path(),
        "compare_logits.py",
        &[
            env!("CARGO_BIN_EXE_gpu-mnist"),
            "run",
            "digits/t10k-images-idx3-ubyte",
            "--dataset",
            "digits",
        ],
    );
}

/// All that a file says of its network.
fn metadata(graph: &ModelProto) -> HashMap<&str, &str> {
    let entries = graph.metadata_props.iter();
    entries
        .map(|entry| {
            (
                entry.key.as_deref().expect("a key"),
                entry.value.as_deref().expect("a value"),
            )
        })
        .collect()
}

#[test]
fn an_onnx_file_says_what_a_program_needs_to_use_it() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    train_digits(home);
    let text = std::fs::read_to_string(home.join("run/run.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let exported = |run: &str, more: &[&str]| {
        let export = [
            "export", run, "--device", "cpu", "--format", "onnx", "--out", "a.onnx",
        ];
        program(home).args(export).args(more).assert().code(0);
        let bytes = std::fs::read(home.join("a.onnx")).expect("written");
        ModelProto::decode(&bytes[..]).expect("decoded")
    };
    for (more, inside, element) in [
        (&[][..], "false", "float32"),
        (&["--raw-input"], "true", "uint8"),
    ] {
        let graph = exported("run", more);
        let found = metadata(&graph);
        let classes: Vec<String> = serde_json::from_str(found["classes"]).expect("a list");
        assert_eq!(serde_json::json!(classes), record["set"]["class_names"]);
        assert_eq!(found["dataset"], "digits");
        assert_eq!(found["dataset_fingerprint"], record["set"]["fingerprint"]);
        let sides = ["input_height", "input_width"].map(|key| found[key]);
        assert_eq!(sides, ["28", "28"]);
        assert_eq!(
            [found["input_layout"], found["input_colour"]],
            ["NCHW", "grey"]
        );
        assert_eq!(
            [found["normalised_inside"], found["input_type"]],
            [inside, element]
        );
        assert_eq!(found["gpu_mnist_version"], env!("CARGO_PKG_VERSION"));
        let accuracy: f64 = found["test_accuracy"].parse().expect("a number");
        assert_eq!(accuracy, record["evaluation"]["accuracy"]);
        assert_eq!(found["test_images"], "100");
        let inner = graph.graph.as_ref().expect("a graph");
        let doc = |value: &gpu_mnist::model::onnx::proto::ValueInfoProto| value.doc_string.clone();
        let input = doc(&inner.input[0]).expect("a text");
        assert!(
            input.starts_with(if inside == "true" {
                "bytes, grey"
            } else {
                "floats, grey: (byte / 255 - "
            }),
            "{input}"
        );
        let output = doc(&inner.output[0]).expect("a text");
        assert!(
            output.contains("before softmax; the 10 classes"),
            "{output}"
        );
    }
    // Other weights than the record's have no accuracy.
    std::fs::copy(
        home.join("run/model.safetensors"),
        home.join("alone.safetensors"),
    )
    .expect("copied");
    let graph = exported("alone.safetensors", &[]);
    assert!(!metadata(&graph).contains_key("test_accuracy"));
    let other = [
        "train",
        "--dataset",
        "digits",
        "--device",
        "cpu",
        "--out",
        "other",
        "--seed",
        "1",
    ];
    program(home)
        .args(other)
        .args(["--set", "data.validation_size=0"])
        .assert()
        .code(0);
    std::fs::copy(
        home.join("other/model.safetensors"),
        home.join("run/model.safetensors"),
    )
    .expect("copied");
    assert!(!metadata(&exported("run", &[])).contains_key("test_accuracy"));
}

#[test]
fn the_metadata_of_coloured_images_has_a_number_a_channel() {
    let config = settings(&[]);
    let mut description = description(&config, Normalisation::grey(0.5, 0.25));
    description.normalisation.mean = [0.1, 0.2, 0.3];
    description.set.shape.channels = 3;
    let graph = onnx::graph(&[], &description, true, None);
    let found = metadata(&graph);
    assert_eq!(found["input_colour"], "rgb");
    let mean: Vec<f32> = serde_json::from_str(found["mean"]).expect("a list");
    assert_eq!(mean, [0.1, 0.2, 0.3]);
    assert!(!found.contains_key("test_accuracy"));
}

fn predictions_agree_with_the_evaluation(home: &std::path::Path) {
    let output = program(home)
        .args([
            "evaluate",
            "run",
            "--dataset",
            "digits",
            "--device",
            "cpu",
            "--json",
        ])
        .args(["--predictions", "predictions.csv"])
        .assert()
        .code(0)
        .get_output()
        .clone();
    let evaluation: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let text = std::fs::read_to_string(home.join("predictions.csv")).expect("written");
    let mut lines = text.lines();
    let header = lines.next().expect("a header");
    assert!(header.starts_with("index,label,predicted,confidence,loss,logit_0,"));
    let rows: Vec<Vec<&str>> = lines.map(|line| line.split(',').collect()).collect();
    assert_eq!(rows.len(), 100);
    let right = rows.iter().filter(|row| row[1] == row[2]).count();
    assert_eq!(evaluation["correct"], right);
    let losses = rows
        .iter()
        .map(|row| row[4].parse::<f64>().expect("a number"));
    let mean = losses.sum::<f64>() / rows.len() as f64;
    let expected = evaluation["loss"].as_f64().expect("a number");
    assert!((mean - expected).abs() < 1e-5, "{mean} against {expected}");
}
