//! A convolution's layer as ONNX nodes, and what they compute.

use super::Config;
use crate::model::layers::Place;
use crate::model::onnx::proto::NodeProto;
use crate::model::onnx::{Chain, Tensor, Value, alike, ints, pair};

/// The convolution with all that belongs to it.
pub fn nodes(config: &Config, place: &Place, chain: &mut Chain) {
    let residual = chain.features.clone();
    let name = format!("conv{}", place.number);
    let (weight, bias) = (format!("{name}.weight"), format!("{name}.bias"));
    let with_bias = [weight.as_str(), bias.as_str()];
    let parameters = if config.norm {
        &with_bias[..1]
    } else {
        &with_bias
    };
    let mut attributes = Vec::new();
    if config.stride != 1 {
        attributes.push(ints("strides", &[config.stride as i64; 2]));
    }
    if config.padding != 0 {
        attributes.push(ints("pads", &[config.padding as i64; 4]));
    }
    chain.then(&name, "Conv", parameters, attributes);
    if config.pool {
        max_pool(&format!("{name}_pooled"), chain);
    }
    if config.norm {
        place.norm.nodes(&format!("bn{}", place.number), chain);
    }
    if config.residual {
        chain.then(&format!("{name}_sum"), "Add", &[&residual], Vec::new());
    }
    chain.then(&format!("{name}_relu"), "Relu", &[], Vec::new());
}

/// A 2x2 max-pool.
pub fn max_pool(name: &str, chain: &mut Chain) {
    let window = vec![ints("kernel_shape", &[2, 2]), ints("strides", &[2, 2])];
    chain.then(name, "MaxPool", &[], window);
}

/// x `[n, c, h, w]`, weight `[o, c, k, k]`; the same stride and padding on all sides.
pub fn convolve(inputs: &[&Tensor], node: &NodeProto) -> Result<Value, String> {
    let (x, weight, bias) = match inputs {
        [x, weight] => (x, weight, None),
        [x, weight, bias] => (x, weight, Some(bias)),
        _ => return Err(format!("a convolution of {} inputs", inputs.len())),
    };
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
    for image in 0..count {
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
                            let at = ((image * channels + channel) * height + line) * width;
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

/// Square windows side by side; what does not fill a window is left out.
pub fn pool(inputs: &[&Tensor], node: &NodeProto) -> Result<Value, String> {
    let &[x] = inputs else {
        return Err(format!("a pooling of {} inputs", inputs.len()));
    };
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
