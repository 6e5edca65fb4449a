//! The launches of `blend`, `blend_by_schedule` and `scale`.

use super::Term;
use crate::kernels::launch::Launch;
use crate::kernels::shader::shader;
use crate::kernels::step_state::Row;

/// Bindings: targets (updated in place), source.
pub fn blend(elements: usize, factors: [f32; 2]) -> Launch {
    Launch::each(shader!("blend"), elements)
        .bind([("targets", elements), ("source", elements)])
        .sizes([elements])
        .numbers(factors)
}

/// Bindings: targets (updated in place), source, row of the schedule.
pub fn by_schedule(elements: usize, [keep, take]: [Term; 2]) -> Launch {
    Launch::each(shader!("blend_by_schedule"), elements)
        .constants([
            ("COLUMNS", Row::COLUMNS),
            ("KEEP", keep.column as usize),
            ("TAKE", take.column as usize),
        ])
        .bind([
            ("targets", elements),
            ("source", elements),
            ("row", Row::COLUMNS),
        ])
        .sizes([elements])
        .numbers([keep.base, keep.slope, take.base, take.slope])
}

/// Bindings: numbers (updated in place), factor f32 `[1]`.
pub fn scale(elements: usize) -> Launch {
    Launch::each(shader!("scale"), elements)
        .bind([("numbers", elements), ("factor", 1)])
        .sizes([elements])
}
