//! What the CPU kernels of several operations are made of.

pub(super) mod filters;
pub(super) mod gemm;
pub(super) mod layer;
pub(super) mod pad;
pub(super) mod product;
pub(super) mod registers;
pub(super) mod sparse;
pub(super) mod winograd;
