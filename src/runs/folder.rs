//! The folder of a run: settings, metrics, weights, evaluation, and who is training it.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::record::RunRecord;
use crate::exit::{Code, Exit};
use crate::files::{TEMPORARY, read_record, write_atomically};
use crate::terminal::quoted;

/// Where runs without `--out` go, below the current folder.
pub const RUNS: &str = "runs";
/// What names the newest run beside it.
pub const LATEST: &str = "latest";
/// The settings of a run, as a file that `--config` reads.
pub const SETTINGS: &str = "settings.toml";
/// A line of JSON for each step that is recorded, and for each epoch.
pub const METRICS: &str = "metrics.jsonl";
pub use super::weights::{LAST_WEIGHTS, WEIGHTS};
/// The folder of the checkpoints.
pub const CHECKPOINTS: &str = "checkpoints";
/// What the run made of the test images, as `evaluate --json` prints it.
pub const EVALUATION: &str = "evaluation.json";
/// The JSON that `train --json` prints.
pub const RUN: &str = "run.json";

/// In the folder of a sweep: the plan, and what came of it.
pub const SWEEP: &str = "sweep.json";
/// In a folder of several runs: what they came to.
pub const SEEDS: &str = "seeds.json";

/// Held by the program that trains the run.
const LOCK: &str = ".lock";
/// Said where one run is needed.
const SEVERAL: &str = "it holds runs of several seeds: name one of them, such as its seed-0";

/// A run that is being trained; dropping it lets others.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

/// A folder that cannot become, or is not, a run.
#[derive(thiserror::Error, Debug)]
pub enum RunFolderError {
    /// The folder named for a new run holds something.
    #[error(
        "--out {}: already holds {what}; choose a new folder, or leave out --out for runs/<time>",
        path.display()
    )]
    Occupied {
        /// The folder.
        path: PathBuf,
        /// What it holds.
        what: &'static str,
    },
    /// The disk refuses.
    #[error("{}: could not be written: {source}; check the free space and the permissions there, or name another place", path.display())]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The file system's words.
        source: io::Error,
    },
    /// A file is where a folder would have to be.
    #[error("{}: a file, where a folder of runs would have to be; move it away, or name another place with --out", path.display())]
    InTheWay {
        /// The file.
        path: PathBuf,
    },
    /// The system does not let the folder be read.
    #[error("{}: could not be read: {source}; check the permissions there", path.display())]
    Unreadable {
        /// The folder.
        path: PathBuf,
        /// The file system's words.
        source: io::Error,
    },
    /// Another process trains there.
    #[error("{}: another gpu-mnist is training this run; wait for it, or end it first", path.display())]
    Busy {
        /// The folder.
        path: PathBuf,
    },
    /// No run is there.
    #[error("{}: no run here ({reason}); name a folder that `gpu-mnist train` made", path.display())]
    NotARun {
        /// What was named.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// No sweep is there.
    #[error("{}: no sweep here ({reason}); name a folder that `gpu-mnist sweep` made", path.display())]
    NotASweep {
        /// What was named.
        path: PathBuf,
        /// What is missing.
        reason: String,
    },
    /// A record that cannot be read.
    #[error("{}: its {file} is damaged ({reason}); {next}", path.display())]
    Damaged {
        /// The folder.
        path: PathBuf,
        /// The record's name.
        file: &'static str,
        /// What is wrong with it.
        reason: String,
        /// What to do.
        next: String,
    },
    /// None of several trainings has ended well.
    #[error("{}: none of its {what} has ended well; `{next}` says why, or goes on", path.display())]
    NoneEnded {
        /// The folder of all of them.
        path: PathBuf,
        /// What they are, such as `runs`.
        what: &'static str,
        /// The command to give.
        next: String,
    },
    /// The run has no weights yet.
    #[error(
        "{run}: no weights yet: its training was stopped before the first were kept; go on with `gpu-mnist train --resume {}`",
        quoted(path.display()),
        run = path.display()
    )]
    NoWeights {
        /// The folder.
        path: PathBuf,
    },
    /// The run has no weights yet, and a program trains it.
    #[error(
        "{}: no weights yet, because it is still training: the first are kept once an epoch has been validated, or at the end; try again then",
        path.display()
    )]
    StillTraining {
        /// The folder.
        path: PathBuf,
    },
    /// No folder that could hold runs is there.
    #[error("{}: no folder of runs ({reason}); name a folder that holds runs", path.display())]
    NoFolder {
        /// What was named.
        path: PathBuf,
        /// What is there instead.
        reason: &'static str,
    },
    /// No run was named, and there is none.
    #[error(
        "{}: no run with weights yet; `gpu-mnist train` makes one, or name the folder of one made with --out",
        path.display()
    )]
    NoRuns {
        /// The folder of runs.
        path: PathBuf,
    },
}

