//! The network as an ONNX graph: opset 13, NCHW, a dynamic batch, PyTorch's names and layouts.

use serde_json::json;

use super::Tensor;
use super::proto::{
    ATTRIBUTE_INT, ATTRIBUTE_INTS, AttributeProto, Dimension, DimensionProto, FLOAT, GraphProto,
    ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto, TensorProto,
    TensorShapeProto, TensorTypeProto, TypeProto, UINT8, ValueInfoProto,
};
use crate::checkpoint::Description;
use crate::data::{CLASSES, SIDE};

/// ONNX 1.8 of November 2020: every runtime in use reads it.
const OPSET: i64 = 13;
const IR_VERSION: i64 = 7;
/// Names of the input and the output.
pub const INPUT: &str = "pictures";
pub const OUTPUT: &str = "logits";

/// The graph of a network with these `parameters`. Its input `[batch, 1, 28, 28]` is normalised
/// floats, or bytes with `raw_input`; its output is logits `[batch, 10]`.
pub fn graph(parameters: &[Tensor], description: &Description, raw_input: bool) -> ModelProto {
    let mut nodes = Vec::new();
    let mut initializers: Vec<TensorProto> = parameters.iter().map(initializer).collect();
    let mut features = INPUT.to_string();
    let mut then = |name: &str, operation: &str, others: &[&str], attributes| {
        let mut input = vec![features.clone()];
        input.extend(others.iter().map(ToString::to_string));
        features = name.to_string();
        nodes.push(NodeProto {
            input,
            output: vec![name.into()],
            name: Some(format!("{name}_node")),
            op_type: Some(operation.into()),
            attribute: attributes,
        });
    };
    if raw_input {
        let normalisation = description.normalisation;
        let constants = [
            ("white", 255.0),
            ("mean", normalisation.mean),
            ("standard_deviation", normalisation.standard_deviation),
        ];
        initializers.extend(constants.map(|(name, value)| {
            initializer(&Tensor {
                name: name.into(),
                dims: Vec::new(),
                values: vec![value],
            })
        }));
        then("floats", "Cast", &[], vec![int("to", FLOAT.into())]);
        then("shares", "Div", &["white"], Vec::new());
        then("centred", "Sub", &["mean"], Vec::new());
        then("normalised", "Div", &["standard_deviation"], Vec::new());
    }
    for layer in ["conv1", "conv2"] {
        let (weight, bias) = (format!("{layer}.weight"), format!("{layer}.bias"));
        then(layer, "Conv", &[&weight, &bias], Vec::new());
        let window = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
        then(&format!("{layer}_pooled"), "MaxPool", &[], window);
        then(&format!("{layer}_relu"), "Relu", &[], Vec::new());
    }
    then("flat", "Flatten", &[], vec![int("axis", 1)]);
    let turned = || vec![int("transB", 1)];
    then("fc1", "Gemm", &["fc1.weight", "fc1.bias"], turned());
    then("fc1_relu", "Relu", &[], Vec::new());
    then(OUTPUT, "Gemm", &["fc2.weight", "fc2.bias"], turned());

    let side = SIDE as i64;
    let element = if raw_input { UINT8 } else { FLOAT };
    ModelProto {
        ir_version: Some(IR_VERSION),
        producer_name: Some(env!("CARGO_PKG_NAME").into()),
        producer_version: Some(env!("CARGO_PKG_VERSION").into()),
        doc_string: Some(explanation(description, raw_input)),
        graph: Some(GraphProto {
            node: nodes,
            name: Some("classifier".into()),
            initializer: initializers,
            input: vec![value(INPUT, element, &[1, side, side])],
            output: vec![value(OUTPUT, FLOAT, &[CLASSES as i64])],
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
    let input = match raw_input {
        true => "bytes, 0 is background".to_string(),
        false => format!(
            "floats: (byte / 255 - {}) / {}, byte 0 is background",
            normalisation.mean, normalisation.standard_deviation
        ),
    };
    format!(
        "Classifies pictures of {}. {INPUT}: [batch, 1, 28, 28] {input}. {OUTPUT}: [batch, 10], before softmax.",
        description.dataset
    )
}

fn metadata(description: &Description) -> Vec<StringStringEntryProto> {
    let normalisation = description.normalisation;
    [
        ("classes", json!(description.class_names).to_string()),
        ("dataset", description.dataset.clone()),
        ("mean", normalisation.mean.to_string()),
        (
            "standard_deviation",
            normalisation.standard_deviation.to_string(),
        ),
    ]
    .map(|(key, value)| StringStringEntryProto {
        key: Some(key.into()),
        value: Some(value),
    })
    .to_vec()
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

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        i: Some(value),
        ints: Vec::new(),
        kind: Some(ATTRIBUTE_INT),
    }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        i: None,
        ints: values.to_vec(),
        kind: Some(ATTRIBUTE_INTS),
    }
}
