//! Images between zeros, and the inner part of their gradient, on an adapter: what lets shaders without padding serve
//! layers that have some.

use burn::backend::ops::FloatTensorOps;
use burn::backend::tensor::FloatTensor;
use burn::tensor::Slice;
use burn::tensor::ops::PadMode;
use burn_wgpu::CubeBackend;

/// Images `[n, h, w, c]` with `padding` pixels of zeros around them; without padding the same tensor.
pub fn pad(images: FloatTensor<CubeBackend>, padding: usize) -> FloatTensor<CubeBackend> {
    let sides = [(0, 0), (padding, padding), (padding, padding), (0, 0)];
    match padding {
        0 => images,
        _ => CubeBackend::float_pad(images, &sides, PadMode::Constant(0.0)),
    }
}

/// What lies inside of the padding.
pub fn crop(images: FloatTensor<CubeBackend>, padding: usize) -> FloatTensor<CubeBackend> {
    if padding == 0 {
        return images;
    }
    let shape = images.meta.shape();
    let inner = |side: usize| Slice::from(padding..shape[side] - padding);
    let slices = [
        Slice::from(0..shape[0]),
        inner(1),
        inner(2),
        Slice::from(0..shape[3]),
    ];
    CubeBackend::float_slice(images, &slices)
}