impl RunFolderError {
    /// Says of an error of the file system that `path` could not be written.
    pub fn unwritten(path: &Path) -> impl FnOnce(io::Error) -> Self {
        move |source| write_error(path, source)
    }
}

/// An existing run folder.
#[derive(Clone, Debug)]
pub struct RunFolder {
    path: PathBuf,
}

impl RunFolder {
    /// Checks that `--out` can be used, before anything else is done.
    ///
    /// # Errors
    /// [`RunFolderError::Occupied`].
    pub fn check_free(path: &Path) -> Result<(), RunFolderError> {
        let occupied = |what| RunFolderError::Occupied {
            path: path.into(),
            what,
        };
        if path.is_file() {
            return Err(occupied("a file"));
        }
        if path.join(SETTINGS).exists() || path.join(RUN).exists() {
            return Err(occupied("a run"));
        }
        if path.join(SEEDS).exists() {
            return Err(occupied("runs of several seeds"));
        }
        if path.join(SWEEP).exists() {
            return Err(occupied("a sweep"));
        }
        // What a killed program left before it had settings is no run.
        let foreign = |entry: io::Result<fs::DirEntry>| {
            entry.is_ok_and(|entry| !is_leftover(&entry.file_name().to_string_lossy()))
        };
        match fs::read_dir(path).map(|mut entries| entries.any(foreign)) {
            Ok(true) => Err(occupied("other files")),
            _ => Ok(()),
        }
    }

