//! Images with their labels, and how those of a set are divided: to train on, to validate each
//! epoch, and to test where it has none for that. Divisions are stratified and drawn by a seed.

use std::ops::{Range, RangeInclusive};

use rand::seq::SliceRandom;
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use crate::kernels::images::ImageShape;

/// The stream of the seed that draws which images are held out, and which of the rest are taken.
const STREAM: u64 = u64::MAX;
/// That of the seed that draws which images test.
const TEST_STREAM: u64 = u64::MAX - 1;

/// Images of one shape, one after another, with their labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Split {
    /// Of every image.
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

    /// Whether it holds no image.
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
    /// Places of the images to train on.
    pub train: Vec<usize>,
    /// Places of those that validate.
    pub valid: Vec<usize>,
}

/// Of images with these `labels`, holds `validation` out and takes `limit` of the rest to train on
/// (0: all of them), each class in proportion to its images. The seed draws which, whatever the
/// order of the images; the same seed holds the same ones out under every `limit`.
///
/// # Panics
/// When `validation` exceeds the number of images.
pub fn divide(
    labels: &[u16],
    classes: usize,
    validation: usize,
    limit: usize,
    seed: u64,
) -> Division {
    assert!(validation <= labels.len(), "more held out than there are");
    let (mut of_class, mut random) = shuffled_classes(labels, classes, seed, STREAM);
    // Rounding takes no class its last image, and gives each class one to train on.
    let all_but_one = |members: usize| 0..=members.saturating_sub(1);
    let mut valid = Vec::with_capacity(validation);
    let held_out = shares(&of_class, validation, all_but_one, &mut random);
    for (members, share) in of_class.iter_mut().zip(held_out) {
        valid.extend(members.split_off(members.len() - share));
    }
    // From the other end, so that a limit takes the same images however many are held out.
    let mut train = match limit {
        limit if limit == 0 || limit >= labels.len() - validation => of_class.concat(),
        limit => {
            let at_least_one = |members: usize| members.min(1)..=members;
            let taken = shares(&of_class, limit, at_least_one, &mut random);
            let taken = of_class.iter().zip(taken);
            taken
                .flat_map(|(members, share)| members[..share].to_vec())
                .collect()
        }
    };
    valid.sort_unstable();
    train.sort_unstable();
    Division { train, valid }
}

/// Of images with these `labels`, gives those to train on and, held out, those to test: `fraction`
/// of each class, of two images and more at least one, never all. The seed draws which. Positions,
/// each list in ascending order.
pub fn hold_out(
    labels: &[u16],
    classes: usize,
    fraction: f64,
    seed: u64,
) -> (Vec<usize>, Vec<usize>) {
    let (of_class, _) = shuffled_classes(labels, classes, seed, TEST_STREAM);
    let (mut train, mut test) = (Vec::new(), Vec::new());
    for members in of_class {
        let most = members.len().saturating_sub(1);
        let share = (members.len() as f64 * fraction).round() as usize;
        let (tested, rest) = members.split_at(share.clamp(most.min(1), most));
        test.extend_from_slice(tested);
        train.extend_from_slice(rest);
    }
    train.sort_unstable();
    test.sort_unstable();
    (train, test)
}

/// The positions of each class's images in an order drawn by a stream of the seed, and the stream.
fn shuffled_classes(
    labels: &[u16],
    classes: usize,
    seed: u64,
    stream: u64,
) -> (Vec<Vec<usize>>, ChaCha12Rng) {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    random.set_stream(stream);
    let mut of_class = vec![Vec::new(); classes];
    for (index, &label) in labels.iter().enumerate() {
        of_class[usize::from(label)].push(index);
    }
    for members in &mut of_class {
        members.shuffle(&mut random);
    }
    (of_class, random)
}

/// How many members of each class make `count` in proportion to their sizes. Places left over by
/// rounding down go to the largest remainders, ties drawn by lot; then shares outside `wanted` of
/// the class's size are mended at the cost of the classes with most to give, as far as there are
/// any.
fn shares(
    of_class: &[Vec<usize>],
    count: usize,
    wanted: impl Fn(usize) -> RangeInclusive<usize>,
    random: &mut ChaCha12Rng,
) -> Vec<usize> {
    let total: usize = of_class.iter().map(Vec::len).sum();
    if total == 0 {
        return vec![0; of_class.len()];
    }
    let sizes: Vec<usize> = of_class.iter().map(Vec::len).collect();
    let mut shares: Vec<usize> = sizes.iter().map(|size| size * count / total).collect();
    let mut rests: Vec<(usize, u64, usize)> = (0..sizes.len())
        .map(|class| (sizes[class] * count % total, random.random(), class))
        .collect();
    rests.sort_unstable_by(|a, b| b.cmp(a));
    let missing = count - shares.iter().sum::<usize>();
    for &(_, _, class) in &rests[..missing] {
        shares[class] += 1;
    }
    mend(&sizes, &mut shares, wanted);
    shares
}

/// Moves places between classes until each share is `wanted` for its class's size, or none can be
/// moved.
fn mend(sizes: &[usize], shares: &mut [usize], wanted: impl Fn(usize) -> RangeInclusive<usize>) {
    let room = |class: usize, share: usize| wanted(sizes[class]).end().saturating_sub(share);
    let spare = |class: usize, share: usize| share.saturating_sub(*wanted(sizes[class]).start());
    for class in 0..sizes.len() {
        while shares[class] < *wanted(sizes[class]).start() {
            let giver = (0..sizes.len()).max_by_key(|&other| spare(other, shares[other]));
            let Some(giver) = giver.filter(|&other| spare(other, shares[other]) > 0) else {
                return;
            };
            shares[giver] -= 1;
            shares[class] += 1;
        }
        while shares[class] > *wanted(sizes[class]).end() {
            let taker = (0..sizes.len()).max_by_key(|&other| room(other, shares[other]));
            let Some(taker) = taker.filter(|&other| room(other, shares[other]) > 0) else {
                return;
            };
            shares[class] -= 1;
            shares[taker] += 1;
        }
    }
}
