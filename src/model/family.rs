//! Networks that follow from the size of the images, by a word in `model.layers`.

use serde::Deserialize;
use serde_json::json;

use super::layers::LayerConfig;

/// Blocks pool until the longer side of an image is at most this.
const LONGEST_LEFT: usize = 4;
/// The shorter side keeps at least two pixels.
const SHORTEST_LEFT: usize = 3;
const FEWEST_CHANNELS: usize = 16;
const FEWEST_BLOCKS: usize = 3;

/// How the blocks of such a network are made, behind a first convolution. All are 3x3 convolutions with padding and
/// batch norm; the mean over what is left of the image goes to the last layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Family {
    /// A convolution a block.
    Plain,
    /// Two a block, from the second block on; the second adds its input (arXiv:1512.03385).
    Residual,
}

impl Family {
    /// The family of a word.
    pub fn named(word: &str) -> Option<Self> {
        serde_json::from_value(word.into()).ok()
    }

    /// Channels of the last block.
    fn channels(self) -> usize {
        match self {
            Self::Plain => 128,
            Self::Residual => 192,
        }
    }

    /// The layers for images of so many rows and columns.
    ///
    /// A convolution of the whole image comes first. Blocks halve both sides until the longer one has at most four pixels, as long as the shorter one keeps two. There
    /// are at least three blocks, the first ones without pooling where images are small. The last has 128 channels,
    /// of the residual family 192, each before it half as many, at least 16.
    ///
    /// # Panics
    /// Never: entries that are written here are known.
    pub fn layers(self, [height, width]: [usize; 2]) -> Vec<LayerConfig> {
        let halvings = |side: usize, left: usize| (0..).find(|n| side >> n <= left).unwrap_or(0);
        let pools = halvings(height.max(width), LONGEST_LEFT);
        let pools = pools.min(halvings(height.min(width), SHORTEST_LEFT));
        let blocks = pools.max(FEWEST_BLOCKS);
        let is_residual = self == Self::Residual;
        let convolution = |behind: usize| {
            let channels = (self.channels() >> behind).max(FEWEST_CHANNELS);
            json!({ "convolution": channels, "kernel": 3, "padding": 1, "norm": "batch" })
        };
        let mut layers = vec![convolution(blocks)];
        for behind in (0..blocks).rev() {
            let mut first = convolution(behind);
            if behind < pools {
                first["pool"] = 2.into();
            }
            layers.push(first);
            if is_residual && behind + 1 < blocks {
                let mut second = convolution(behind);
                second["residual"] = true.into();
                layers.push(second);
            }
        }
        layers.push(json!({ "pool": "average" }));
        let known = |entry| serde_json::from_value(entry).expect("an entry as settings have it");
        layers.into_iter().map(known).collect()
    }
}