    /// Makes the folder: `out`, or `runs/<UTC time>-<dataset>-<device>`.
    ///
    /// # Errors
    /// [`RunFolderError::Occupied`] or [`RunFolderError::Write`].
    pub fn create(out: Option<&Path>, dataset: &str, device: &str) -> Result<Self, RunFolderError> {
        if let Some(path) = out {
            Self::check_free(path)?;
            fs::create_dir_all(path).map_err(|source| write_error(path, source))?;
            // The commands that are offered take what begins with a dash for a flag.
            let path = match path.to_str().is_some_and(|name| name.starts_with('-')) {
                true => Path::new(".").join(path),
                false => path.into(),
            };
            return Ok(Self { path });
        }
        let runs = Path::new(RUNS);
        fs::create_dir_all(runs).map_err(|source| write_error(runs, source))?;
        let time = jiff::Timestamp::now().strftime("%Y%m%dT%H%M%SZ");
        let dataset: String = dataset
            .chars()
            .map(|c| {
                if c.is_alphanumeric() || c == '-' {
                    c
                } else {
                    '-'
                }
            })
            .collect();
        let base = format!("{time}-{dataset}-{device}");
        for attempt in 1.. {
            let name = match attempt {
                1 => base.clone(),
                _ => format!("{base}-{attempt}"),
            };
            let path = runs.join(&name);
            match fs::create_dir(&path) {
                Ok(()) => return Ok(Self { path }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(source) => return Err(write_error(&path, source)),
            }
        }
        unreachable!("some number is free")
    }

    /// Opens a folder that a run is to be in, and makes it where there is none.
    ///
    /// # Errors
    /// [`RunFolderError::Write`].
    pub fn create_or_open(path: &Path) -> Result<Self, RunFolderError> {
        fs::create_dir_all(path).map_err(|source| write_error(path, source))?;
        Ok(Self { path: path.into() })
    }

    /// Opens a folder that a training made.
    ///
    /// # Errors
    /// [`RunFolderError::NotARun`].
    pub fn open(path: &Path) -> Result<Self, RunFolderError> {
        let path = &followed(path);
        let not_a_run = |reason: String| RunFolderError::NotARun {
            path: path.into(),
            reason,
        };
        check_readable(path)?;
        if !path.is_dir() {
            return Err(not_a_run(absent(path).into()));
        }
        if path.join(SEEDS).is_file() {
            return Err(not_a_run(SEVERAL.into()));
        }
        let folder = Self { path: path.into() };
        if folder.file(WEIGHTS).is_file() {
            return Ok(folder);
        }
        Err(match folder.file(SETTINGS).is_file() {
            true if folder.is_training() => RunFolderError::StillTraining { path: path.into() },
            true => RunFolderError::NoWeights { path: path.into() },
            false => not_a_run(lacks(path, WEIGHTS)),
        })
    }

    /// Has `runs/latest` name this run, where it lies in `runs`.
    pub fn point_latest(&self) {
        let runs = self.path.parent();
        if let Some(runs) = runs.filter(|runs| runs.file_name().is_some_and(|name| name == RUNS))
            && let Some(name) = self.path.file_name().and_then(|name| name.to_str())
        {
            point_latest(runs, name);
        }
    }

    /// Opens a folder whose training may not have ended: it holds settings.
    ///
    /// # Errors
    /// [`RunFolderError::NotARun`].
    pub fn open_unfinished(path: &Path) -> Result<Self, RunFolderError> {
        let path = &followed(path);
        if path.join(SETTINGS).is_file() {
            return Ok(Self { path: path.into() });
        }
        check_readable(path)?;
        Err(RunFolderError::NotARun {
            path: path.into(),
            reason: match path.is_dir() {
                true if path.join(SEEDS).is_file() => SEVERAL.into(),
                true => lacks(path, SETTINGS),
                false => absent(path).into(),
            },
        })
    }

    /// Opens the folder of several runs.
    ///
    /// # Errors
    /// [`RunFolderError::NotARun`].
    pub fn open_several(path: &Path) -> Result<Self, RunFolderError> {
        let path = &followed(path);
        check_readable(path)?;
        match path.join(SEEDS).is_file() {
            true => Ok(Self { path: path.into() }),
            false => Err(RunFolderError::NotARun {
                path: path.into(),
                reason: format!("it holds no {SEEDS}"),
            }),
        }
    }

    /// Keeps other programs from training this run until the lock is dropped or the program
    /// ends, and clears away what a killed one left half-written.
    ///
    /// # Errors
    /// [`RunFolderError::Busy`] or [`RunFolderError::Write`].
    pub fn lock(&self) -> Result<Lock, RunFolderError> {
        let path = self.file(LOCK);
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(&path)
            .map_err(|source| write_error(&path, source))?;
        match file.try_lock() {
            Ok(()) => {}
            Err(TryLockError::WouldBlock) => {
                return Err(RunFolderError::Busy {
                    path: self.path.clone(),
                });
            }
            // Some network file systems know no locks.
            Err(TryLockError::Error(error)) => tracing::debug!("{}: {error}", path.display()),
        }
        for folder in [self.path.clone(), self.file(CHECKPOINTS)] {
            for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
                let name = entry.file_name();
                if name.to_string_lossy().starts_with(TEMPORARY) {
                    let _ = fs::remove_file(entry.path());
                }
            }
        }
        Ok(Lock { _file: file })
    }

