//! Computes an ONNX graph as it was read from a file: plain loops over the operations that
//! `onnx.rs` writes, so that an export can be compared with the network it came from.

use std::collections::HashMap;

use super::Tensor;
use super::proto::{FLOAT, GraphProto, ModelProto, NodeProto, TensorProto};

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
    let name = |values: &[super::proto::ValueInfoProto]| {
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
            ("Conv", [x, weight]) => convolve(x, weight, None, node)?,
            ("Conv", [x, weight, bias]) => convolve(x, weight, Some(bias), node)?,
            ("BatchNormalization", [x, tensors @ ..]) => normalise(x, tensors, node)?,
            ("Add", [x, y]) => add(x, y)?,
            ("GlobalAveragePool", [x]) => average(x)?,
            ("MaxPool", [x]) => pool(x, node)?,
            ("Gemm", [x, weight, bias]) => multiply(x, weight, bias, node)?,
            (other, inputs) => {
                return Err(format!("operation '{other}' of {} inputs", inputs.len()));
            }
        };
        let name = node.output.first().ok_or("a node without an output")?;
        let (dims, values) = result;
        let name = name.clone();
        tensors.insert(name.clone(), Tensor { name, dims, values });
    }
    Ok(())
}

type Value = (Vec<usize>, Vec<f32>);

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

/// x `[n, c, h, w]`, weight `[o, c, k, k]`; the same stride and padding on all sides.
fn convolve(
    x: &Tensor,
    weight: &Tensor,
    bias: Option<&Tensor>,
    node: &NodeProto,
) -> Result<Value, String> {
    let (&[count, channels, height, width], &[outputs, inputs, rows, columns]) =
        (&x.dims[..], &weight.dims[..])
    else {
        return Err("a convolution of other than four dimensions".into());
    };
    let stride = alike(node, "strides").unwrap_or(Ok(1))?;
    let padding = alike(node, "pads").unwrap_or(Ok(0))?;
    let (padded_height, padded_width) = (height + 2 * padding, width + 2 * padding);
    let biases = bias.is_none_or(|bias| bias.values.len() == outputs);
    if inputs != channels
        || rows > padded_height
        || columns > padded_width
        || !biases
        || stride == 0
    {
        return Err(format!("'{}' does not fit its input", weight.name));
    }
    let out_height = (padded_height - rows) / stride + 1;
    let out_width = (padded_width - columns) / stride + 1;
    let mut values = Vec::with_capacity(count * outputs * out_height * out_width);
    for picture in 0..count {
        for output in 0..outputs {
            for y in 0..out_height {
                for place in 0..out_width {
                    let mut sum = bias.map_or(0.0, |bias| f64::from(bias.values[output]));
                    for channel in 0..channels {
                        for row in 0..rows {
                            let line = (y * stride + row).wrapping_sub(padding);
                            if line >= height {
                                continue;
                            }
                            let at = ((picture * channels + channel) * height + line) * width;
                            let by = ((output * channels + channel) * rows + row) * columns;
                            for column in 0..columns {
                                let pixel = (place * stride + column).wrapping_sub(padding);
                                if pixel < width {
                                    sum += f64::from(x.values[at + pixel])
                                        * f64::from(weight.values[by + column]);
                                }
                            }
                        }
                    }
                    values.push(sum as f32);
                }
            }
        }
    }
    Ok((vec![count, outputs, out_height, out_width], values))
}

/// x `[n, c, h, w]`; scale, shift, mean and variance `[c]`.
fn normalise(x: &Tensor, tensors: &[&Tensor], node: &NodeProto) -> Result<Value, String> {
    let (&[_, channels, height, width], &[scale, shift, mean, variance]) = (&x.dims[..], tensors)
    else {
        return Err("a batch norm of other than four dimensions or tensors".into());
    };
    if tensors.iter().any(|tensor| tensor.values.len() != channels) {
        return Err(format!("'{}' does not fit its input", scale.name));
    }
    let epsilon = attribute(node, "epsilon").and_then(|found| found.f);
    let epsilon = f64::from(epsilon.ok_or("a batch norm without epsilon")?);
    let planes = x.values.chunks(height * width).enumerate();
    let values = planes.flat_map(|(plane, values)| {
        let number = |tensor: &Tensor| f64::from(tensor.values[plane % channels]);
        let factor = number(scale) / (number(variance) + epsilon).sqrt();
        let (mean, shift) = (number(mean), number(shift));
        let normalised = move |&value: &f32| ((f64::from(value) - mean) * factor + shift) as f32;
        values.iter().map(normalised)
    });
    Ok((x.dims.clone(), values.collect()))
}

