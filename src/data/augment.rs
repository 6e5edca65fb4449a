//! What the settings say about distorting training images, as the kernel takes it.

use crate::config::{AugmentConfig, Config};
use crate::kernels::augment_batch::{Augmentation, Stream};

/// How the images of one epoch are distorted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Augment {
    /// How far.
    pub augmentation: Augmentation,
    /// Draws how far each.
    pub stream: Stream,
}

impl Augment {
    /// The same whatever the epoch is, which steps on an adapter are told there.
    #[must_use]
    pub fn of_any_epoch(self) -> Self {
        let stream = Stream {
            epoch: 0,
            ..self.stream
        };
        Self { stream, ..self }
    }

    /// `None` where the settings leave the images of `epoch`, from 1, as they are; `last` ends the training.
    pub fn in_epoch(config: &Config, epoch: usize, last: usize) -> Option<Self> {
        let AugmentConfig {
            rotation,
            scale,
            shear,
            shift,
            elastic,
            elastic_cells,
            cutout,
            flip,
            brightness,
            contrast,
            saturation,
            off_epochs,
        } = config.augment;
        let distorted = config.augment.distorts() && epoch + off_epochs <= last;
        distorted.then_some(Self {
            augmentation: Augmentation {
                rotation: rotation as f32,
                scale: scale as f32,
                shear: shear as f32,
                shift: shift as f32,
                elastic: elastic as f32,
                elastic_cells: elastic_cells as u32,
                cutout: cutout as u32,
                flip,
                brightness: brightness as f32,
                contrast: contrast as f32,
                saturation: saturation as f32,
                // The split that is distorted knows its background.
                fill: [0; 3],
            },
            stream: Stream {
                seed: config.seed,
                epoch: epoch as u32,
            },
        })
    }
}
