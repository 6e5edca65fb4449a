//! `train --resume RUN`: finds where a run stood, and refuses settings that would make it end
//! elsewhere unless they were asked for on the command line.

use std::fmt;
use std::path::{Path, PathBuf};

use super::checkpoint::{self, Checkpoint};
use super::folder::{CHECKPOINTS, Lock, RunFolder, RunFolderError, SETTINGS};
use super::from::{self, Source};
use super::in_folder::device_name;
use super::record::RunRecord;
use super::train::TrainingRun;
use super::weights::{self, CheckpointError};
use crate::config::{Config, ConfigError, Layers, Origin, ScheduleKind};
use crate::data::image_set::SetDescription;
use crate::exit::{Code, Exit};
use crate::files::{MOST_RECORD, read_file, read_record, rename};
use crate::terminal::quoted;
use crate::training::state::Snapshot;
use crate::training::stopping::{self, Ending};
use crate::wording::count;

/// Settings that change where, how fast or how safely a run computes, not what it ends with.
const INCIDENTAL: &[&str] = &[
    "device.kind",
    "device.adapter",
    "device.api",
    "device.hardware_only",
    "device.check",
    "device.replay",
    // Its contents decide, not what it is called or where it lies.
    "data.set",
    "data.folder",
    "training.checkpoint_every",
    "training.keep_checkpoints",
    "training.record_every",
    "training.tensorboard",
    "evaluation.batch_size",
    "evaluation.shift",
    "evaluation.test",
];
/// What trained weights are for; with another value they are worth nothing.
const FIXED: &[&str] = &[
    "model.layers",
    "model.norm_epsilon",
    "model.norm_momentum",
    "training.from",
];