/// The mean of each plane.
fn average(x: &Tensor) -> Result<Value, String> {
    let &[count, channels, height, width] = &x.dims[..] else {
        return Err("an average over other than four dimensions".into());
    };
    let pixels = height * width;
    let planes = x.values.chunks(pixels);
    let mean = |plane: &[f32]| {
        let sum: f64 = plane.iter().map(|&value| f64::from(value)).sum();
        (sum / pixels as f64) as f32
    };
    Ok((vec![count, channels, 1, 1], planes.map(mean).collect()))
}

/// Square windows side by side; what does not fill a window is left out.
fn pool(x: &Tensor, node: &NodeProto) -> Result<Value, String> {
    let (Some([side, wide]), Some([stride, _])) =
        (pair(node, "kernel_shape"), pair(node, "strides"))
    else {
        return Err("a pooling without window or strides".into());
    };
    let &[count, channels, height, width] = &x.dims[..] else {
        return Err("a pooling of other than four dimensions".into());
    };
    if side != wide || stride != side || side == 0 {
        return Err("a pooling whose windows overlap or are not square".into());
    }
    let (out_height, out_width) = (height / side, width / side);
    let mut values = Vec::with_capacity(count * channels * out_height * out_width);
    for plane in x.values.chunks(height * width) {
        for y in 0..out_height {
            for column in 0..out_width {
                let window = (0..side * side).map(|place| {
                    plane[(y * side + place / side) * width + column * side + place % side]
                });
                values.push(window.fold(f32::NEG_INFINITY, f32::max));
            }
        }
    }
    Ok((vec![count, channels, out_height, out_width], values))
}

/// x `[n, i]`, weight `[o, i]` (transB), bias `[o]`.
fn multiply(x: &Tensor, weight: &Tensor, bias: &Tensor, node: &NodeProto) -> Result<Value, String> {
    let turned = attribute(node, "transB").and_then(|found| found.i) == Some(1);
    let (&[count, inputs], &[outputs, same]) = (&x.dims[..], &weight.dims[..]) else {
        return Err("a matrix product of other than two dimensions".into());
    };
    if !turned || inputs != same || bias.values.len() != outputs {
        return Err(format!("'{}' does not fit its input", weight.name));
    }
    let mut values = Vec::with_capacity(count * outputs);
    for row in x.values.chunks(inputs) {
        for (weights, &bias) in weight.values.chunks(inputs).zip(&bias.values) {
            let products = row.iter().zip(weights);
            let sum: f64 = products.map(|(&x, &w)| f64::from(x) * f64::from(w)).sum();
            values.push((sum + f64::from(bias)) as f32);
        }
    }
    Ok((vec![count, outputs], values))
}

fn read(tensor: &TensorProto) -> Result<Tensor, String> {
    let name = tensor.name.clone().unwrap_or_default();
    let bytes = tensor.raw_data.as_deref().unwrap_or_default();
    let (values, rest) = bytes.as_chunks::<4>();
    let dims: Vec<usize> = tensor.dims.iter().map(|&dim| dim as usize).collect();
    let whole = rest.is_empty() && values.len() == dims.iter().product::<usize>();
    if tensor.data_type != Some(FLOAT) || !whole {
        return Err(format!("'{name}' is no whole tensor of floats"));
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

/// The one number of an attribute that is the same for all sides; `None` without it.
fn alike(node: &NodeProto, name: &str) -> Option<Result<usize, String>> {
    let values = &attribute(node, name)?.ints;
    Some(match values.first() {
        Some(&first) if first >= 0 && values.iter().all(|&value| value == first) => {
            Ok(first as usize)
        }
        _ => Err(format!("'{name}' is {values:?}")),
    })
}

fn pair(node: &NodeProto, name: &str) -> Option<[usize; 2]> {
    match attribute(node, name)?.ints[..] {
        [first, second] => Some([first as usize, second as usize]),
        _ => None,
    }
}

fn attribute<'a>(node: &'a NodeProto, name: &str) -> Option<&'a super::proto::AttributeProto> {
    node.attribute
        .iter()
        .find(|attribute| attribute.name.as_deref() == Some(name))
}
