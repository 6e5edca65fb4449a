//! What a picture is brought to: the images of the set a network was trained on.

use serde::{Deserialize, Serialize};

use crate::kernels::images::ImageShape;

/// Shape, framing and background of a set's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    /// Size and channels.
    pub shape: ImageShape,
    /// How the thing shown is framed.
    pub framing: Framing,
    /// What surrounds it.
    pub background: Background,
}

impl Target {
    /// 28x28, framed as MNIST's digits, light on dark.
    pub const MNIST: Self = Self {
        shape: ImageShape::grey(28, 28),
        framing: Framing::CentreOfMass,
        background: Background::Dark,
    };
}

/// How an image of a user's own is brought to the shape of a set's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Framing {
    /// As MNIST's: what is drawn is fitted to a box of 20/28 of the sides and centred by mass
    /// (<https://yann.lecun.org/exdb/mnist/>).
    CentreOfMass,
    /// As Fashion-MNIST's: what is shown is fitted to the whole image and centred
    /// (arXiv:1708.07747).
    Whole,
    /// The whole image, scaled; what does not fit the sides' ratio is cut off evenly.
    Crop,
}

/// What lies around the subject of a set's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Background {
    /// Byte 0 or near it, as in MNIST.
    Dark,
    /// Byte 255 or near it, as ink on paper.
    Light,
    /// Anything: photographs.
    Varied,
}
