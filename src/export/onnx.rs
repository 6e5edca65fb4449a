//! The network as an ONNX graph: opset 13, NCHW, a dynamic batch, PyTorch's names and layouts.

use serde_json::json;

use super::Tensor;
use super::proto::{
    ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_INTS, AttributeProto, Dimension, DimensionProto,
    FLOAT, GraphProto, ModelProto, NodeProto, OperatorSetIdProto, StringStringEntryProto,
    TensorProto, TensorShapeProto, TensorTypeProto, TypeProto, UINT8, ValueInfoProto,
};
use crate::config::ConvolutionConfig;
use crate::data::image_set::{Background, ImageShape};
use crate::runs::weights::Description;

/// ONNX 1.8 of November 2020: every runtime in use reads it.
const OPSET: i64 = 13;
const IR_VERSION: i64 = 7;
/// Names of the input and the output.
pub const INPUT: &str = "pictures";
pub const OUTPUT: &str = "logits";

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
    let sizes = description.network().checked_sizes();
    for (number, size) in (1..).zip(&sizes.convolutions) {
        chain.convolution(number, &size.layer, description.model.norm_epsilon);
    }
    if sizes.average {
        chain.then("average", "GlobalAveragePool", &[], Vec::new());
    }
    chain.then("flat", "Flatten", &[], vec![int("axis", 1)]);
    let last = sizes.linears.len();
    for number in 1..=last {
        let layer = format!("fc{number}");
        let name = if number == last { OUTPUT } else { &layer };
        let parameters = [format!("{layer}.weight"), format!("{layer}.bias")];
        let parameters = [parameters[0].as_str(), parameters[1].as_str()];
        chain.then(name, "Gemm", &parameters, vec![int("transB", 1)]);
        if number < last {
            chain.then(&format!("{layer}_relu"), "Relu", &[], Vec::new());
        }
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

/// Nodes, each working on what the one before it gives.
struct Chain {
    nodes: Vec<NodeProto>,
    /// What the last node gives.
    features: String,
}

impl Chain {
    fn then(
        &mut self,
        name: &str,
        operation: &str,
        others: &[&str],
        attributes: Vec<AttributeProto>,
    ) {
        let mut input = vec![std::mem::replace(&mut self.features, name.into())];
        input.extend(others.iter().map(ToString::to_string));
        self.nodes.push(NodeProto {
            input,
            output: vec![name.into()],
            name: Some(format!("{name}_node")),
            op_type: Some(operation.into()),
            attribute: attributes,
        });
    }

    /// The `number`-th convolution with all that belongs to it.
    fn convolution(&mut self, number: usize, layer: &ConvolutionConfig, epsilon: f64) {
        let residual = self.features.clone();
        let (name, norm) = (format!("conv{number}"), format!("bn{number}"));
        let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
        let with_bias = [weight.as_str(), bias.as_str()];
        let parameters = if layer.norm {
            &with_bias[..1]
        } else {
            &with_bias
        };
        let mut attributes = Vec::new();
        if layer.stride != 1 {
            attributes.push(ints("strides", &[layer.stride as i64; 2]));
        }
        if layer.padding != 0 {
            attributes.push(ints("pads", &[layer.padding as i64; 4]));
        }
        self.then(&name, "Conv", parameters, attributes);
        if layer.pool {
            let window = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
            self.then(&format!("{name}_pooled"), "MaxPool", &[], window);
        }
        if layer.norm {
            let tensors = ["weight", "bias", "running_mean", "running_var"];
            let tensors = tensors.map(|tensor| format!("{norm}.{tensor}"));
            let tensors = [0, 1, 2, 3].map(|place| tensors[place].as_str());
            let attributes = vec![float("epsilon", epsilon as f32)];
            self.then(&norm, "BatchNormalization", &tensors, attributes);
        }
        if layer.residual {
            self.then(&format!("{name}_sum"), "Add", &[&residual], Vec::new());
        }
        self.then(&format!("{name}_relu"), "Relu", &[], Vec::new());
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

fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..attribute(name, ATTRIBUTE_FLOAT)
    }
}

fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..attribute(name, ATTRIBUTE_INT)
    }
}

fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..attribute(name, ATTRIBUTE_INTS)
    }
}

fn attribute(name: &str, kind: i32) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        kind: Some(kind),
        ..AttributeProto::default()
    }
}
