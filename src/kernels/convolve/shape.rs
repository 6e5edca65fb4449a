//! The sizes that the shaders and the CPU kernel share.

/// A square convolution of images that are padded with zeros on every side.
///
/// Images are NHWC: `input [batch, height, width, in_channels]`,
/// `output [batch, output_height, output_width, out_channels]`. The weight has PyTorch's layout
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
    /// Pixels from one output to the next, at least 1.
    pub stride: usize,
    /// Zeros on each side, fewer than `kernel`.
    pub padding: usize,
}

impl Shape {
    /// Rows of the output; 0 where the image is too small.
    pub fn output_height(&self) -> usize {
        self.output_side(self.height)
    }

    /// Columns of the output; 0 where the image is too small.
    pub fn output_width(&self) -> usize {
        self.output_side(self.width)
    }

    fn output_side(&self, side: usize) -> usize {
        let padded = side + 2 * self.padding;
        match padded >= self.kernel && side > 0 {
            true => (padded - self.kernel) / self.stride + 1,
            false => 0,
        }
    }

    /// Elements of one input image.
    pub fn input_size(&self) -> usize {
        self.height * self.width * self.in_channels
    }

    /// Elements of one output image.
    pub fn output_size(&self) -> usize {
        self.output_height() * self.output_width() * self.out_channels
    }

    /// Elements of the weight.
    pub fn weight_size(&self) -> usize {
        self.out_channels * self.in_channels * self.kernel * self.kernel
    }

    /// The convolution whose output is the gradient of this one's input: it runs, with stride 1,
    /// over the output's gradient laid out `stride` apart in zeros (see `cpu::grad_frame`).
    pub(super) fn turned(&self) -> Self {
        Self {
            height: self.height + self.kernel - 1,
            width: self.width + self.kernel - 1,
            in_channels: self.out_channels,
            out_channels: self.in_channels,
            stride: 1,
            padding: 0,
            ..*self
        }
    }
}