/// A run that cannot go on as asked.
#[derive(thiserror::Error, Debug)]
pub enum ResumeError {
    /// Settings of the run are others now, and nobody asked for that.
    #[error(
        "--resume {}: the run would end with other weights under these settings:\n{changes}set them with --set KEY=VALUE or their flags if that is what you want, or leave them as the run has them",
        run.display()
    )]
    Changed {
        /// The run.
        run: PathBuf,
        /// A line a setting.
        changes: String,
    },
    /// Settings that cannot change in a run.
    #[error(
        "--resume {}: its weights were trained with other settings:\n{changes}start a new run for these",
        run.display()
    )]
    Fixed {
        /// The run.
        run: PathBuf,
        /// A line a setting.
        changes: String,
    },
    /// The set is another one now.
    #[error(
        "--resume {}: it was trained on other images than those of {found}: {difference}; give its own with --dataset or --data-dir, or start a new run for these",
        run.display()
    )]
    Data {
        /// The run.
        run: PathBuf,
        /// Where the set was found.
        found: String,
        /// How it differs.
        difference: String,
    },
    /// Test images, or built-in digits, would be drawn anew by another seed.
    #[error(
        "--resume {}: {origin} {what}: leave it out, or keep them as they are with {keep}",
        run.display()
    )]
    Seed {
        /// The run.
        run: PathBuf,
        /// What gives the other seed.
        origin: Origin,
        /// What follows from the seed.
        what: String,
        /// The flags that give what the run has.
        keep: String,
    },
    /// The run has come to its end.
    #[error(
        "--resume {}: nothing is left to train: {} asked for, {trained} done{why}; {more}, or leave out the changes:\n{changes}nothing was changed",
        run.display(),
        match epochs {
            1 => "1 epoch".into(),
            epochs => format!("{epochs} epochs"),
        }
    )]
    NothingLeft {
        /// The run.
        run: PathBuf,
        /// Epochs it has trained.
        trained: usize,
        /// Epochs that the settings ask for.
        epochs: usize,
        /// Why it ended.
        why: &'static str,
        /// What has it train further.
        more: &'static str,
        /// What else was asked for.
        changes: String,
    },
    /// There is no run.
    #[error(transparent)]
    Folder(#[from] RunFolderError),
    /// Its checkpoint cannot be read.
    #[error(transparent)]
    Checkpoint(#[from] CheckpointError),
    /// Its settings cannot be used.
    #[error(transparent)]
    Settings(#[from] ConfigError),
}

/// A run to go on with.
pub struct Resumed {
    /// Its folder.
    pub folder: RunFolder,
    _lock: Lock,
    /// Where it stood; `None` before its first checkpoint.
    pub checkpoint: Option<Checkpoint>,
    /// Checkpoints after the one that was named.
    later: Vec<PathBuf>,
    /// The settings it was started with, or was last resumed with on purpose.
    pub settings: Layers,
    /// The settings file of the run.
    file: PathBuf,
    /// Whether the file is as the program wrote it: what differs from the checkpoint was then set
    /// on the command line of a resume that was killed before its first checkpoint.
    accepted: bool,
}

/// Opens the run `path`, a run folder (its newest checkpoint) or one of its checkpoint files.
///
/// # Errors
/// [`ResumeError::Folder`], [`ResumeError::Checkpoint`] or [`ResumeError::Settings`].
pub fn open(path: &Path) -> Result<Resumed, ResumeError> {
    let (run, chosen) = match checkpoint_file(path) {
        Some(run) => (run, Some(path.to_path_buf())),
        None => (path, None),
    };
    // A link such as runs/latest may point elsewhere later.
    let target = std::fs::read_link(run).map(|target| match run.parent() {
        Some(parent) => parent.join(target),
        None => target,
    });
    let folder = RunFolder::open_unfinished(target.as_deref().unwrap_or(run))?;
    let lock = folder.lock()?;
    let all = checkpoint::list(&folder.file(CHECKPOINTS));
    let checkpoint = match chosen.as_ref().or(all.first()) {
        Some(file) => Some(checkpoint::load(file)?),
        None => None,
    };
    let step = chosen.as_deref().and_then(checkpoint::step_of);
    let later = match step {
        Some(_) => (all.into_iter())
            .filter(|path| checkpoint::step_of(path) > step)
            .collect(),
        None => Vec::new(),
    };
    let mut settings = Layers::default();
    let file = folder.file(SETTINGS);
    let text = match &checkpoint {
        Some(checkpoint) => checkpoint.settings.clone(),
        None => read(&file)?,
    };
    settings.overlay(&text, &Origin::File(file.clone()))?;
    let written = folder.record().map(|record| record.settings_sha256);
    let accepted = written.is_some_and(|hash| {
        read_file(&file, MOST_RECORD).is_ok_and(|text| weights::sha256(&text) == hash)
    });
    Ok(Resumed {
        accepted,
        file,
        folder,
        _lock: lock,
        checkpoint,
        later,
        settings,
    })
}

impl Resumed {
    /// The layers under the command line: the settings file of the run, as it is now.
    ///
    /// # Errors
    /// [`ResumeError::Settings`].
    pub fn layers(&self) -> Result<Layers, ResumeError> {
        settings(&self.file)
    }

    /// Whether `layers` would make the run end with other weights; on purpose, then.
    ///
    /// # Errors
    /// [`ResumeError::Changed`] names what changed without being set on the command line,
    /// [`ResumeError::Fixed`] what cannot change once there are weights.
    pub fn check(&self, layers: &Layers) -> Result<bool, ResumeError> {
        let changes: Vec<(Change, bool)> = changes(&self.settings, layers)
            .into_iter()
            .map(|change| {
                let explicit = match &change.origin {
                    Origin::Set | Origin::Flag(_) => true,
                    Origin::File(file) => self.accepted && *file == self.file,
                    _ => false,
                };
                (change, explicit)
            })
            .collect();
        let lines = |wanted: &dyn Fn(&(Change, bool)) -> bool| -> String {
            let found = changes.iter().filter(|change| wanted(change));
            found.map(|(change, _)| change.to_string()).collect()
        };
        let run = self.folder.path().to_path_buf();
        let fixed = lines(&|(change, _)| FIXED.contains(&change.key.as_str()));
        if self.checkpoint.is_some() && !fixed.is_empty() {
            return Err(ResumeError::Fixed {
                run,
                changes: fixed,
            });
        }
        let silent = lines(&|(_, explicit)| !explicit);
        if !silent.is_empty() {
            return Err(ResumeError::Changed {
                run,
                changes: silent,
            });
        }
        self.check_seeds(layers)?;
        Ok(!changes.is_empty())
    }
}

impl Resumed {
    /// Refuses another seed where other images would follow from it, or images that were trained on would
    /// validate.
    fn check_seeds(&self, layers: &Layers) -> Result<(), ResumeError> {
        let (before, now) = (self.settings.resolve()?, layers.resolve()?);
        let digits = [&before, &now].map(|config| {
            let drawn = config.data.set == "synthetic";
            drawn.then(|| config.data.synthetic_seed(config.seed))
        });
        let divided = [&before, &now].map(|config| {
            let held_out = self.checkpoint.is_some() && config.data.validation_size > 0;
            held_out.then(|| config.data.split_seed(config.seed))
        });
        let own = |key: &str| match layers.origin(&format!("data.{key}")) {
            own @ (Origin::Flag(_) | Origin::Set) => own,
            _ => layers.origin("seed"),
        };
        let mut found = Vec::new();
        for ([before, now], key, what) in [
            (
                digits,
                "synthetic_seed",
                "draws other built-in digits than those it was trained on",
            ),
            (
                divided,
                "split_seed",
                "holds out other images to validate, some of which it was trained on",
            ),
        ] {
            let (Some(before), Some(now)) = (before, now) else {
                continue;
            };
            if before != now {
                found.push((own(key), what, format!("--set data.{key}={before}")));
            }
        }
        let Some((origin, ..)) = found.first().cloned() else {
            return Ok(());
        };
        found.retain(|(of, ..)| *of == origin);
        let [what, keep]: [Vec<_>; 2] = [
            found.iter().map(|(_, what, _)| (*what).into()).collect(),
            found.into_iter().map(|(.., keep)| keep).collect(),
        ];
        Err(ResumeError::Seed {
            run: self.folder.path().into(),
            origin,
            what: what.join(", and "),
            keep: keep.join(" "),
        })
    }

    /// Whether `found` is the set that the run is trained on: its contents decide, not its name.
    ///
    /// # Errors
    /// [`ResumeError::Data`].
    pub fn check_data(&self, found: &SetDescription) -> Result<(), ResumeError> {
        let of_checkpoint = self.checkpoint.as_ref();
        let before = match of_checkpoint.map(|checkpoint| checkpoint.description.set.clone()) {
            Some(set) => Some(set),
            None => self.folder.record().and_then(|record| record.set),
        };
        match before.and_then(|before| before.difference(found)) {
            None => Ok(()),
            Some(difference) => Err(ResumeError::Data {
                run: self.folder.path().into(),
                found: found.name.clone(),
                difference,
            }),
        }
    }

    /// Where its images were found when it started.
    pub fn found_in(&self) -> Option<String> {
        self.folder.record()?.found_in
    }

    /// Refuses changed settings under which no step would be trained: the record would then say
    /// what never happened.
    ///
    /// # Errors
    /// [`ResumeError::NothingLeft`].
    pub fn check_left(&self, layers: &Layers, config: &Config) -> Result<(), ResumeError> {
        let Some(checkpoint) = &self.checkpoint else {
            return Ok(());
        };
        let epochs = config.training.epochs;
        let snapshot = &checkpoint.snapshot;
        if !has_ended(config, snapshot) {
            return Ok(());
        }
        let done = snapshot.position.epoch > epochs;
        let ended = stopping::before_step(&config.training, snapshot);
        let changes = changes(&self.settings, layers);
        Err(ResumeError::NothingLeft {
            run: self.folder.path().into(),
            trained: snapshot.epochs.len(),
            epochs,
            why: match ended {
                Some(Ending::TargetReached) => ", and training.target_accuracy is reached",
                Some(Ending::StoppedEarly) => ", and training.patience has run out",
                Some(Ending::TimeUp) => ", and training.max_seconds has passed",
                _ => "",
            },
            more: match (done, ended) {
                (false, Some(Ending::TargetReached)) => "raise training.target_accuracy (0: none)",
                (false, Some(Ending::StoppedEarly)) => "raise training.patience",
                (false, Some(Ending::TimeUp)) => "raise training.max_seconds (0: none)",
                (_, None) => "train it further with a greater --epochs",
                (_, Some(_)) => {
                    "train it further with a greater --epochs, and raise that setting too"
                }
            },
            changes: changes.iter().map(ToString::to_string).collect(),
        })
    }

    /// Says where more epochs change the learning rate of what follows.
    pub fn say_schedule(&self, config: &Config) {
        let Ok(before) = self.settings.resolve() else {
            return;
        };
        let (before, now) = (&before.training, &config.training);
        let spans = [ScheduleKind::OneCycle, ScheduleKind::Cosine].contains(&now.schedule);
        if self.checkpoint.is_some() && spans && before.epochs != now.epochs {
            tracing::warn!(
                "the learning-rate schedule spanned {} and now spans {}: from here on, the rates are those that a run of {} has at this point",
                count(before.epochs, "epoch"),
                now.epochs,
                count(now.epochs, "epoch")
            );
        }
    }

    /// What the run came to; `None` before its evaluation, or its end where `config` asks for none, and where an
    /// earlier checkpoint of it was named.
    pub fn finished(&self, config: &Config) -> Option<RunRecord> {
        let record = self.folder.record().filter(|_| self.later.is_empty())?;
        let ended = record.evaluation.is_some() || !config.evaluation.test && record.has_ended();
        // It may have been moved.
        let run = self.folder.path().display().to_string();
        ended.then_some(RunRecord { run, ..record })
    }

    /// Checkpoints after the one that was named belong to a future that is given up; they are kept under names that
    /// nothing looks for.
    pub fn set_aside(&self) {
        for later in &self.later {
            let mut name = later.clone().into_os_string();
            name.push(".set-aside");
            match rename(later, Path::new(&name)) {
                Ok(()) => tracing::info!("set aside {}", later.display()),
                Err(error) => {
                    tracing::warn!("{}: could not be set aside: {error}", later.display());
                }
            }
        }
    }

    /// Warns of settings on the command line that a run which has ended does not read any more.
    pub fn say_unread(&self, layers: &Layers) {
        let run = settings(&self.file)
            .map(|run| run.entries())
            .unwrap_or_default();
        let unread: Vec<String> = (layers.entries().into_iter())
            .filter(|entry| matches!(entry.origin, Origin::Flag(_) | Origin::Set))
            .filter(|entry| !entry.key.starts_with("data."))
            .filter(|entry| {
                let before = run.iter().find(|before| before.key == entry.key);
                before.is_some_and(|before| before.value.to_string() != entry.value.to_string())
            })
            .map(|entry| format!("{} ({})", entry.key, entry.origin))
            .collect();
        if !unread.is_empty() {
            tracing::warn!(
                "the run has ended, so nothing reads {}; `gpu-mnist evaluate {}` evaluates it in another way",
                unread.join(", "),
                quoted(self.folder.path().display())
            );
        }
    }

    /// The weights that the run started from, where it has no checkpoint yet and starts from them
    /// again.
    ///
    /// # Errors
    /// As [`from::again`].
    pub fn source(&self, layers: &mut Layers) -> anyhow::Result<Option<Source>> {
        if self.checkpoint.is_some() {
            return Ok(None);
        }
        let before = self.folder.record().and_then(|record| record.started_from);
        from::again(layers, self.folder.path(), before)
    }

    /// The state that `run` goes on from; its description becomes that of the weights.
    pub fn standing(&self, run: &mut TrainingRun) -> Snapshot {
        let Some(checkpoint) = &self.checkpoint else {
            tracing::info!("no checkpoint yet: starting from the settings of the run");
            return run.initial();
        };
        let name = device_name(&run.device);
        if name != checkpoint.device {
            tracing::warn!(
                "the run was computed on {}, and goes on on {name}: the weights will differ in their last bits",
                checkpoint.device
            );
        }
        let position = checkpoint.snapshot.position;
        let after = count(position.step, "step");
        match has_ended(&run.config, &checkpoint.snapshot) {
            true if run.config.evaluation.test => {
                tracing::info!("trained to its end, {after}: only its evaluation is missing");
            }
            true => tracing::info!("trained to its end, {after}: only its results are missing"),
            false => tracing::info!("going on with epoch {} after {after}", position.epoch),
        }
        run.description.clone_from(&checkpoint.description);
        checkpoint.snapshot.clone()
    }
}

/// A setting with another value than before.
pub struct Change {
    key: String,
    before: String,
    now: String,
    origin: Origin,
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            key,
            before,
            now,
            origin,
        } = self;
        writeln!(f, "  {key}: {before} in the run, {now} now ({origin})")
    }
}

