//! Finds the images a command works on: a known set on disk or fetched, the built-in digits, or
//! images of the user's own. What the user names is used or refused, and never written into.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use anyhow::Context;

use super::catalog::{self, KnownSet, locate};
#[cfg(feature = "cli")]
use super::fetch::{FetchOptions, fetch};
use super::formats::{self, Reading};
use super::open_set::Loaded;
use super::synthetic::kept;
use super::{DataError, ImageSet, ReadOptions};
use crate::config::{Colour, DataConfig, ImageSize, Origin};
use crate::files::cache_folder;
use crate::terminal::bars::Shown;
use crate::terminal::interrupt::interrupted;
use crate::wording::printable;

/// A data set, and where it was found.
#[derive(Debug)]
pub struct Found {
    /// What was read.
    pub set: ImageSet,
    /// Where it was.
    pub place: Place,
    /// Whether it lies there as MNIST does.
    pub is_idx: bool,
}

/// Where a data set was found: for the record of a run and for people, never to tell sets apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// A known set, in this absolute folder.
    Known {
        /// Its name in the catalogue.
        id: &'static str,
        /// The folder.
        folder: PathBuf,
    },
    /// A set of the user's own, at this absolute path.
    Own {
        /// Its path.
        path: PathBuf,
    },
    /// Drawn by the program from this seed.
    BuiltIn {
        /// The seed.
        seed: u64,
    },
}

impl fmt::Display for Place {
    /// `mnist in /data/mnist`, `/home/me/letters`, `built-in digits of seed 0`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Known { id, folder } => write!(f, "{id} in {}", folder.display()),
            Self::Own { path } => write!(f, "{}", path.display()),
            Self::BuiltIn { seed } => write!(f, "built-in digits of seed {seed}"),
        }
    }
}

/// The data set of the settings; built-in digits follow from `seed` unless the settings name
/// another.
///
/// # Errors
/// [`DataError`] names the file, the fault and the next step.
pub fn load(config: &DataConfig, seed: u64) -> anyhow::Result<ImageSet> {
    find(config, seed).map(|found| found.set)
}

/// As [`load`], with the place.
///
/// # Errors
/// As [`load`].
pub fn find(config: &DataConfig, seed: u64) -> anyhow::Result<Found> {
    let seed = config.synthetic_seed(seed);
    let name = &config.set[..];
    if catalog::is_reserved(name) && Path::new(name).is_dir() {
        tracing::info!(
            "data: {name} is one of the program's own names, so the folder {name}/ here is not read (./{name} names it)"
        );
    }
    match name {
        "auto" => automatic(config, seed),
        "synthetic" => {
            if (config.size, config.colour) != (ImageSize::AUTO, Colour::Auto) {
                tracing::warn!(
                    "data.size and data.colour are not used: the built-in digits stay as they are drawn"
                );
            }
            Ok(drawn(seed))
        }
        name => match catalog::named(name) {
            Ok(set) => known(set, config),
            Err(_) => own(name, config),
        },
    }
}

/// The folder that holds `mnist/`, `fashion-mnist/` and other known sets.
///
/// # Errors
/// When the settings name none and the system has no cache folder.
pub fn data_folder(config: &DataConfig) -> anyhow::Result<PathBuf> {
    if !config.folder.as_os_str().is_empty() {
        return Ok(config.folder.clone());
    }
    cache_folder()
        .context("no home folder, so no cache folder either: name a folder with --data-dir")
}

/// A known set, in the folder that the user named or else in the cache.
fn known(set: &'static KnownSet, config: &DataConfig) -> anyhow::Result<Found> {
    let data_dir = data_folder(config)?;
    let place = match config.folder.as_os_str().is_empty() {
        false => locate::require(&data_dir, set)?,
        // Nobody named the cache, so nobody is told how it is spelled.
        true => locate::find(&data_dir, set).ok_or_else(|| DataError::Missing {
            folder: data_dir.join(set.id),
            missing: set.file_names(),
            there: None,
            set: Some(set.id.into()),
        })?,
    };
    let folder = place.path.clone();
    tracing::info!("data: {set} from {}", folder.display());
    let read = reading(config, |reading| formats::read_known(&place, set, reading));
    let loaded = match read.map_err(|error| match config.folder.as_os_str().is_empty() {
        true => error,
        false => error.below(&data_dir),
    }) {
        Err(error) if folder == data_dir => Err(error).with_context(|| {
            let named = match Origin::of_data_folder(&folder) {
                Origin::Environment(variable) => format!("{variable}="),
                _ => "--data-dir ".into(),
            };
            format!(
                "{named}{} holds files of its own, read as {set}; a set of your own is named with --dataset",
                folder.display()
            )
        }),
        read => Ok(read?),
    }?;
    say(&loaded);
    Ok(Found {
        set: loaded.set,
        place: Place::Known {
            id: set.id,
            folder: absolute(&folder),
        },
        is_idx: set.whole.is_none(),
    })
}

