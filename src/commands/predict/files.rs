//! The files that `predict` reads: those that were named, and the images in folders.

use std::path::{Path, PathBuf};

use image::ImageFormat;

use crate::data::formats::tree::{Tree, as_people_count};

/// The named files, and in place of a folder the images in it and below it, sorted as people count; one without an image
/// stays.
///
/// # Errors
/// A folder that cannot be read.
pub fn files(named: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for path in named {
        match path.is_dir() {
            true => found.extend(images_in(path)?),
            false => found.push(path.clone()),
        }
    }
    Ok(found)
}

fn images_in(folder: &Path) -> anyhow::Result<Vec<PathBuf>> {
    let mut names: Vec<String> = (Tree::open(folder)?.files.into_iter())
        .map(|file| file.path)
        .collect();
    let all = names.len();
    let format = |name: &String| ImageFormat::from_path(name);
    names.retain(|name| format(name).is_ok_and(|format| format.reading_enabled()));
    names.sort_by(|a, b| as_people_count(a, b));
    if names.is_empty() {
        return Ok(vec![folder.to_path_buf()]);
    }
    let folder_name = folder.display();
    match all - names.len() {
        0 => {}
        1 => tracing::info!("{folder_name}: left out 1 file whose name is not that of an image"),
        rest => {
            tracing::info!(
                "{folder_name}: left out {rest} files whose names are not those of images"
            )
        }
    }
    Ok(names.iter().map(|name| folder.join(name)).collect())
}
