//! What a picture is brought to: the images of the set a network was trained on.

use crate::data::image_set::{Background, Framing, ImageShape, SetDescription};

/// Shape, framing and background of a set's images.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Target {
    pub shape: ImageShape,
    pub framing: Framing,
    pub background: Background,
}

impl Target {
    /// That of a set.
    pub fn of(set: &SetDescription) -> Self {
        Self {
            shape: set.shape,
            framing: set.framing,
            background: set.background,
        }
    }

    /// 28x28, framed as MNIST's digits, light on dark.
    pub const MNIST: Self = Self {
        shape: ImageShape::grey(28, 28),
        framing: Framing::CentreOfMass,
        background: Background::Dark,
    };
}
