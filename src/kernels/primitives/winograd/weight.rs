//! A weight as points, and products with it.

use super::maps::{Taps, both_sides};
use super::products::{Finish, Multiply, Products};
use super::tiles::TilePoints;
use super::{Convolution, GAP, POINTS};
use crate::kernels::parallel;
use crate::kernels::primitives::filters::Filters;
use crate::kernels::primitives::gemm::{AskLayout, Layout, Panel, for_each_tile};
use crate::kernels::simd::{Level, Task, Vector, WIDEST, dispatch_for_rows, scratch};

/// `G g G'` of a weight in panels `[36, depth, width]`.
pub(super) struct Weight {
    layout: Layout,
    points: scratch::Scratch,
    /// Channels that are summed over.
    depth: usize,
    /// Channels of the products.
    columns: usize,
}

/// What a product with the weight gives: outputs from inputs, or the gradients of inputs from those of outputs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    Forward,
    Backward,
}

impl Weight {
    /// `weight` is `[outputs, inputs, 3, 3]`.
    pub fn new(level: Level, filters: Filters, direction: Direction, weight: &[f32]) -> Self {
        assert_eq!(weight.len(), filters.outputs * filters.patch(), "weight");
        let (depth, columns) = match direction {
            Direction::Forward => (filters.inputs, filters.outputs),
            Direction::Backward => (filters.outputs, filters.inputs),
        };
        let lanes = (level, columns);
        let layout = dispatch_for_rows(lanes, AskLayout::ANY);
        let mut points = scratch::dirty(POINTS * depth * layout.padded(columns));
        let mut rest = &mut *points;
        let mut panels = Vec::new();
        for panel in layout.panels(columns) {
            let (to, others) = rest.split_at_mut(POINTS * depth * layout.width(panel));
            panels.push((panel, to));
            rest = others;
        }
        parallel::for_each(panels, |(panel, to)| {
            let task = Transform {
                sides: (depth, columns),
                direction,
                weight,
                panel,
                width: layout.width(panel),
                to,
            };
            dispatch_for_rows(lanes, task);
        });
        Self {
            layout,
            points,
            depth,
            columns,
        }
    }

    /// Multiplies the points of `count` tiles, the first of which is number `first` of the convolution, with all channels.
    ///
    /// # Safety
    /// The processor has the instruction set, and it is the one that gave the layout.
    #[inline(always)]
    pub unsafe fn multiply<V: Vector>(
        &self,
        convolution: &Convolution,
        (first, count): (usize, usize),
        left: TilePoints<'_>,
        finish: &mut impl Finish,
    ) {
        assert!(left.points.len() >= count * left.stride() && left.pitch >= self.depth);
        assert!(self.points.len() >= self.layout.padded(self.columns) * POINTS * self.depth);
        let mut products = scratch::dirty(count * (POINTS * 3 * V::LANES + GAP));
        for panel in self.layout.panels(self.columns) {
            let width = self.layout.width(panel);
            let step = POINTS * width + GAP;
            for point in 0..POINTS {
                let right = (POINTS * panel.first + point * width) * self.depth;
                let mut work = Multiply {
                    depth: self.depth,
                    left: (left.points[point * left.pitch..].as_ptr(), left.stride()),
                    right: self.points[right..].as_ptr(),
                    to: (products[point * width..].as_mut_ptr(), step),
                };
                // SAFETY: the buffers hold the points of the tiles, the weight those of every panel; the caller vouches
                // for the instruction set.
                unsafe { for_each_tile::<V>(count, panel, &mut work) };
            }
            let products = Products {
                numbers: &products,
                stride: step,
            };
            for tile in 0..count {
                let place = convolution.place(first + tile);
                // SAFETY: the caller vouches for the instruction set.
                unsafe {
                    match panel.registers {
                        1 => finish.tile::<V, 1>(products, tile, place, panel.first),
                        2 => finish.tile::<V, 2>(products, tile, place, panel.first),
                        _ => finish.tile::<V, 3>(products, tile, place, panel.first),
                    }
                }
            }
        }
    }
}

/// The most floats of a row of a panel.
const WIDTH: usize = 3 * WIDEST;

struct Transform<'a> {
    /// Channels that are summed over, and those of the products.
    sides: (usize, usize),
    direction: Direction,
    weight: &'a [f32],
    panel: Panel,
    width: usize,
    to: &'a mut [f32],
}

impl Task for Transform<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let ((depth, columns), width) = (self.sides, self.width);
        let used = width.min(columns - self.panel.first);
        let stride = depth * width;
        assert!(self.to.len() == POINTS * stride && width.is_multiple_of(V::LANES));
        assert!(width <= WIDTH);
        let mut taps = [[0.0; WIDTH]; 9];
        for step in 0..depth {
            for lane in 0..used {
                let column = self.panel.first + lane;
                let at = match self.direction {
                    Direction::Forward => column * depth + step,
                    Direction::Backward => step * columns + column,
                };
                let filter: &[f32; 9] = self.weight[at * 9..].first_chunk().expect("a filter");
                for (tap, taps) in filter.iter().zip(&mut taps) {
                    taps[lane] = *tap;
                }
            }
            for lane in (0..width).step_by(V::LANES) {
                let from = taps[0][lane..].as_ptr();
                let to = self.to[step * width + lane..].as_mut_ptr();
                // SAFETY: nine taps and 36 points of this register are in the slices; the caller vouches for the
                // instruction set.
                unsafe { both_sides::<V, Taps, 3, 6>((from, WIDTH), (to, stride)) };
            }
        }
    }
}
