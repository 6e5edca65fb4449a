//! Launches the shader of Adam's update.

use burn::backend::tensor::FloatTensor;
use burn_wgpu::{CubeBackend, into_contiguous};

use super::launches::{self, Step};
use super::{AdamUpdate, Updated};
use crate::kernels::gpu::{launch, owned};

impl AdamUpdate for CubeBackend {
    fn adam_update(
        parameter: FloatTensor<Self>,
        gradient: FloatTensor<Self>,
        moment1: FloatTensor<Self>,
        moment2: FloatTensor<Self>,
        learning_rate: f32,
        beta1: f32,
        beta2: f32,
        epsilon: f32,
        weight_decay: f32,
        step: u32,
    ) -> Updated<Self> {
        let gradient = into_contiguous(gradient);
        let [parameter, moment1, moment2] = [parameter, moment1, moment2].map(owned);
        let settings = Step {
            number: step,
            learning_rate: learning_rate.into(),
            beta1: beta1.into(),
            beta2: beta2.into(),
            epsilon: epsilon.into(),
            weight_decay: weight_decay.into(),
        };
        launch(
            launches::step(gradient.meta.shape().num_elements(), &settings),
            &[&parameter, &moment1, &moment2, &gradient],
        );
        Updated {
            parameter,
            moment1,
            moment2,
        }
    }
}
