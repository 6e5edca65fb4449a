//! The files that `predict` reads: those that were named, and the images in folders.

use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, ensure};
use image::ImageFormat;

/// The named files, and in place of a folder the images in it and below it, sorted as people count.
///
/// # Errors
/// A folder that cannot be read, or holds no image.
pub fn files(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in named {
        if !path.is_dir() {
            found.push(path.clone());
            continue;
        }
        let (before, mut others) = (found.len(), 0);
        collect(path, &mut found, &mut others)?;
        ensure!(
            found.len() > before,
            "{}: no PNG, JPEG, BMP, GIF or WebP image in this folder or below it; name a folder with images",
            path.display()
        );
        match others {
            0 => {}
            1 => tracing::info!(
                "{}: left out 1 file that is no image by its name",
                path.display()
            ),
            _ => tracing::info!(
                "{}: left out {others} files that are no images by their names",
                path.display()
            ),
        }
    }
    Ok(found)
}

/// Adds the images of a folder; `others` counts its other files. Links to folders are not followed,
/// so that none is read twice.
fn collect(folder: &Path, found: &mut Vec<PathBuf>, others: &mut usize) -> anyhow::Result<()> {
    let context = || format!("{}: could not be read", folder.display());
    let entries = fs::read_dir(folder).with_context(context)?;
    let mut entries = entries
        .collect::<Result<Vec<_>, _>>()
        .with_context(context)?;
    entries.retain(|entry| !is_hidden(&entry.file_name().to_string_lossy()));
    entries.sort_by(|a, b| {
        let [a, b] = [a, b].map(|entry| entry.file_name().to_string_lossy().into_owned());
        numeric_sort::cmp(&a, &b)
    });
    for entry in entries {
        let path = entry.path();
        if entry.file_type().with_context(context)?.is_dir() {
            collect(&path, found, others)?;
        } else if is_image(&path) {
            found.push(path);
        } else {
            *others += 1;
        }
    }
    Ok(())
}

/// What systems leave in folders without showing it.
fn is_hidden(name: &str) -> bool {
    name.starts_with('.') || ["__MACOSX", "Thumbs.db", "desktop.ini"].contains(&name)
}

fn is_image(path: &Path) -> bool {
    path.is_file() && ImageFormat::from_path(path).is_ok_and(|format| format.reading_enabled())
}
