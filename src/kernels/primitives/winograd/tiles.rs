//! Images cut into tiles, and a tile's way into its points.

// Loops over registers are written with indices: both sides of an array are named at once.
#![allow(clippy::needless_range_loop)]

use super::maps::Map;
use super::{Convolution, GAP, POINTS, SEEN, SIDE};
use crate::kernels::simd::scratch::{self, Scratch};
use crate::kernels::simd::{Vector, WIDEST};

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

/// The points of some tiles, `[tiles][36, pitch]`, where the pitch is the channels padded to whole registers. All points
/// of a tile lie side by side: each in a place of its own would need a page of memory each.
pub(super) struct TileBuffer {
    points: Scratch,
    pitch: usize,
}

/// Those from some tile on.
#[derive(Clone, Copy)]
pub(super) struct TilePoints<'a> {
    pub points: &'a [f32],
    pub pitch: usize,
}

impl TileBuffer {
    /// With room for so many.
    pub fn new(tiles: usize, channels: usize) -> Self {
        let pitch = channels.next_multiple_of(WIDEST);
        Self {
            points: scratch::dirty(tiles * stride(pitch)),
            pitch,
        }
    }

    pub fn from(&self, tile: usize) -> TilePoints<'_> {
        TilePoints {
            points: &self.points[tile * stride(self.pitch)..],
            pitch: self.pitch,
        }
    }

    /// Writes the points of the tile at `place` as number `tile`.
    ///
    /// # Safety
    /// The processor has the instruction set.
    #[inline(always)]
    pub unsafe fn transform<V: Vector, S: Map<N, SEEN>, const N: usize>(
        &mut self,
        plane: &Plane<'_>,
        place: Place,
        tile: usize,
    ) {
        assert!(plane.channels <= self.pitch);
        let stride = stride(self.pitch);
        let to = self.points[tile * stride..][..stride].as_mut_ptr();
        // SAFETY: the slice has the points of a tile, with whole registers; the caller vouches for the rest.
        unsafe { transform::<V, S, N>(plane, place, to, self.pitch) }
    }
}

impl TilePoints<'_> {
    /// Floats from one tile to the next.
    pub fn stride(&self) -> usize {
        stride(self.pitch)
    }
}

/// Floats from one tile to the next, of those from one point to the next.
fn stride(pitch: usize) -> usize {
    POINTS * pitch + GAP
}

/// Channel `c` of point `p` of a tile goes to `to[p * pitch + c]`.
///
/// # Safety
/// The processor has the instruction set; the points are writable.
#[inline(always)]
unsafe fn transform<V: Vector, S: Map<N, SEEN>, const N: usize>(
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
