//! Computes an ONNX graph as it was read from a file, so that an export can be compared with the network it
//! came from. What belongs to a kind of layer is in its file.

use std::collections::HashMap;

use crate::model::layers;
use crate::model::onnx::proto::{FLOAT, GraphProto, ModelProto, TensorProto, ValueInfoProto};
use crate::model::onnx::{Tensor, Value};

/// The graph's first output for its first input `[batch, channels, height, width]`, numbers
/// whatever the element type.
///
/// # Errors
/// A text that says what the graph lacks or what is not known here.
pub fn execute(model: &ModelProto, dims: &[usize], input: Vec<f32>) -> Result<Tensor, String> {
    let graph = model.graph.as_ref().ok_or("it has no graph")?;
    let mut tensors = HashMap::new();
    for tensor in &graph.initializer {
        let tensor = read(tensor)?;
        tensors.insert(tensor.name.clone(), tensor);
    }
    let name = |values: &[ValueInfoProto]| {
        let first = values.first().and_then(|value| value.name.clone());
        first.ok_or("it has no input or output")
    };
    let input = Tensor {
        name: name(&graph.input)?,
        dims: dims.to_vec(),
        values: input,
    };
    tensors.insert(input.name.clone(), input);
    compute(graph, &mut tensors)?;
    tensors
        .remove(&name(&graph.output)?)
        .ok_or_else(|| "no node gives its output".into())
}

fn compute(graph: &GraphProto, tensors: &mut HashMap<String, Tensor>) -> Result<(), String> {
    for node in &graph.node {
        let inputs = node
            .input
            .iter()
            .map(|name| tensors.get(name).ok_or(format!("'{name}' is missing")))
            .collect::<Result<Vec<&Tensor>, String>>()?;
        let operation = node.op_type.as_deref().unwrap_or_default();
        let result = match (operation, &inputs[..]) {
            ("Cast", [x]) => (x.dims.clone(), x.values.clone()),
            ("Sub", [x, y]) => scalar(x, y, |x, y| x - y)?,
            ("Div", [x, y]) => scalar(x, y, |x, y| x / y)?,
            ("Relu", [x]) => (
                x.dims.clone(),
                x.values.iter().map(|v| v.max(0.0)).collect(),
            ),
            ("Flatten", [x]) => {
                let rows = *x.dims.first().ok_or("nothing to flatten")?;
                (vec![rows, x.values.len() / rows.max(1)], x.values.clone())
            }
            ("Add", [x, y]) => add(x, y)?,
            (other, inputs) => match layers::evaluator(other) {
                Some(evaluate) => evaluate(inputs, node)?,
                None => {
                    return Err(format!("operation '{other}' of {} inputs", inputs.len()));
                }
            },
        };
        let name = node.output.first().ok_or("a node without an output")?;
        let (dims, values) = result;
        let name = name.clone();
        tensors.insert(name.clone(), Tensor { name, dims, values });
    }
    Ok(())
}

/// `x` with one number `y`, or one a channel.
fn scalar(x: &Tensor, y: &Tensor, operation: fn(f32, f32) -> f32) -> Result<Value, String> {
    let channels = y.values.len();
    let pixels = match (channels, &x.dims[..]) {
        (1, _) => x.values.len(),
        (_, &[_, wanted, height, width]) if wanted == channels => height * width,
        _ => {
            return Err(format!(
                "'{}' is neither a number nor one a channel",
                y.name
            ));
        }
    };
    let planes = x.values.chunks(pixels.max(1)).zip(y.values.iter().cycle());
    let values = planes.flat_map(|(plane, &y)| plane.iter().map(move |&x| operation(x, y)));
    Ok((x.dims.clone(), values.collect()))
}

fn add(x: &Tensor, y: &Tensor) -> Result<Value, String> {
    if x.dims != y.dims {
        return Err(format!("'{}' and '{}' are not alike", x.name, y.name));
    }
    let sums = x.values.iter().zip(&y.values).map(|(x, y)| x + y);
    Ok((x.dims.clone(), sums.collect()))
}

fn read(tensor: &TensorProto) -> Result<Tensor, String> {
    let name = tensor.name.clone().unwrap_or_default();
    let bytes = tensor.raw_data.as_deref().unwrap_or_default();
    let (values, rest) = bytes.as_chunks::<4>();
    let dims: Vec<usize> = tensor.dims.iter().map(|&dim| dim as usize).collect();
    let whole = rest.is_empty() && values.len() == dims.iter().product::<usize>();
    if tensor.data_type != Some(FLOAT) || !whole {
        return Err(format!("'{name}' is not a complete tensor of floats"));
    }
    Ok(Tensor {
        name,
        dims,
        values: values
            .iter()
            .map(|&four| f32::from_le_bytes(four))
            .collect(),
    })
}