/// MNIST where it is. Only where the user named no folder: MNIST if it can be had soon, else the
/// built-in digits.
fn automatic(config: &DataConfig, seed: u64) -> anyhow::Result<Found> {
    let set = &catalog::MNIST;
    if !config.folder.as_os_str().is_empty() {
        return known(set, config);
    }
    let Ok(folder) = data_folder(config) else {
        return Ok(fall_back("there is no cache folder to keep MNIST in", seed));
    };
    let there = locate::find(&folder, set).is_some_and(|place| place.is_complete());
    if !there {
        tracing::info!(
            "data: MNIST is not in {}, trying to fetch it",
            folder.display()
        );
        if let Some(reason) = fetched(set, &folder)? {
            return Ok(fall_back(&reason, seed));
        }
    }
    known(set, config)
}

/// Fetches a set, soon or not at all: then says why.
#[cfg(feature = "cli")]
fn fetched(set: &'static KnownSet, folder: &Path) -> Result<Option<String>, DataError> {
    let options = FetchOptions {
        cancel: interrupted(),
        ..FetchOptions::automatic()
    };
    let Err(error) = fetch(set, folder, &options, &mut |_| {}) else {
        return Ok(None);
    };
    tracing::debug!("{error}");
    match error {
        DataError::Interrupted { .. } => Err(error),
        DataError::Write { .. } => Ok(Some(format!("MNIST could not be kept ({error})"))),
        _ => Ok(Some("MNIST could not be fetched".into())),
    }
}

#[cfg(not(feature = "cli"))]
fn fetched(_: &'static KnownSet, _: &Path) -> Result<Option<String>, DataError> {
    let reason = "MNIST is not there, and a build without the feature `cli` fetches nothing";
    Ok(Some(reason.into()))
}

fn fall_back(reason: &str, seed: u64) -> Found {
    tracing::warn!(
        "{reason}: taking the built-in digits, drawn by this program, in place of MNIST (`gpu-mnist data fetch mnist` gets it)"
    );
    drawn(seed)
}

fn drawn(seed: u64) -> Found {
    Found {
        set: kept::load(cache_folder().as_deref(), seed),
        place: Place::BuiltIn { seed },
        is_idx: true,
    }
}

/// A set of the user's own.
fn own(name: &str, config: &DataConfig) -> anyhow::Result<Found> {
    let path = Path::new(name);
    tracing::info!("data: {}", printable(name));
    let found = match reading(config, |reading| formats::read(path, reading)) {
        Err(error @ DataError::NotThere { .. }) if !name.contains(std::path::is_separator) => {
            let hint = catalog::did_you_mean(name);
            let DataError::NotThere { path, .. } = error else {
                return Err(error.into());
            };
            Err(DataError::NotThere {
                path,
                next: format!(
                    "no known set has that name either{hint}: check the spelling, or look at `gpu-mnist data list`"
                ),
            })
        }
        read => Ok(read?),
    }?;
    if found.path != path {
        tracing::info!("data: found in {}", found.path.display());
    }
    tracing::info!(
        "data: {}: {}",
        found.format.name,
        found.loaded.set.summary()
    );
    say(&found.loaded);
    let mut set = found.loaded.set;
    // A set that is known by its contents bears its own name, and no other one bears it.
    match found.loaded.known {
        Some(known) => set.description.name = known.id.into(),
        None if catalog::is_reserved(&set.description.name) => {
            set.description.name = format!("./{}", set.description.name);
        }
        None => {}
    }
    Ok(Found {
        set,
        place: Place::Own {
            path: absolute(&found.path),
        },
        is_idx: found.format.name == formats::IDX,
    })
}

/// What a person should know of how the files were read.
fn say(loaded: &Loaded) {
    for note in &loaded.notes {
        tracing::info!("data: {}", printable(note));
    }
    for warning in &loaded.warnings {
        tracing::warn!("data: {}", printable(warning));
    }
}

/// Reads as the settings say, with a bar where that takes over a second; Ctrl-C ends it.
fn reading<T>(config: &DataConfig, read: impl FnOnce(&Reading) -> T) -> T {
    let started = Instant::now();
    let bar = OnceLock::new();
    let progress = |done, of| {
        if started.elapsed() > Duration::from_secs(1)
            && let Some(bar) = bar.get_or_init(|| Shown::bar("decoding images"))
        {
            bar.set(done, of, 0);
        }
    };
    let interrupted = interrupted();
    let cancelled = || {
        let flag = interrupted.as_ref();
        flag.is_some_and(|flag| flag.load(Ordering::Relaxed))
    };
    read(&Reading {
        options: ReadOptions::from(config),
        cache: cache_folder(),
        progress: &progress,
        cancelled: &cancelled,
    })
}

fn absolute(path: &Path) -> PathBuf {
    std::path::absolute(path).unwrap_or_else(|_| path.to_owned())
}
