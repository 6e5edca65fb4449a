//! Sizes of global average pooling.

/// Activations `[batch, pixels, channels]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Pixels of an image.
    pub pixels: usize,
    /// Channels of a pixel.
    pub channels: usize,
}

impl Shape {
    /// Elements of the input.
    pub fn input_size(&self) -> usize {
        self.output_size() * self.pixels
    }

    /// Elements of the output.
    pub fn output_size(&self) -> usize {
        self.batch * self.channels
    }
}
