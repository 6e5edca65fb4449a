//! The launches of `keep_batch`, `advance_step` and `read_scores`.

use super::Row;
use crate::kernels::launch::Launch;
use crate::kernels::shader::shader;

/// Steps whose scores are kept before the first is overwritten.
pub const SLOTS: usize = 256;
/// Numbers of a cursor: row of the schedule, first image, slot, epoch.
pub(crate) const CURSOR: usize = 4;

/// Bindings: cursor, numbers of the batch f32 `[n, width]`, of all images f32 `[N, width]`.
pub fn keep(images: usize, batch: usize, width: usize) -> Launch {
    Launch::each(shader!("keep_batch"), batch * width)
        .constants([("WIDTH", width)])
        .bind([
            ("cursor", CURSOR),
            ("batch", batch * width),
            ("all", images * width),
        ])
        .sizes([batch * width])
}

/// Bindings: cursor, rows f32 `[rows, columns]`, current row f32 `[columns]`, scores f32 `[slots, 2]`, mean loss f32
/// `[1]`, number correct i32 `[1]`.
pub fn advance(rows: usize, images: usize) -> Launch {
    Launch::each_in(shader!("advance_step"), 1, 1)
        .constants([("COLUMNS", Row::COLUMNS), ("SLOTS", SLOTS)])
        .bind([
            ("cursor", CURSOR),
            ("rows", rows * Row::COLUMNS),
            ("current", Row::COLUMNS),
            ("scores", 2 * SLOTS),
            ("loss", 1),
            ("correct", 1),
        ])
        .sizes([images])
}

/// Bindings: scores f32 `[slots, 2]`, losses f32 `[steps]`, numbers correct i32 `[steps]`.
pub fn read_scores(first: usize, steps: usize) -> Launch {
    Launch::each(shader!("read_scores"), steps)
        .constants([("SLOTS", SLOTS)])
        .bind([("scores", 2 * SLOTS), ("losses", steps), ("correct", steps)])
        .sizes([first, steps])
}
