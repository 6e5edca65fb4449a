//! From the settings to a training that can start: the device is opened, the images are found and
//! divided, and the device is checked.

use super::fit::fit;
use super::train::{TrainingRun, follow_kernels};
use super::training_images::TrainingImages;
use crate::checks::before_training::before_training;
use crate::config::{Config, Layers};
use crate::data::find::{self, Found};
use crate::data::image_set::SetDescription;
use crate::data::named;
use crate::device::opening::open_device;

/// Prepares a training under these settings; `suits` may refuse the set that is found.
///
/// # Errors
/// Those of the settings, the device, the data and of `suits`; wrong numbers.
pub fn prepare<E: Into<anyhow::Error>>(
    mut layers: Layers,
    suits: impl FnOnce(&SetDescription) -> Result<(), E>,
) -> anyhow::Result<TrainingRun> {
    let device = open_device(&layers.resolve()?.device)?;
    let (images, config, _) = find_set(&mut layers, suits)?;
    let device = before_training(device, &config, &images.network(&config))?;
    let config = follow_kernels(&mut layers, config, &device)?;
    named::name_in(&mut layers, &config.data, &images.set.name)?;
    Ok(TrainingRun::new(layers, config, device, images))
}

/// The images of the settings, divided, and the set that they are of, which `suits` may refuse; defaults that do
/// not suit it give way.
///
/// # Errors
/// Those of the settings, of the data and of `suits`.
pub fn find_set<E: Into<anyhow::Error>>(
    layers: &mut Layers,
    suits: impl FnOnce(&SetDescription) -> Result<(), E>,
) -> anyhow::Result<(TrainingImages, Config, Found)> {
    named::check_folder(layers)?;
    let config = layers.resolve()?;
    let found = find::find(&config.data, config.seed)?;
    let Found { set, place, is_idx } = &found;
    suits(&set.description).map_err(Into::into)?;
    for remark in fit(set, *is_idx, layers)? {
        tracing::info!("{remark}");
    }
    let config = layers.resolve()?;
    let images = TrainingImages {
        found_in: place.to_string(),
        ..TrainingImages::divide(set, &config, layers)?
    };
    for remark in images.remarks() {
        tracing::warn!("{}: {remark}", images.set.name);
    }
    Ok((images, config, found))
}
