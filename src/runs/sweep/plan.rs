//! The plan of a sweep: its trials are listed, and their settings checked, before anything is trained.

use std::path::{Path, PathBuf};

use super::halving::{one_rung, rungs};
use super::space::{self, Axis, MOST_TRIALS, Settings};
use super::{BASE, Method, Outcome, SWEEP, SweepRecord, Trial};
use crate::config::{Layers, Origin};
use crate::data::find::Found;
use crate::data::named;
use crate::exit::UsageError;
use crate::runs::fit::fit;
use crate::runs::folder::RunFolder;
use crate::runs::prepare::find_set;
use crate::runs::training_images::TrainingImages;

/// Trials where nobody says how many, and no grid does.
const TRIALS: usize = 16;
/// Settings that would undo what makes trials comparable, and what they are chosen by.
const FIXED: &[(&[&str], &str)] = &[
    (
        &[
            "data.validation_size",
            "data.split_seed",
            "data.synthetic_seed",
            "data.test_fraction",
            "data.test_seed",
        ],
        "trials are compared on the same validation images; set it once, with --set",
    ),
    (
        &["data.size", "data.colour"],
        "trials share the images, which are read once; make a sweep for each",
    ),
    (
        &["data.set", "data.folder"],
        "trials are compared on the same images; make a sweep for each set",
    ),
    (
        &["evaluation.test"],
        "only the best trial sees the test images; leave it out",
    ),
];
/// What halving sets itself.
const SHARED_OUT: &[&str] = &[
    "training.epochs",
    "data.train_limit",
    "training.max_seconds",
];

/// What a person asks for.
pub struct Wanted {
    /// What all trials share.
    pub layers: Layers,
    /// What differs between them.
    pub axes: Vec<Axis>,
    /// How trials are chosen; `None`: grid.
    pub method: Option<Method>,
    /// How many are drawn; `None`: by the method.
    pub trials: Option<usize>,
    /// With halving: one of how many goes on.
    pub eta: Option<usize>,
}

/// Writes the plan into `out`, or `runs/<time>-<set>-sweep`.
///
/// # Errors
/// Settings, data, a folder that is taken; nothing is written then.
pub fn plan(wanted: Wanted, out: Option<&Path>) -> anyhow::Result<(PathBuf, SweepRecord)> {
    if let Some(out) = out {
        RunFolder::check_free(out)?;
    }
    let Wanted {
        mut layers, axes, ..
    } = wanted;
    check_axes(&axes)?;
    let chosen = Chosen::new(&axes, wanted.method, wanted.trials, wanted.eta)?;
    if chosen.method == Method::Halving {
        check_shared_out(&axes)?;
    }
    let config = layers.resolve()?;
    check_held_out(config.data.validation_size)?;
    let settings = chosen.settings(&axes, config.seed)?;
    check_values(&settings)?;
    let (images, config, found) = find_set(&mut layers, |_| anyhow::Ok(()))?;
    named::name_in(&mut layers, &config.data, &images.set.name)?;
    for key in ["data.split_seed", "data.synthetic_seed"] {
        if layers.word(key).is_empty() {
            layers.set(key, config.seed.to_string(), Origin::Set)?;
        }
    }
    layers.set("evaluation.test", false, Origin::Set)?;
    let config = layers.resolve()?;
    check_held_out(images.valid.len())?;
    check_each(&settings, &layers, &found)?;
    let rungs = match chosen.method {
        Method::Halving => {
            let (epochs, images) = (config.training.epochs, images.train.len());
            rungs(settings.len(), chosen.eta, epochs, images)
        }
        Method::Grid | Method::Random => one_rung(settings.len()),
    };
    let record = SweepRecord {
        version: env!("CARGO_PKG_VERSION").into(),
        method: chosen.method,
        seed: config.seed,
        eta: (chosen.method == Method::Halving).then_some(chosen.eta),
        dataset: images.set.name.clone(),
        set: images.set.clone(),
        over: axes,
        trials: trials(settings, rungs.iter().map(|rung| rung.trials).sum()),
        rungs,
        best: None,
    };
    let folder = RunFolder::create(out, &images.set.name, "sweep")?;
    // The plan comes last: a folder without it is no sweep.
    folder.write(BASE, layers.to_toml().as_bytes())?;
    folder.write_json(SWEEP, &record)?;
    Ok((folder.path().into(), record))
}

/// A method, and what it needs to know.
struct Chosen {
    method: Method,
    trials: Option<usize>,
    eta: usize,
}

impl Chosen {
    fn new(
        axes: &[Axis],
        method: Option<Method>,
        trials: Option<usize>,
        eta: Option<usize>,
    ) -> Result<Self, UsageError> {
        let method = method.unwrap_or_else(|| match (trials, space::grid(axes)) {
            (None, Some(_)) => Method::Grid,
            _ => Method::Random,
        });
        if method == Method::Grid && trials.is_some() {
            return Err(UsageError(
                "--trials: a grid has every combination; leave it out, or take --method random"
                    .into(),
            ));
        }
        if method != Method::Halving && eta.is_some() {
            return Err(UsageError(
                "--eta: only --method halving has it; leave it out, or take that".into(),
            ));
        }
        Ok(Self {
            method,
            trials,
            eta: eta.unwrap_or(3),
        })
    }

