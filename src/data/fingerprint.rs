//! The identity of a data set.

use xxhash_rust::xxh3::Xxh3;

use super::split::Split;
use crate::kernels::images::ImageShape;

/// XXH3 (128 bits, hexadecimal) over the shape, the images and labels of all splits and the class
/// names: the identity of a set, wherever it lies and whatever it is called.
pub fn fingerprint(
    train: &Split,
    valid: Option<&Split>,
    test: &Split,
    class_names: &[String],
) -> String {
    let mut hash = Xxh3::new();
    let number = |hash: &mut Xxh3, number: usize| hash.update(&(number as u64).to_le_bytes());
    let ImageShape {
        height,
        width,
        channels,
    } = train.shape;
    for side in [height, width, channels] {
        number(&mut hash, side);
    }
    for split in [Some(train), valid, Some(test)].into_iter().flatten() {
        number(&mut hash, split.len());
        hash.update(&split.images);
        for label in &split.labels {
            hash.update(&label.to_le_bytes());
        }
    }
    number(&mut hash, class_names.len());
    for name in class_names {
        number(&mut hash, name.len());
        hash.update(name.as_bytes());
    }
    format!("{:032x}", hash.digest128())
}