/// What differs of the settings that a run's end depends on.
pub fn changes(before: &Layers, now: &Layers) -> Vec<Change> {
    let plain = |value: &toml_edit::Value| value.to_string().trim().to_string();
    let earlier = before.entries();
    now.entries()
        .into_iter()
        .filter(|entry| !INCIDENTAL.contains(&entry.key.as_str()))
        .filter(|entry| {
            !["doctor.", "bench."]
                .iter()
                .any(|of| entry.key.starts_with(of))
        })
        .filter_map(|entry| {
            let before = earlier.iter().find(|before| before.key == entry.key)?;
            let change = Change {
                before: plain(&before.value),
                now: plain(&entry.value),
                key: entry.key,
                origin: entry.origin,
            };
            (change.before != change.now).then_some(change)
        })
        .collect()
}

/// Whether no step is left after `snapshot`.
fn has_ended(config: &Config, snapshot: &Snapshot) -> bool {
    let training = &config.training;
    snapshot.position.epoch > training.epochs || stopping::before_step(training, snapshot).is_some()
}

/// The settings in `file`, over the defaults.
///
/// # Errors
/// [`ResumeError::Folder`] or [`ResumeError::Settings`].
pub fn settings(file: &Path) -> Result<Layers, ResumeError> {
    let mut layers = Layers::default();
    layers.overlay(&read(file)?, &Origin::File(file.into()))?;
    Ok(layers)
}

/// The run that `path`, a file in its folder of checkpoints, belongs to.
fn checkpoint_file(path: &Path) -> Option<&Path> {
    checkpoint::step_of(path)?;
    let folder = path.parent()?;
    let run = (folder.file_name()? == CHECKPOINTS).then(|| folder.parent())??;
    Some(match run.as_os_str().is_empty() {
        true => Path::new("."),
        false => run,
    })
}

fn read(file: &Path) -> Result<String, ResumeError> {
    read_record(file).map_err(|error| {
        ResumeError::Folder(RunFolderError::NotARun {
            path: file.into(),
            reason: error.to_string(),
        })
    })
}

impl Exit for ResumeError {
    fn code(&self) -> Code {
        match self {
            Self::Changed { .. }
            | Self::Fixed { .. }
            | Self::Seed { .. }
            | Self::NothingLeft { .. } => Code::Usage,
            Self::Data { .. } => Code::Data,
            // What these hold is what they print, so the chain leaves it out.
            Self::Folder(error) => error.code(),
            Self::Checkpoint(error) => error.code(),
            Self::Settings(error) => error.code(),
        }
    }
}
