//! Launches the shader that counts predictions.

use burn::backend::tensor::{FloatTensor, IntTensor};
use burn_wgpu::{CubeBackend, into_contiguous};

use super::{CountConfusion, passes};
use crate::kernels::gpu::{launch, owned};

impl CountConfusion for CubeBackend {
    fn count_confusion(
        logits: FloatTensor<Self>,
        labels: IntTensor<Self>,
        table: IntTensor<Self>,
    ) -> IntTensor<Self> {
        let (logits, labels) = (into_contiguous(logits), into_contiguous(labels));
        let table = owned(table);
        let (batch, classes) = (logits.meta.shape()[0], logits.meta.shape()[1]);
        launch(passes::count(batch, classes), &[&logits, &labels, &table]);
        table
    }
}
