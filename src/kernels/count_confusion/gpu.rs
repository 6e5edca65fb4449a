//! Launches the shader that counts predictions.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{CountConfusion, launches};
use crate::kernels::gpu::{dims, launch, owned};

impl CountConfusion for CubeBackend {
    fn count_confusion(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        table: IntTensor<Self>,
    ) -> IntTensor<Self> {
        let (logits, labels) = (into_contiguous(logits), into_contiguous(labels));
        let table = owned(table);
        let [batch, classes] = dims(&logits);
        launch(launches::count(batch, classes), &[&logits, &labels, &table]);
        table
    }
}
