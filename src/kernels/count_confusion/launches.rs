//! The launch of `count_confusion`.

use crate::kernels::launch::Launch;
use crate::kernels::shader::shader;

/// Bindings: logits `[n, classes]`, labels i32 `[n]`, counts i32 `[classes, classes]` (rows the label), added to.
pub fn count(batch: usize, classes: usize) -> Launch {
    Launch::each(shader!("count_confusion"), batch)
        .constants([("CLASSES", classes)])
        .bind([
            ("logits", batch * classes),
            ("labels", batch),
            ("counts", classes * classes),
        ])
        .sizes([batch])
}
