//! What layers write of an ONNX graph, and read of its nodes: attributes, a chain of nodes, tensors.

pub mod proto;

use proto::{ATTRIBUTE_FLOAT, ATTRIBUTE_INT, ATTRIBUTE_INTS, AttributeProto, NodeProto};

/// Names of a graph's input and output.
pub const INPUT: &str = "pictures";
/// The name of a graph's output, `[n, classes]`.
pub const OUTPUT: &str = "logits";

/// A named block of numbers, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor {
    /// PyTorch's.
    pub name: String,
    /// Its dimensions, in PyTorch's layout.
    pub dims: Vec<usize>,
    /// Its numbers, the last dimension first.
    pub values: Vec<f32>,
}

/// Dimensions and numbers that a node gives.
pub type Value = (Vec<usize>, Vec<f32>);

/// Computes a node from its inputs, by plain loops, or says what does not fit.
pub type Evaluate = fn(&[&Tensor], &NodeProto) -> Result<Value, String>;

/// Nodes, each working on what the one before it gives.
pub struct Chain {
    /// The operations so far.
    pub nodes: Vec<NodeProto>,
    /// What the last node gives.
    pub features: String,
}

impl Chain {
    /// Adds a node that takes the features and `others`, and gives features of this name.
    pub fn then(
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
}

/// An attribute that is a float.
pub fn float(name: &str, value: f32) -> AttributeProto {
    AttributeProto {
        f: Some(value),
        ..of_kind(name, ATTRIBUTE_FLOAT)
    }
}

/// An attribute that is a whole number.
pub fn int(name: &str, value: i64) -> AttributeProto {
    AttributeProto {
        i: Some(value),
        ..of_kind(name, ATTRIBUTE_INT)
    }
}

/// An attribute that is a list of whole numbers.
pub fn ints(name: &str, values: &[i64]) -> AttributeProto {
    AttributeProto {
        ints: values.to_vec(),
        ..of_kind(name, ATTRIBUTE_INTS)
    }
}

fn of_kind(name: &str, kind: i32) -> AttributeProto {
    AttributeProto {
        name: Some(name.into()),
        kind: Some(kind),
        ..AttributeProto::default()
    }
}

/// The one number of an attribute that is the same for all sides; `None` without it.
pub fn alike(node: &NodeProto, name: &str) -> Option<Result<usize, String>> {
    let values = &attribute(node, name)?.ints;
    Some(match values.first() {
        Some(&first) if first >= 0 && values.iter().all(|&value| value == first) => {
            Ok(first as usize)
        }
        _ => Err(format!("'{name}' is {values:?}")),
    })
}

/// Both numbers of an attribute that has two.
pub fn pair(node: &NodeProto, name: &str) -> Option<[usize; 2]> {
    match attribute(node, name)?.ints[..] {
        [first, second] => Some([first as usize, second as usize]),
        _ => None,
    }
}

/// The attribute of that name.
pub fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a AttributeProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name.as_deref() == Some(name))
}
