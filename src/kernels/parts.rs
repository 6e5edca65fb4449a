//! Images of a data set in several buffers, where one would be larger than adapters bind.

use burn::tensor::{Int, Tensor};

/// The images `indices` `[n]` of all `parts`, `[images, words]` each: `of_part` makes a batch of the images of one part
/// that it gets the numbers of, counted within it; the last argument is the number of its first image.
///
/// # Panics
/// There is no part.
pub(super) fn of_parts(
    parts: &[Tensor<2, Int>],
    indices: Tensor<1, Int>,
    of_part: impl Fn(Tensor<2, Int>, Tensor<1, Int>, u32) -> Tensor<4>,
) -> Tensor<4> {
    let (one, others) = parts.split_first().expect("a part of the images");
    if others.is_empty() {
        return of_part(one.clone(), indices, 0);
    }
    let mut first = 0;
    let mut batch: Option<Tensor<4>> = None;
    for part in parts {
        let count = part.dims()[0] as i32;
        // What lies in other parts is read from the edge of this one, and replaced.
        let within = indices.clone().sub_scalar(first).clamp(0, count - 1);
        let found = of_part(part.clone(), within, first as u32);
        batch = Some(match batch {
            None => found,
            Some(before) => {
                let dims = found.dims();
                let here = indices.clone().greater_equal_elem(first);
                before.mask_where(here.reshape([dims[0], 1, 1, 1]).expand(dims), found)
            }
        });
        first += count;
    }
    batch.expect("a part of the images")
}
