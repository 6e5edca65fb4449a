//! Images cut into tiles, and a tile's way into its points.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::maps::Map;
use super::{Convolution, SEEN, SIDE};
use crate::kernels::simd::Vector;

/// The first output of a tile.
#[derive(Clone, Copy)]
pub(crate) struct Place {
    pub image: usize,
    pub row: usize,
    pub column: usize,
}

impl Convolution {
    /// Where tile `tile` lies, counted through all images.
    #[inline(always)]
    pub(super) fn place(&self, tile: usize) -> Place {
        let wide = self.output[1].div_ceil(SIDE);
        let (image, tile) = (tile / self.tiles(), tile % self.tiles());
        Place {
            image,
            row: tile / wide * SIDE,
            column: tile % wide * SIDE,
        }
    }
}

/// Images `[rows, columns, channels]`, one after the other, between zeros.
#[derive(Clone, Copy)]
pub(super) struct Plane<'a> {
    pub pixels: &'a [f32],
    pub sides: [usize; 2],
    pub channels: usize,
    /// Zeros before the first row and column.
    pub padding: usize,
    /// A row of a tile's pixels that are all zero.
    pub zeros: &'a [f32],
}

/// The points of a tile: channel `c` of point `p` goes to `to[p * pitch + c]`, where the pitch is the channels padded to
/// whole registers. All points of a tile lie side by side: each in a place of its own would need a page of memory each.
///
/// # Safety
/// The processor has the instruction set; the points are writable.
#[inline(always)]
pub(super) unsafe fn transform<V: Vector, S: Map<N, SEEN>, const N: usize>(
    plane: &Plane<'_>,
    place: Place,
    to: *mut f32,
    pitch: usize,
) {
    let ([rows, columns], channels, padding) = (plane.sides, plane.channels, plane.padding);
    let line = columns * channels;
    assert!(plane.pixels.len() >= (place.image + 1) * rows * line);
    assert!(plane.zeros.len() >= N * channels);
    let corner = (place.image * rows + place.row) * line + place.column * channels;
    let corner = plane.pixels.as_ptr().wrapping_add(corner);
    let corner = corner.wrapping_sub(padding * (line + channels));
    let mut window = Window {
        rows: [plane.zeros.as_ptr(); N],
        columns: [
            padding.saturating_sub(place.column),
            (columns + padding).saturating_sub(place.column),
        ],
        channels,
    };
    for row in 0..N {
        if (padding..rows + padding).contains(&(place.row + row)) {
            window.rows[row] = corner.wrapping_add(row * line);
        }
    }
    for first in (0..channels).step_by(V::LANES) {
        let used = V::LANES.min(channels - first);
        // SAFETY: each row, and what stands for one outside, has the columns; the caller vouches for the rest.
        unsafe {
            let to = to.add(first);
            match used == V::LANES {
                true => window.transform::<V, S, true>(first, used, to, pitch),
                false => window.transform::<V, S, false>(first, used, to, pitch),
            }
        }
    }
}

/// The pixels of a tile.
struct Window<const N: usize> {
    /// Where each row begins.
    rows: [*const f32; N],
    /// First and end of the columns that are there; elsewhere are zeros.
    columns: [usize; 2],
    channels: usize,
}

impl<const N: usize> Window<N> {
    /// Transforms one register of channels.
    #[inline(always)]
    unsafe fn transform<V: Vector, S: Map<N, SEEN>, const WHOLE: bool>(
        &self,
        first: usize,
        used: usize,
        to: *mut f32,
        pitch: usize,
    ) {
        // SAFETY: the caller's promise.
        unsafe {
            let mut rows = [[V::zero(); N]; SEEN];
            for column in 0..N {
                if column < self.columns[0] || self.columns[1] <= column {
                    continue;
                }
                let mut numbers = [V::zero(); N];
                for row in 0..N {
                    let at = self.rows[row].wrapping_add(column * self.channels + first);
                    numbers[row] = match WHOLE {
                        true => V::load(at),
                        false => V::load_up_to(at, used),
                    };
                }
                let points = S::apply(numbers);
                for row in 0..SEEN {
                    rows[row][column] = points[row];
                }
            }
            for row in 0..SEEN {
                let points = S::apply(rows[row]);
                for column in 0..SEEN {
                    points[column].store(to.add((SEEN * row + column) * pitch));
                }
            }
        }
    }
}
