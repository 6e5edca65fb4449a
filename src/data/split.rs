//! Images with their labels, and how the training images of a set are divided: those it learns
//! from and those that validate each epoch. Both divisions are stratified and drawn by the seed.

use std::ops::Range;

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::image_set::ImageShape;

/// The stream of the seed that draws which images are held out, and which of the rest are taken.
const STREAM: u64 = u64::MAX;

/// Images of one shape, one after another, with their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    pub shape: ImageShape,
    /// Labels are below it.
    pub classes: usize,
    /// `len() * shape.bytes()` bytes: rows from the top, pixels from the left, channels together.
    pub images: Vec<u8>,
    /// `len()` labels.
    pub labels: Vec<u16>,
}

impl Split {
    /// Number of images.
    pub fn len(&self) -> usize {
        self.labels.len()
    }

    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// The bytes of image `index`, or `None` past the end.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.images.chunks_exact(self.shape.bytes()).nth(index)
    }

    /// A copy of the first `count` images, or of all when there are fewer.
    pub fn first(&self, count: usize) -> Self {
        self.take(0..count)
    }

    /// A copy of the images in `range`, cut to what is there.
    pub fn take(&self, range: Range<usize>) -> Self {
        let end = range.end.min(self.len());
        let start = range.start.min(end);
        let bytes = self.shape.bytes();
        Self {
            images: self.images[start * bytes..end * bytes].to_vec(),
            labels: self.labels[start..end].to_vec(),
            ..*self
        }
    }

    /// A copy of the images at `indices`, in that order.
    ///
    /// # Panics
    /// When an index is past the end.
    pub fn pick(&self, indices: &[usize]) -> Self {
        let bytes = self.shape.bytes();
        let mut images = Vec::with_capacity(indices.len() * bytes);
        for &index in indices {
            images.extend_from_slice(&self.images[index * bytes..][..bytes]);
        }
        Self {
            images,
            labels: indices.iter().map(|&index| self.labels[index]).collect(),
            ..*self
        }
    }

    /// How many images each class has.
    pub fn class_counts(&self) -> Vec<usize> {
        let mut counts = vec![0; self.classes];
        for &label in &self.labels {
            counts[usize::from(label)] += 1;
        }
        counts
    }
}

/// Which images of a split train and which validate: positions in it, each list in ascending order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Division {
    pub train: Vec<usize>,
    pub valid: Vec<usize>,
}

/// Holds `validation` images out and takes `limit` of the rest to train on (0: all of them), each
/// class in proportion to its images. The seed draws which, whatever the order of the images; the
/// same seed holds the same images out under every `limit`.
///
/// # Panics
/// When `validation` exceeds the number of images.
pub fn divide(split: &Split, validation: usize, limit: usize, seed: u64) -> Division {
    assert!(validation <= split.len(), "more held out than there are");
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    random.set_stream(STREAM);
    let mut of_class = vec![Vec::new(); split.classes];
    for (index, &label) in split.labels.iter().enumerate() {
        of_class[usize::from(label)].push(index);
    }
    for members in &mut of_class {
        members.shuffle(&mut random);
    }
    // Rounding takes no class its last image, and gives each class one to train on.
    let spares = |members: usize, share: usize| members > share + 1;
    let mut valid = draw(&mut of_class, validation, spares, &mut random);
    let rest = split.len() - validation;
    let lacks = |_: usize, share: usize| share == 0;
    let mut train = match limit {
        0 => of_class.concat(),
        limit if limit >= rest => of_class.concat(),
        limit => draw(&mut of_class, limit, lacks, &mut random),
    };
    valid.sort_unstable();
    train.sort_unstable();
    Division { train, valid }
}

/// Takes `count` members off the ends of the classes, in proportion to their sizes. Places left
/// over by rounding down go first to classes whose size and share `first` speaks for, then to the
/// largest remainders; ties are drawn by lot.
fn draw(
    of_class: &mut [Vec<usize>],
    count: usize,
    first: impl Fn(usize, usize) -> bool,
    random: &mut ChaCha12Rng,
) -> Vec<usize> {
    let total: usize = of_class.iter().map(Vec::len).sum();
    if total == 0 {
        return Vec::new();
    }
    let mut shares: Vec<usize> = of_class
        .iter()
        .map(|members| members.len() * count / total)
        .collect();
    let mut rests: Vec<(bool, usize, u64, usize)> = of_class
        .iter()
        .zip(&shares)
        .enumerate()
        .map(|(class, (members, &share))| {
            let rest = members.len() * count % total;
            let wanted = rest > 0 && first(members.len(), share);
            (wanted, rest, random.random(), class)
        })
        .collect();
    rests.sort_unstable_by(|a, b| b.cmp(a));
    let missing = count - shares.iter().sum::<usize>();
    for &(_, _, _, class) in &rests[..missing] {
        shares[class] += 1;
    }
    let mut drawn = Vec::with_capacity(count);
    for (members, share) in of_class.iter_mut().zip(shares) {
        drawn.extend(members.split_off(members.len() - share));
    }
    drawn
}
