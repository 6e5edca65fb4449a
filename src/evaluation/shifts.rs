//! Whole-pixel shifts of images, for test-time augmentation.

use crate::data::Split;

/// Every (right, down) shift by up to `most` pixels, (0, 0) first: a square of all of them, because
/// a subject is as likely to stand off in both directions as in one.
pub fn shifts(most: usize) -> Vec<(isize, isize)> {
    let most = most as isize;
    let mut all: Vec<(isize, isize)> = (-most..=most)
        .flat_map(|right| (-most..=most).map(move |down| (right, down)))
        .collect();
    all.sort_by_key(|&(right, down)| right.abs() + down.abs());
    all
}

/// The images moved `right` and `down`; `background` comes in, what leaves is lost.
pub fn shifted(split: &Split, right: isize, down: isize, background: u8) -> Split {
    let mut images = vec![background; split.images.len()];
    let shape = split.shape;
    let (height, width) = (shape.height as isize, shape.width as isize);
    let (bytes, channels) = (shape.bytes(), shape.channels);
    let (first, end) = (right.max(0), width.min(width + right));
    let pairs = split
        .images
        .chunks_exact(bytes)
        .zip(images.chunks_exact_mut(bytes));
    for (from, to) in pairs {
        for row in down.max(0)..height.min(height + down) {
            let place = |row: isize, column: isize| (row * width + column) as usize * channels;
            let target = place(row, first)..place(row, end.max(first));
            let start = place(row - down, first - right);
            let length = target.len();
            to[target].copy_from_slice(&from[start..start + length]);
        }
    }
    Split {
        images,
        labels: split.labels.clone(),
        ..*split
    }
}
