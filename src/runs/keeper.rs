//! Keeps checkpoints in the run folder: the newest few, and the best weights beside them.

use super::checkpoint::{self, Checkpoint};
use super::folder::{CHECKPOINTS, RunFolder, WEIGHTS};
use super::weights::{self, CheckpointError, Description};
use crate::training::state::{Parameters, Snapshot};

/// Writes the checkpoints of one run.
pub struct Keeper {
    folder: RunFolder,
    description: Description,
    settings: String,
    device: String,
    keep: usize,
    /// The epoch whose weights `model.safetensors` holds.
    best_epoch: Option<usize>,
}

impl Keeper {
    /// Keeps the newest `keep` checkpoints of a run with these settings on that device.
    pub fn new(
        folder: RunFolder,
        description: Description,
        settings: String,
        device: String,
        keep: usize,
    ) -> Self {
        Self {
            folder,
            description,
            settings,
            device,
            keep,
            best_epoch: None,
        }
    }

    /// Writes a checkpoint, then removes those it makes superfluous.
    ///
    /// # Errors
    /// [`CheckpointError::Write`]; the older checkpoints are then still there.
    pub fn keep(&mut self, snapshot: &Snapshot) -> Result<(), CheckpointError> {
        let checkpoints = self.folder.file(CHECKPOINTS);
        let path = checkpoints.join(checkpoint::file_name(snapshot.position.step));
        std::fs::create_dir_all(&checkpoints).map_err(|source| CheckpointError::Write {
            path: checkpoints.clone(),
            source,
        })?;
        let checkpoint = Checkpoint {
            snapshot: snapshot.clone(),
            description: self.description.clone(),
            settings: self.settings.clone(),
            device: self.device.clone(),
        };
        checkpoint::save(&path, &checkpoint)?;
        for old in checkpoint::list(&checkpoints).iter().skip(self.keep) {
            if let Err(error) = std::fs::remove_file(old) {
                tracing::warn!("{}: could not be removed: {error}", old.display());
            }
        }
        if let Some(best) = &snapshot.best
            && self.best_epoch != Some(best.epoch)
        {
            keep_weights(&self.folder, &best.parameters, &self.description)?;
            self.best_epoch = Some(best.epoch);
        }
        Ok(())
    }
}

/// Writes the weights of a run; once it has some, `latest` points to it.
///
/// # Errors
/// [`CheckpointError::Write`]
pub(super) fn keep_weights(
    folder: &RunFolder,
    values: &Parameters,
    description: &Description,
) -> Result<(), CheckpointError> {
    let file = folder.file(WEIGHTS);
    let first = !file.is_file();
    weights::save_values(&file, values, description)?;
    if first {
        folder.point_latest();
    }
    Ok(())
}
