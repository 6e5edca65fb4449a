//! The network as an ONNX graph: opset 13, NCHW, a dynamic batch, PyTorch's names and layouts.

use serde_json::json;

use super::{Tensor, Tested};
use crate::data::image_set::{Background, ImageShape};
use crate::model::onnx::proto::{
    Dimension, DimensionProto, FLOAT, GraphProto, ModelProto, OperatorSetIdProto,
    StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, UINT8,
    ValueInfoProto,
};
use crate::model::onnx::{Chain, INPUT, OUTPUT, int};
use crate::runs::weights::Description;

/// ONNX 1.8 of November 2020: every runtime in use reads it.
const OPSET: i64 = 13;
const IR_VERSION: i64 = 7;

/// The graph of a network with these `parameters`. Its input `[batch, channels, height, width]` is
/// normalised floats, or bytes with `raw_input`; its output is logits `[batch, classes]`. Its
/// metadata says what a program needs to prepare images and to name classes.
pub fn graph(
    parameters: &[Tensor],
    description: &Description,
    raw_input: bool,
    tested: Option<Tested>,
) -> ModelProto {
    let mut initializers: Vec<TensorProto> = parameters.iter().map(initializer).collect();
    let mut chain = Chain {
        nodes: Vec::new(),
        features: INPUT.into(),
    };
    if raw_input {
        let normalisation = description.normalisation;
        let channels = description.set.shape.channels;
        let constants = [
            ("white", vec![255.0]),
            ("mean", normalisation.mean[..channels].to_vec()),
            (
                "standard_deviation",
                normalisation.standard_deviation[..channels].to_vec(),
            ),
        ];
        initializers.extend(constants.map(|(name, values)| {
            initializer(&Tensor {
                name: name.into(),
                dims: match values.len() {
                    1 => Vec::new(),
                    channels => vec![channels, 1, 1],
                },
                values,
            })
        }));
        chain.then("floats", "Cast", &[], vec![int("to", FLOAT.into())]);
        chain.then("shares", "Div", &["white"], Vec::new());
        chain.then("centred", "Sub", &["mean"], Vec::new());
        chain.then("normalised", "Div", &["standard_deviation"], Vec::new());
    }
    for place in description.network().checked_places() {
        place.layer.describe().nodes(&place, &mut chain);
    }

    let shape = description.set.shape;
    let dims = [shape.channels, shape.height, shape.width].map(|dim| dim as i64);
    let classes = description.set.class_names.len() as i64;
    let element = if raw_input { UINT8 } else { FLOAT };
    ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some(env!("CARGO_PKG_NAME").into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        doc_string: Some(explanation(description, raw_input)),
        graph: Some(GraphProto {
            node: chain.nodes,
            name: Some("classifier".into()),
            initializer: initializers,
            input: vec![value(
                INPUT,
                element,
                &dims,
                explain_input(description, raw_input),
            )],
            output: vec![value(OUTPUT, FLOAT, &[classes], explain_output(classes))],
        }),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(OPSET),
        }],
        metadata_props: metadata(description, raw_input, tested),
    }
}

fn explanation(description: &Description, raw_input: bool) -> String {
    let shape = description.set.shape;
    let classes = description.set.class_names.len();
    format!(
        "Classifies images of {}. {INPUT}: [batch, {}, {}, {}] {}. {OUTPUT}: [batch, {classes}], {}.",
        description.set.name,
        shape.channels,
        shape.height,
        shape.width,
        explain_input(description, raw_input),
        explain_output(classes as i64)
    )
}

fn explain_input(description: &Description, raw_input: bool) -> String {
    let normalisation = description.normalisation;
    let channels = description.set.shape.channels;
    let layout = match channels {
        1 => "grey",
        _ => "red, green, blue",
    };
    let background = match description.set.background {
        Background::Dark => ", byte 0 is background",
        Background::Light => ", byte 255 is background",
        Background::Varied => "",
    };
    match raw_input {
        true => format!("bytes, {layout}{background}"),
        false => format!(
            "floats, {layout}: (byte / 255 - {}) / {}{background}",
            of_channels(normalisation.mean, channels),
            of_channels(normalisation.standard_deviation, channels)
        ),
    }
}

fn explain_output(classes: i64) -> String {
    format!("before softmax; the {classes} classes are in the metadata, 'classes', in this order")
}

/// What `metadata_props` say, all of it text: lists as JSON, switches as true and false.
fn metadata(
    description: &Description,
    raw_input: bool,
    tested: Option<Tested>,
) -> Vec<StringStringEntryProto> {
    let normalisation = description.normalisation;
    let set = &description.set;
    let ImageShape {
        height,
        width,
        channels,
    } = set.shape;
    let background = match set.background {
        Background::Dark => "dark",
        Background::Light => "light",
        Background::Varied => "varied",
    };
    let mut entries = vec![
        ("classes", json!(set.class_names).to_string()),
        ("dataset", set.name.clone()),
        ("dataset_fingerprint", set.fingerprint.clone()),
        ("input_layout", "NCHW".into()),
        ("input_height", height.to_string()),
        ("input_width", width.to_string()),
        (
            "input_colour",
            if channels == 1 { "grey" } else { "rgb" }.into(),
        ),
        (
            "input_type",
            if raw_input { "uint8" } else { "float32" }.into(),
        ),
        ("input_background", background.into()),
        ("normalised_inside", raw_input.to_string()),
        ("mean", of_channels(normalisation.mean, channels)),
        (
            "standard_deviation",
            of_channels(normalisation.standard_deviation, channels),
        ),
        ("gpu_mnist_version", env!("CARGO_PKG_VERSION").into()),
    ];
    if let Some(Tested { accuracy, images }) = tested {
        entries.push(("test_accuracy", accuracy.to_string()));
        entries.push(("test_images", images.to_string()));
    }
    let entry = |(key, value): (&str, String)| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value),
    };
    entries.into_iter().map(entry).collect()
}

/// One number for grey, `[r, g, b]` for colour.
fn of_channels(numbers: [f32; 3], channels: usize) -> String {
    match channels {
        1 => numbers[0].to_string(),
        _ => json!(numbers).to_string(),
    }
}

fn initializer(tensor: &Tensor) -> TensorProto {
    let bytes = tensor.values.iter().flat_map(|value| value.to_le_bytes());
    TensorProto {
        dims: tensor.dims.iter().map(|&dim| dim as i64).collect(),
        data_type: Some(FLOAT),
        name: Some(tensor.name.clone()),
        raw_data: Some(bytes.collect()),
    }
}

/// An input or output: a batch of any size, then `dims`.
fn value(name: &str, element: i32, dims: &[i64], doc: String) -> ValueInfoProto {
    let batch = Dimension::Parameter("batch".into());
    let fixed = dims.iter().map(|&dim| Dimension::Value(dim));
    let dim = std::iter::once(batch).chain(fixed);
    ValueInfoProto {
        name: Some(name.into()),
        doc_string: Some(doc),
        value_type: Some(TypeProto {
            tensor_type: Some(TensorTypeProto {
                elem_type: Some(element),
                shape: Some(TensorShapeProto {
                    dim: dim
                        .map(|value| DimensionProto { value: Some(value) })
                        .collect(),
                }),
            }),
        }),
    }
}
