//! The launch of `blend`.

use crate::kernels::launch::Launch;
use crate::kernels::shader::shader;
use crate::kernels::step_state::Row;

/// Bindings: target (updated in place), source, row of the schedule.
pub fn blend(elements: usize, factor: usize) -> Launch {
    Launch::each(shader!("blend"), elements)
        .constants([("FACTOR", factor)])
        .bind([
            ("targets", elements),
            ("source", elements),
            ("factors", Row::COLUMNS),
        ])
        .sizes([elements])
}
