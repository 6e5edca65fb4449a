//! The sizes that the shaders and the CPU kernel share.

/// A square convolution, stride 1, then a 2x2 max-pool that drops odd leftovers, then ReLU.
///
/// Images are NHWC: `input [batch, height, width, in_channels]`, pooled
/// `output [batch, pooled_height, pooled_width, out_channels]`. The weight has PyTorch's layout
/// `[out_channels, in_channels, kernel, kernel]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Shape {
    /// Images.
    pub batch: usize,
    /// Rows of the input.
    pub height: usize,
    /// Columns of the input.
    pub width: usize,
    /// Channels of the input.
    pub in_channels: usize,
    /// Channels of the output.
    pub out_channels: usize,
    /// Height and width of the square kernel.
    pub kernel: usize,
    /// Zeros on each side of the input that it does not hold itself; none where shaders compute.
    pub padding: usize,
}

impl Shape {
    /// The same of an image that holds its padding.
    pub(super) fn padded(&self) -> Self {
        Self {
            height: self.height + 2 * self.padding,
            width: self.width + 2 * self.padding,
            padding: 0,
            ..*self
        }
    }

    /// Rows after pooling; 0 where the image is too small.
    pub fn pooled_height(&self) -> usize {
        (self.height + 2 * self.padding + 1).saturating_sub(self.kernel) / 2
    }

    /// Columns after pooling; 0 where the image is too small.
    pub fn pooled_width(&self) -> usize {
        (self.width + 2 * self.padding + 1).saturating_sub(self.kernel) / 2
    }
}
