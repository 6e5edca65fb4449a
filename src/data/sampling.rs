//! Which images an epoch takes, and in which order; the same on every device.

use rand::SeedableRng;
use rand::seq::SliceRandom;
use rand_chacha::ChaCha12Rng;

/// The stream of the seed that lays out each class for [`balanced`].
const STREAM: u64 = u64::MAX - 2;

/// Each of `count` images once in `epoch`, from 1.
pub fn once(seed: u64, epoch: usize, count: usize) -> Vec<i32> {
    shuffled((0..count as i32).collect(), seed, 1 + epoch as u64)
}

/// As many images as there are labels, the same number of every class that has images, give or take one. Images of
/// small classes come several times; those of large ones take turns over the epochs.
pub fn balanced(seed: u64, epoch: usize, labels: &[u16], classes: usize) -> Vec<i32> {
    let mut of_class = vec![Vec::new(); classes];
    let laid_out = shuffled((0..labels.len() as i32).collect(), seed, STREAM);
    for image in laid_out {
        of_class[usize::from(labels[image as usize])].push(image);
    }
    of_class.retain(|images| !images.is_empty());
    let present = of_class.len();
    let mut order = Vec::with_capacity(labels.len());
    for (class, images) in of_class.iter().enumerate() {
        // What is left over goes to other classes in each epoch.
        let extra = (class + epoch) % present < labels.len() % present;
        let wanted = labels.len() / present + usize::from(extra);
        let first = (epoch - 1) * (labels.len() / present);
        order.extend((first..first + wanted).map(|at| images[at % images.len()]));
    }
    shuffled(order, seed, 1 + epoch as u64)
}

fn shuffled(mut images: Vec<i32>, seed: u64, stream: u64) -> Vec<i32> {
    let mut random = ChaCha12Rng::seed_from_u64(seed);
    random.set_stream(stream);
    images.shuffle(&mut random);
    images
}
