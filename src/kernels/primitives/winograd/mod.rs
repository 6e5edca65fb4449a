//! A 3x3 kernel with stride 1 as Winograd's F(4x4, 3x3) (Lavin and Gray, "Fast Algorithms for Convolutional Neural
//! Networks", CVPR 2016): 36 products for 16 outputs instead of 144. A tile is 4x4 outputs and the 6x6 pixels that
//! they see.

mod backward;
mod forward;
mod gradient;
mod maps;
mod products;
mod spread;
mod tiles;
mod weight;

pub(crate) use backward::{Images, Source, backward};
pub(crate) use forward::{Filtered, Store};
pub(crate) use products::{Finish, Products};
pub(crate) use tiles::Place;

use super::filters::Filters;

/// Outputs along a side of a tile.
const SIDE: usize = 4;
/// Pixels along a side that a tile sees, and points along a side of its transform.
const SEEN: usize = 6;
const POINTS: usize = SEEN * SEEN;
/// Floats between the points of one tile and the next: without them addresses would be powers of two apart and share a
/// few places of a cache.
const GAP: usize = 16;

/// A convolution of images `[rows, columns, channels]` with a 3x3 kernel and stride 1.
#[derive(Clone, Copy)]
pub(crate) struct Convolution {
    /// Rows and columns.
    pub input: [usize; 2],
    /// Those that are wanted.
    pub output: [usize; 2],
    /// Rows and columns of zeros before the first ones of the input.
    pub padding: usize,
    pub filters: Filters,
}

impl Convolution {
    /// Whether the transforms pay: they cost as much for one channel of the other side as for many, and as much for
    /// a tile of which a part is wanted.
    pub fn pays(&self) -> bool {
        let Filters {
            kernel,
            inputs,
            outputs,
        } = self.filters;
        let [rows, columns] = self.output;
        kernel == 3 && inputs >= 8 && outputs >= 8 && 6 * self.tiles() <= rows * columns
    }

    /// Floats of an image.
    fn input_size(&self) -> usize {
        self.input[0] * self.input[1] * self.filters.inputs
    }

    /// Floats of a convolved image.
    fn output_size(&self) -> usize {
        self.output[0] * self.output[1] * self.filters.outputs
    }

    /// Tiles of an image.
    fn tiles(&self) -> usize {
        self.output.map(|side| side.div_ceil(SIDE)).iter().product()
    }
}
