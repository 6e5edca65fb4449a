//! The elastic displacement of one image, summed over the control points of each row: a pixel takes part of four of
//! these rows.

use super::Plan;
use crate::kernels::augment_batch::distortion::{CONTROL_ROUNDING, draw_controls};
use crate::kernels::simd::{Vector, scratch};

/// In x and y.
pub(super) struct Elastic {
    /// `[controls * controls]`, rounded up.
    controls: [scratch::Scratch; 2],
    /// `[controls][padded]`
    pub summed: [scratch::Scratch; 2],
}

impl Elastic {
    pub(super) fn new(plan: &Plan) -> Self {
        let (controls, columns) = match plan.augmentation.elastic > 0.0 {
            true => (plan.augmentation.controls(), plan.basis.len()),
            false => (0, 0),
        };
        let points = (controls * controls).next_multiple_of(CONTROL_ROUNDING);
        let two = |length| [scratch::dirty(length), scratch::dirty(length)];
        Self {
            controls: two(points),
            summed: two(columns),
        }
    }

    /// # Safety
    /// The processor has the instruction set of `V`.
    #[inline(always)]
    pub(super) unsafe fn draw<V: Vector>(&mut self, plan: &Plan, sample: u32, mirror: f32) {
        let [x, y] = &mut self.controls;
        draw_controls(&plan.augmentation, plan.stream, sample, mirror, x, y);
        let (controls, width) = (plan.augmentation.controls(), plan.padded);
        for (points, summed) in self.controls.iter().zip(&mut self.summed) {
            let rows = points
                .chunks_exact(controls)
                .zip(summed.chunks_exact_mut(width));
            for (points, summed) in rows {
                for at in (0..width).step_by(V::LANES) {
                    // SAFETY: a row of the basis and of the sums holds `width` floats, a multiple of the lanes.
                    unsafe {
                        let mut sum = V::zero();
                        for (point, basis) in points.iter().zip(plan.basis.chunks_exact(width)) {
                            sum = V::load(basis.as_ptr().add(at)).mul_add(V::splat(*point), sum);
                        }
                        sum.store(summed.as_mut_ptr().add(at));
                    }
                }
            }
        }
    }
}