    /// Whether a program is training the run.
    pub fn is_training(&self) -> bool {
        // A shared lock, because others may ask at the same time.
        let refused = |file: File| matches!(file.try_lock_shared(), Err(TryLockError::WouldBlock));
        File::open(self.file(LOCK)).is_ok_and(refused)
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the run was; `None` where there is no record that this program can read.
    pub fn record(&self) -> Option<RunRecord> {
        let text = read_record(&self.file(RUN)).ok()?;
        serde_json::from_str(&text).ok()
    }

    /// The path of a file in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    /// # Errors
    /// [`RunFolderError::Write`].
    pub fn write(&self, name: &str, bytes: &[u8]) -> Result<(), RunFolderError> {
        let path = self.file(name);
        write_atomically(&path, bytes).map_err(|source| write_error(&path, source))
    }

    /// # Errors
    /// [`RunFolderError::Write`].
    pub fn write_json(&self, name: &str, value: &impl Serialize) -> Result<(), RunFolderError> {
        let mut text = serde_json::to_string_pretty(value)
            .map_err(|error| write_error(&self.file(name), error.into()))?;
        text.push('\n');
        self.write(name, text.as_bytes())
    }
}

/// The folder that a file such as `runs/latest` names, where the system has no links; else
/// `path` itself.
pub fn followed(path: &Path) -> PathBuf {
    let is_pointer = path.file_name().is_some_and(|name| name == LATEST) && path.is_file();
    let named = is_pointer.then(|| pointed(path)).flatten();
    match (named, path.parent()) {
        (Some(name), Some(parent)) => parent.join(name),
        _ => path.into(),
    }
}

/// What `runs/latest` holds, the name of a run: a link, or a file with the name in it.
pub fn pointed(latest: &Path) -> Option<PathBuf> {
    if let Ok(name) = fs::read_link(latest) {
        return Some(name);
    }
    let is_short = fs::metadata(latest).is_ok_and(|found| found.is_file() && found.len() < 256);
    let text = is_short
        .then(|| fs::read_to_string(latest).ok())
        .flatten()?;
    let name = text.trim();
    (!name.is_empty()).then(|| name.into())
}

/// `runs/latest`: a link where the system has them, else a file with the name in it.
fn point_latest(runs: &Path, name: &str) {
    let latest = runs.join(LATEST);
    #[cfg(unix)]
    let made = {
        let fresh = runs.join(format!(".latest-{}", std::process::id()));
        std::os::unix::fs::symlink(name, &fresh).and_then(|()| fs::rename(&fresh, &latest))
    };
    #[cfg(not(unix))]
    let made = write_atomically(&latest, name.as_bytes());
    if let Err(error) = made {
        tracing::warn!("{}: could not point at {name}: {error}", latest.display());
    }
}

fn is_leftover(name: &str) -> bool {
    name.starts_with(TEMPORARY) || name == LOCK
}

/// Why something that should be a folder is none.
pub fn absent(path: &Path) -> &'static str {
    match path.exists() {
        true => "this is a file",
        false => "no such folder",
    }
}

/// What a folder is in place of a run: one of runs, or one without the `file` of a run.
pub fn lacks(path: &Path, file: &str) -> String {
    let begun = |path: &PathBuf| {
        let mut files = [SETTINGS, SEEDS, SWEEP].iter();
        files.any(|file| path.join(file).is_file())
    };
    let entries = fs::read_dir(path).into_iter().flatten().flatten();
    // By its own name, not as the latest.
    let folders = entries.filter(|entry| entry.file_type().is_ok_and(|found| found.is_dir()));
    let runs = folders.map(|entry| entry.path()).filter(begun);
    match runs.max() {
        Some(run) => format!("it holds runs, such as {}", run.display()),
        None => format!("it holds no {file}"),
    }
}

/// Says so where the system keeps what a folder holds from being read.
///
/// # Errors
/// [`RunFolderError::Unreadable`].
pub fn check_readable(path: &Path) -> Result<(), RunFolderError> {
    match fs::metadata(path.join(SETTINGS)) {
        Err(source) if source.kind() == io::ErrorKind::PermissionDenied => {
            Err(RunFolderError::Unreadable {
                path: path.into(),
                source,
            })
        }
        _ => Ok(()),
    }
}

fn write_error(path: &Path, source: io::Error) -> RunFolderError {
    let kinds = [io::ErrorKind::AlreadyExists, io::ErrorKind::NotADirectory];
    let blocked = kinds.contains(&source.kind());
    match path.ancestors().find(|above| blocked && above.is_file()) {
        Some(file) => RunFolderError::InTheWay { path: file.into() },
        None => RunFolderError::Write {
            path: path.into(),
            source,
        },
    }
}

impl Exit for RunFolderError {
    fn code(&self) -> Code {
        match self {
            Self::Write { .. } | Self::InTheWay { .. } => Code::Failed,
            Self::NotARun { .. }
            | Self::NotASweep { .. }
            | Self::Damaged { .. }
            | Self::NoneEnded { .. }
            | Self::NoWeights { .. }
            | Self::StillTraining { .. }
            | Self::NoFolder { .. }
            | Self::NoRuns { .. }
            | Self::Unreadable { .. } => Code::Data,
            Self::Occupied { .. } | Self::Busy { .. } => Code::Usage,
        }
    }
}
