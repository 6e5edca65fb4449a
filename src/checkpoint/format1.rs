//! Descriptions of weights of format 1: two pooled convolutions and a hidden layer, by name.

use serde::Deserialize;

use super::Description;
use crate::config::{ConvolutionConfig, LayerConfig, Layers, ModelConfig};
use crate::data::batches::Normalisation;

#[derive(Deserialize)]
struct OldDescription {
    model: OldModel,
    normalisation: Normalisation,
    class_names: Vec<String>,
    dataset: String,
}

#[derive(Deserialize)]
struct OldModel {
    conv1_channels: usize,
    conv1_kernel: usize,
    conv2_channels: usize,
    conv2_kernel: usize,
    hidden: usize,
}

/// # Errors
/// What is wrong with it.
pub(super) fn description(text: &str) -> Result<Description, String> {
    let old: OldDescription = serde_json::from_str(text).map_err(|error| error.to_string())?;
    let OldModel {
        conv1_channels,
        conv1_kernel,
        conv2_channels,
        conv2_kernel,
        hidden,
    } = old.model;
    let pooled = |channels, kernel| {
        LayerConfig::Convolution(ConvolutionConfig {
            channels,
            kernel,
            stride: 1,
            padding: 0,
            pool: true,
            norm: false,
            residual: false,
        })
    };
    // What batch norm needs is of no use here: the defaults.
    let default = Layers::default()
        .resolve()
        .map_err(|e| e.to_string())?
        .model;
    Ok(Description {
        model: ModelConfig {
            layers: vec![
                pooled(conv1_channels, conv1_kernel),
                pooled(conv2_channels, conv2_kernel),
                LayerConfig::Linear(hidden),
            ],
            ..default
        },
        normalisation: old.normalisation,
        class_names: old.class_names,
        dataset: old.dataset,
    })
}
