//! Whole-pixel shifts of pictures, for test-time augmentation.

use crate::data::{PIXELS, SIDE, Split};

/// Every (right, down) shift by up to `most` pixels, (0, 0) first: a square of all of them, because
/// a digit is as likely to stand off in both directions as in one.
pub fn shifts(most: usize) -> Vec<(isize, isize)> {
    let most = most as isize;
    let mut all: Vec<(isize, isize)> = (-most..=most)
        .flat_map(|right| (-most..=most).map(move |down| (right, down)))
        .collect();
    all.sort_by_key(|&(right, down)| right.abs() + down.abs());
    all
}

/// The pictures moved `right` and `down`; ground (byte 0) comes in, what leaves is lost.
pub fn shifted(split: &Split, right: isize, down: isize) -> Split {
    let mut images = vec![0; split.images.len()];
    let side = SIDE as isize;
    let columns = (right.max(0), side.min(side + right));
    for (from, to) in split
        .images
        .chunks_exact(PIXELS)
        .zip(images.chunks_exact_mut(PIXELS))
    {
        for row in down.max(0)..side.min(side + down) {
            let target = (row * side + columns.0) as usize..(row * side + columns.1) as usize;
            let start = ((row - down) * side + columns.0 - right) as usize;
            let length = target.len();
            to[target].copy_from_slice(&from[start..start + length]);
        }
    }
    Split {
        images,
        labels: split.labels.clone(),
    }
}