    fn settings(&self, axes: &[Axis], seed: u64) -> Result<Vec<Settings>, UsageError> {
        let grid = || space::grid(axes);
        let drawn = |trials| space::random(axes, trials, seed);
        let found = match (self.method, self.trials) {
            (Method::Grid, _) => grid().ok_or_else(|| {
                let open = axes.iter().find(|axis| space::grid(&[(*axis).clone()]).is_none());
                let key = open.map_or("", |axis| axis.key.as_str());
                UsageError(format!(
                    "--over {key}: a grid needs points; add their number to the range, such as :5, or take --method random"
                ))
            })?,
            (Method::Random | Method::Halving, Some(trials)) => drawn(trials),
            (Method::Halving, None) => grid().unwrap_or_else(|| drawn(27)),
            (Method::Random, None) => drawn(TRIALS),
        };
        let least = if self.method == Method::Halving { 2 } else { 1 };
        match (found.len(), self.trials) {
            (count, _) if count > MOST_TRIALS => Err(UsageError(format!(
                "the grid has more than {MOST_TRIALS} trials; take fewer values, or --method random with --trials"
            ))),
            (count, _) if count < least => Err(UsageError(
                "halving needs two trials at least; give an axis more values".into(),
            )),
            (count, Some(trials)) if count < trials => Err(UsageError(format!(
                "--trials {trials}: there are only {count} combinations; ask for at most {count}, or for all of them with --method grid and no --trials"
            ))),
            _ => Ok(found),
        }
    }
}

fn check_axes(axes: &[Axis]) -> Result<(), UsageError> {
    if axes.is_empty() {
        return Err(UsageError(
            "nothing to vary: name a setting and its values with --over, such as --over training.learning_rate=1e-3..3e-2:log, or in a file under [over]".into(),
        ));
    }
    for (place, axis) in axes.iter().enumerate() {
        let key = &axis.key;
        if axes[..place].iter().any(|before| before.key == *key) {
            return Err(UsageError(format!(
                "--over {key}: it is given twice; name all its values in one"
            )));
        }
        if let Some((_, reason)) = FIXED
            .iter()
            .find(|(fixed, _)| fixed.contains(&key.as_str()))
        {
            return Err(UsageError(format!("--over {key}: {reason}")));
        }
        if key.starts_with("bench.") {
            return Err(UsageError(format!(
                "--over {key}: no training reads that; vary another setting"
            )));
        }
    }
    Ok(())
}

fn check_shared_out(axes: &[Axis]) -> Result<(), UsageError> {
    match axes
        .iter()
        .find(|axis| SHARED_OUT.contains(&axis.key.as_str()))
    {
        Some(axis) => Err(UsageError(format!(
            "--over {}: halving shares that out itself; leave it out, or take --method grid or random",
            axis.key
        ))),
        None => Ok(()),
    }
}

/// Refuses a sweep without images to choose the best trial by.
fn check_held_out(images: usize) -> Result<(), UsageError> {
    match images {
        0 => Err(UsageError(
            "data.validation_size = 0: the best trial is chosen on validation images, and there are none; leave it out, or give a number of them".into(),
        )),
        _ => Ok(()),
    }
}

/// Refuses settings that there are not, and values that they cannot have, before the images are looked for: that may
/// download them. Whether a trial suits the images, and the other settings, is [`check_each`]'s to say.
fn check_values(settings: &[Settings]) -> anyhow::Result<()> {
    // Some values are refused only because of another setting, which may follow the images: here none is.
    let mut suits = Layers::default();
    suits.set("model.layers", "plain", Origin::Data)?;
    suits.set("training.epochs", 1_000_000_i64, Origin::Data)?;
    suits.set("training.patience", 1_i64, Origin::Data)?;
    each(settings, |settings| {
        let mut layers = suits.clone();
        space::apply(settings, &mut layers)?;
        layers.resolve()?;
        Ok(())
    })
}

/// Has every trial's settings resolved, and its network fit the images, before the first one trains.
fn check_each(settings: &[Settings], layers: &Layers, found: &Found) -> anyhow::Result<()> {
    each(settings, |settings| {
        let mut layers = layers.clone();
        space::apply(settings, &mut layers)?;
        fit(&found.set, found.is_idx, &mut layers)?;
        TrainingImages::check(&found.set, &layers.resolve()?, &layers)?;
        Ok(())
    })
}

/// Names the trial that `check` refuses.
fn each(
    settings: &[Settings],
    check: impl Fn(&Settings) -> anyhow::Result<()>,
) -> anyhow::Result<()> {
    for (trial, settings) in settings.iter().enumerate() {
        check(settings).map_err(|error| {
            let found = space::assignments(settings).join(", ");
            error.context(format!("trial {trial} ({found})"))
        })?;
    }
    Ok(())
}

/// All trials of all rungs; those of the first have settings.
fn trials(settings: Vec<Settings>, count: usize) -> Vec<Trial> {
    let digits = count.saturating_sub(1).to_string().len();
    let settings = settings
        .into_iter()
        .map(Some)
        .chain(std::iter::repeat(None));
    let numbered = settings.take(count).enumerate();
    let trial = |(trial, settings)| Trial {
        trial,
        run: format!("trial-{trial:0digits$}"),
        settings,
        repeats: None,
        outcome: Outcome::Waiting,
    };
    numbered.map(trial).collect()
}
