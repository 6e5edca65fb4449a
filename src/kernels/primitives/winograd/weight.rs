//! A weight as points.

use super::maps::{Taps, both_sides};
use super::{Convolution, POINTS};
use crate::kernels::parallel;
use crate::kernels::primitives::gemm::{AskLayout, Layout, Panel};
use crate::kernels::simd::{Level, Task, Vector, WIDEST, dispatch_for_rows, scratch};

/// `G g G'` of a weight in panels `[36, inputs, width]`.
pub(super) struct Weight {
    pub layout: Layout,
    pub points: scratch::Scratch,
}

/// Whose weight it is: that of the convolution itself, `[outputs, inputs, 3, 3]`, or of the one whose gradients it
/// gives, `[inputs, outputs, 3, 3]`, turned by 180 degrees.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Filter {
    AsIs,
    Turned,
}

impl Weight {
    pub fn new(level: Level, convolution: &Convolution, filter: Filter, weight: &[f32]) -> Self {
        let filters = convolution.filters;
        assert_eq!(weight.len(), filters.outputs * filters.patch(), "weight");
        let lanes = (level, filters.outputs);
        let layout = dispatch_for_rows(lanes, AskLayout::ANY);
        let depth = POINTS * filters.inputs;
        let mut points = scratch::dirty(depth * layout.padded(filters.outputs));
        let mut rest = &mut *points;
        let mut panels = Vec::new();
        for panel in layout.panels(filters.outputs) {
            let (to, others) = rest.split_at_mut(depth * layout.width(panel));
            panels.push((panel, to));
            rest = others;
        }
        parallel::for_each(panels, |(panel, to)| {
            let task = Transform {
                sides: [filters.inputs, filters.outputs],
                filter,
                weight,
                panel,
                width: layout.width(panel),
                to,
            };
            dispatch_for_rows(lanes, task);
        });
        Self { layout, points }
    }
}

/// The most floats of a row of a panel.
const WIDTH: usize = 3 * WIDEST;

struct Transform<'a> {
    /// Inputs and outputs.
    sides: [usize; 2],
    filter: Filter,
    weight: &'a [f32],
    panel: Panel,
    width: usize,
    to: &'a mut [f32],
}

impl Task for Transform<'_> {
    #[inline(always)]
    unsafe fn run<V: Vector>(self) {
        let ([inputs, outputs], width) = (self.sides, self.width);
        let used = width.min(outputs - self.panel.first);
        let stride = inputs * width;
        assert!(self.to.len() == POINTS * stride && width.is_multiple_of(V::LANES));
        assert!(width <= WIDTH);
        let mut taps = [[0.0; WIDTH]; 9];
        for input in 0..inputs {
            for lane in 0..used {
                let output = self.panel.first + lane;
                let at = match self.filter {
                    Filter::AsIs => output * inputs + input,
                    Filter::Turned => input * outputs + output,
                };
                let filter: &[f32; 9] = self.weight[at * 9..].first_chunk().expect("a filter");
                for (tap, taps) in taps.iter_mut().enumerate() {
                    let from = match self.filter {
                        Filter::AsIs => tap,
                        Filter::Turned => 8 - tap,
                    };
                    taps[lane] = filter[from];
                }
            }
            for lane in (0..width).step_by(V::LANES) {
                let from = taps[0][lane..].as_ptr();
                let to = self.to[input * width + lane..].as_mut_ptr();
                // SAFETY: nine taps and 36 points of this register are in the slices; the caller vouches for the
                // instruction set.
                unsafe { both_sides::<V, Taps, 3, 6>((from, WIDTH), (to, stride)) };
            }
        }
    }
}
