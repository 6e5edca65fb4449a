//! The test split: images that nothing turns into input of a training.

use super::{ImageShape, Split};

/// Images that judge a trained model and are seen by nothing before.
///
/// A training cannot be given one, because it takes splits on a device, which are made of plain
/// [`Split`]s:
///
/// ```no_run
/// use gpu_mnist::data::{Split, batches::{DeviceSplit, Normalisation}};
/// use gpu_mnist::device::Device;
/// fn upload(train: &Split, normalisation: Normalisation, device: &Device) -> DeviceSplit {
///     DeviceSplit::upload(train, normalisation, device)
/// }
/// ```
///
/// ```compile_fail
/// use gpu_mnist::data::batches::{DeviceSplit, Normalisation};
/// use gpu_mnist::device::Device;
/// use gpu_mnist::data::test_split::TestSplit;
/// fn upload(test: &TestSplit, normalisation: Normalisation, device: &Device) -> DeviceSplit {
///     DeviceSplit::upload(test, normalisation, device)
/// }
/// ```
///
/// Nor does it give its images away:
///
/// ```compile_fail
/// use gpu_mnist::data::Split;
/// use gpu_mnist::data::test_split::TestSplit;
/// fn open(test: TestSplit) -> Split {
///     test.0
/// }
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TestSplit(Split);

impl TestSplit {
    /// Seals images: from here on nothing but an evaluation reads them.
    pub fn new(images: Split) -> Self {
        Self(images)
    }

    /// Number of images.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether it holds no image.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The shape of every image.
    pub fn shape(&self) -> ImageShape {
        self.0.shape
    }

    /// How many images each class has, for what is said of a set.
    pub fn class_counts(&self) -> Vec<usize> {
        self.0.class_counts()
    }

    /// The fingerprint of the set that these images make with those to train on and to validate, as
    /// [`super::image_set::SetDescription`] has it.
    pub fn fingerprint_with(
        &self,
        train: &Split,
        valid: Option<&Split>,
        class_names: &[String],
    ) -> String {
        super::fingerprint::fingerprint(train, valid, &self.0, class_names)
    }

    /// All of it, for what networks answer to it: `evaluation/test_split.rs` alone asks, which
    /// `tests/suite/test_split.rs` sees to.
    pub(crate) fn for_evaluation(&self) -> &Split {
        &self.0
    }

    /// The bytes of image `index`, to be drawn; `None` past the end.
    pub fn image(&self, index: usize) -> Option<&[u8]> {
        self.0.image(index)
    }

    /// The class of image `index`; `None` past the end.
    pub fn label(&self, index: usize) -> Option<u16> {
        self.0.labels.get(index).copied()
    }
}
