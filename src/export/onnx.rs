//! The network as an ONNX graph: opset 13, NCHW, a dynamic batch, PyTorch's names and layouts.

use serde_json::json;

use super::Tensor;
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
/// normalised floats, or bytes with `raw_input`; its output is logits `[batch, classes]`.
pub fn graph(parameters: &[Tensor], description: &Description, raw_input: bool) -> ModelProto {
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
            input: vec![value(INPUT, element, &dims)],
            output: vec![value(OUTPUT, FLOAT, &[classes])],
        }),
        opset_import: vec![OperatorSetIdProto {
            domain: Some(String::new()),
            version: Some(OPSET),
        }],
        metadata_props: metadata(description),
    }
}

fn explanation(description: &Description, raw_input: bool) -> String {
    let normalisation = description.normalisation;
    let shape = description.set.shape;
    let ImageShape {
        height,
        width,
        channels,
    } = shape;
    let layout = match channels {
        1 => "grey",
        _ => "red, green, blue",
    };
    let background = match description.set.background {
        Background::Dark => ", byte 0 is background",
        Background::Light => ", byte 255 is background",
        Background::Varied => "",
    };
    let input = match raw_input {
        true => format!("bytes, {layout}{background}"),
        false => format!(
            "floats, {layout}: (byte / 255 - {}) / {}{background}",
            of_channels(normalisation.mean, channels),
            of_channels(normalisation.standard_deviation, channels)
        ),
    };
    format!(
        "Classifies images of {}. {INPUT}: [batch, {channels}, {height}, {width}] {input}. {OUTPUT}: [batch, {}], before softmax.",
        description.set.name,
        description.set.class_names.len()
    )
}

fn metadata(description: &Description) -> Vec<StringStringEntryProto> {
    let normalisation = description.normalisation;
    let channels = description.set.shape.channels;
    [
        ("classes", json!(description.set.class_names).to_string()),
        ("dataset", description.set.name.clone()),
        ("mean", of_channels(normalisation.mean, channels)),
        (
            "standard_deviation",
            of_channels(normalisation.standard_deviation, channels),
        ),
    ]
    .map(|(key, value)| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value),
    })
    .to_vec()
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
fn value(name: &str, element: i32, dims: &[i64]) -> ValueInfoProto {
    let batch = Dimension::Parameter("batch".into());
    let fixed = dims.iter().map(|&dim| Dimension::Value(dim));
    let dim = std::iter::once(batch).chain(fixed);
    ValueInfoProto {
        name: Some(name.into()),
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
