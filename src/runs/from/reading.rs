//! Finds and reads the weights that the settings name.

use std::path::Path;

use anyhow::Context;
use serde::Serialize;
use toml_edit::ser::ValueSerializer;

use super::super::folder::RunFolderError;
use super::super::weights;
use super::super::which::weights_of;
use super::{FromError, Source, StartedFrom};
use crate::config::{Layers, ModelConfig, Origin};
use crate::files::real_path;

const KEY: &str = "training.from";

/// The weights that a new run starts from; `None` where the settings name none. Where nobody chose a
/// network, it is that of the weights.
///
/// # Errors
/// Those of the run and of the file; settings that are none.
pub fn read(layers: &mut Layers) -> anyhow::Result<Option<Source>> {
    let Some(named) = named(layers) else {
        return Ok(None);
    };
    let source = match source(&named) {
        // The error names the place itself.
        Err(error) if error.is::<RunFolderError>() => Err(error.context(layers.origin(KEY))),
        read => read.with_context(|| format!("{} {named}", layers.origin(KEY))),
    }?;
    layers.set(KEY, source.file.as_str(), layers.origin(KEY))?;
    adopt(layers, &source.description.model)?;
    Ok(Some(source))
}

/// The weights that a run without a checkpoint started from, where it started from any; `before` is
/// what its record says of them.
///
/// # Errors
/// [`FromError`] where the same weights are no longer to be had.
pub fn again(
    layers: &mut Layers,
    run: &Path,
    before: Option<StartedFrom>,
) -> anyhow::Result<Option<Source>> {
    let Some(file) = named(layers) else {
        return Ok(None);
    };
    let run = run.display().to_string();
    let Some(before) = before else {
        return Err(FromError::Unknown { run, file }.into());
    };
    let source = match source(&file) {
        Ok(source) => source,
        Err(error) => {
            let reason = error.to_string();
            return Err(FromError::Gone { run, file, reason }.into());
        }
    };
    let found = source.sha256();
    if found != before.sha256 {
        return Err(FromError::Changed {
            run,
            file,
            expected: before.sha256,
            found,
        }
        .into());
    }
    layers.set(KEY, source.file.as_str(), layers.origin(KEY))?;
    Ok(Some(source))
}

/// What the settings name.
fn named(layers: &Layers) -> Option<String> {
    let named = layers.word(KEY);
    (!named.is_empty()).then_some(named)
}

fn source(named: &str) -> anyhow::Result<Source> {
    let file = weights_of(Path::new(named))?;
    let (values, description) = weights::read(&file)?;
    // Through links such as runs/latest, which point elsewhere later.
    let real = real_path(&file).or_else(|_| std::path::absolute(&file));
    let real = real.unwrap_or(file);
    let text = real.to_str().with_context(|| {
        format!(
            "{}: the path is not UTF-8 text, and settings can hold nothing else: rename it",
            real.display()
        )
    })?;
    Ok(Source {
        file: text.into(),
        values,
        description,
    })
}

/// Takes the network of the weights where no preset, file or flag chose one: also in place of the
/// default, for what nobody set may still follow the images.
fn adopt(layers: &mut Layers, model: &ModelConfig) -> anyhow::Result<()> {
    let keys = ["model.layers", "model.norm_epsilon", "model.norm_momentum"];
    if keys.iter().any(|key| layers.origin(key) != Origin::Default) {
        return Ok(());
    }
    let list = model.layers.serialize(ValueSerializer::new())?;
    let values = [list, model.norm_epsilon.into(), model.norm_momentum.into()];
    for (key, value) in keys.into_iter().zip(values) {
        layers.set(key, value, Origin::Flag("--from"))?;
    }
    tracing::info!("the network is that of the weights (model.layers)");
    Ok(())
}
