//! What the CPU kernels of layers with a weight read and write.

/// What a forward pass computes from.
#[derive(Clone, Copy)]
pub struct Inputs<'a> {
    /// The activations before it.
    pub input: &'a [f32],
    /// Its weight.
    pub weight: &'a [f32],
    /// Its bias, a number an output.
    pub bias: &'a [f32],
    /// Whether ReLU follows.
    pub relu: bool,
}

/// What a backward pass computes from.
#[derive(Clone, Copy)]
pub struct Saved<'a> {
    /// The activations before it.
    pub input: &'a [f32],
    /// Its weight.
    pub weight: &'a [f32],
    /// The output, where ReLU made it: no gradient passes where it is not positive.
    pub output: Option<&'a [f32]>,
    /// The gradient of what followed.
    pub grad_output: &'a [f32],
}

/// The gradients to compute; all are overwritten.
pub struct Grads<'a> {
    /// Of the input; `None` where nobody asks.
    pub input: Option<&'a mut [f32]>,
    /// Of the weight.
    pub weight: &'a mut [f32],
    /// Of the bias; `None` where it has none.
    pub bias: Option<&'a mut [f32]>,
}

impl Grads<'_> {
    /// Where nothing depends on the layer.
    pub(crate) fn clear(self) {
        self.input.unwrap_or_default().fill(0.0);
        self.weight.fill(0.0);
        self.bias.unwrap_or_default().fill(0.0);
    }
}
