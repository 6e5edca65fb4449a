//! The network's layers as settings: their format, and why an entry is refused.

use serde::{Deserialize, Serialize};
use toml_edit::Value;

/// A network: its layers in order, and a last linear layer to the classes that follows by itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    pub layers: Vec<LayerConfig>,
    pub norm_epsilon: f64,
    pub norm_momentum: f64,
}

/// One entry of `model.layers`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "Entry", into = "Entry")]
pub enum LayerConfig {
    Convolution(ConvolutionConfig),
    /// The mean of each channel over all pixels.
    AveragePool,
    /// A linear layer of this width and a ReLU.
    Linear(usize),
}

/// A convolution, then what is asked for, in this order: a 2x2 max-pool, batch norm, the layer's
/// own input added; a ReLU at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ConvolutionConfig {
    pub channels: usize,
    /// Side of the square kernel.
    pub kernel: usize,
    pub stride: usize,
    /// Pixels of zeros around the input.
    pub padding: usize,
    pub pool: bool,
    /// The convolution then has no bias.
    pub norm: bool,
    pub residual: bool,
}

/// An entry as it is written.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(skip_serializing_if = "Option::is_none")]
    convolution: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    kernel: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    stride: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    padding: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    norm: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pool: Option<Pool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    residual: Option<bool>,
    #[serde(skip_serializing_if = "Option::is_none")]
    linear: Option<usize>,
}

#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(untagged)]
enum Pool {
    Window(usize),
    Word(String),
}

const AVERAGE: &str = "average";
const BATCH: &str = "batch";

impl TryFrom<Entry> for LayerConfig {
    type Error = String;

    fn try_from(entry: Entry) -> Result<Self, String> {
        let stray = [
            ("kernel", entry.kernel.is_some()),
            ("stride", entry.stride.is_some()),
            ("padding", entry.padding.is_some()),
            ("norm", entry.norm.is_some()),
            ("residual", entry.residual.is_some()),
        ];
        let stray = stray.iter().find(|(_, present)| *present);
        match (entry.convolution, entry.linear, &entry.pool) {
            (Some(_), Some(_), _) => Err("write convolution and linear as two entries".into()),
            (Some(channels), None, _) => convolution(channels, &entry).map(Self::Convolution),
            (None, Some(_), Some(_)) => Err("'pool' belongs to a convolution".into()),
            (None, _, _) if stray.is_some() => {
                let key = stray.map_or("", |(key, _)| key);
                Err(format!("'{key}' belongs to a convolution"))
            }
            (None, Some(width), None) => Ok(Self::Linear(width)),
            (None, None, Some(Pool::Word(word))) if word == AVERAGE => Ok(Self::AveragePool),
            (None, None, Some(_)) => Err(
                "a pool by itself is `pool = \"average\"`; `pool = 2` belongs to a convolution"
                    .into(),
            ),
            (None, None, None) => {
                Err("an entry has convolution = N, linear = N or pool = \"average\"".into())
            }
        }
    }
}

fn convolution(channels: usize, entry: &Entry) -> Result<ConvolutionConfig, String> {
    Ok(ConvolutionConfig {
        channels,
        kernel: entry
            .kernel
            .ok_or("a convolution needs its kernel, such as kernel = 3")?,
        stride: entry.stride.unwrap_or(1),
        padding: entry.padding.unwrap_or(0),
        pool: match &entry.pool {
            None => false,
            Some(Pool::Window(2)) => true,
            Some(_) => return Err("a convolution's pool can only be 2".into()),
        },
        norm: match entry.norm.as_deref() {
            None => false,
            Some(BATCH) => true,
            Some(_) => return Err("norm can only be \"batch\"".into()),
        },
        residual: entry.residual.unwrap_or(false),
    })
}

impl From<LayerConfig> for Entry {
    fn from(layer: LayerConfig) -> Self {
        match layer {
            LayerConfig::AveragePool => Self {
                pool: Some(Pool::Word(AVERAGE.into())),
                ..Self::default()
            },
            LayerConfig::Linear(width) => Self {
                linear: Some(width),
                ..Self::default()
            },
            LayerConfig::Convolution(layer) => Self {
                convolution: Some(layer.channels),
                kernel: Some(layer.kernel),
                stride: (layer.stride != 1).then_some(layer.stride),
                padding: (layer.padding != 0).then_some(layer.padding),
                norm: layer.norm.then(|| BATCH.into()),
                pool: layer.pool.then_some(Pool::Window(2)),
                residual: layer.residual.then_some(true),
                linear: None,
            },
        }
    }
}

/// Which entry of `model.layers` cannot be understood, and why; `None` when all can.
pub(super) fn misunderstood(layers: &Value) -> Option<String> {
    let entries = layers.as_array()?.iter();
    entries.enumerate().find_map(|(index, value)| {
        let error = match value {
            Value::InlineTable(table) => {
                let document = toml_edit::DocumentMut::from(table.clone().into_table());
                toml_edit::de::from_document::<LayerConfig>(document).err()?
            }
            _ => return Some(format!("entry {} is no {{ key = value }}", index + 1)),
        };
        let reason = error.message().lines().next().unwrap_or_default();
        Some(format!("entry {}: {reason}", index + 1))
    })
}
