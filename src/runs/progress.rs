//! Watches training: a bar on a terminal and one plain line an epoch on stderr, the records of
//! the run folder, its checkpoints.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::folder::{METRICS, RunFolder, RunFolderError};
use super::keeper::Keeper;
use super::metrics::{MetricsWriter, StepRecord};
use super::tensorboard::EventWriter;
use super::training_images::TrainingImages;
use crate::evaluation::Evaluation;
use crate::evaluation::test_split::Answers;
use crate::terminal::bars::Shown;
use crate::terminal::percent;
use crate::training::history::EpochRecord;
use crate::training::state::{Best, Snapshot};
use crate::training::{Observer, Progress};
use crate::wording::loss_text;

/// How a person follows a training, and ends it.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Raised by Ctrl-C.
    pub interrupted: Arc<AtomicBool>,
    /// No bar.
    pub quiet: bool,
    /// The place of one of several runs, of which one line in all is wanted.
    pub place: Option<Place>,
    /// What is written at its end.
    pub reports: Reports,
}

/// What writes the reports of a run into its folder.
#[derive(Clone, Copy, Debug)]
pub struct Reports {
    /// Keeps the worst test images, which only those who hold the test split can draw.
    pub worst: fn(&RunFolder, &Answers, &TrainingImages) -> Result<(), RunFolderError>,
    /// Writes the pages of a run that has ended.
    pub page: fn(&Path),
}

/// Which of several runs it is.
#[derive(Clone, Copy, Debug)]
pub struct Place {
    /// Its seed.
    pub seed: u64,
    /// From 0.
    pub before: usize,
    /// How many there are.
    pub of: usize,
}

/// Shows training to a person and writes its records to the run folder.
pub struct TrainingProgress {
    start: Instant,
    bar: Option<Shown>,
    watch: Watch,
    keeper: Keeper,
    metrics: MetricsWriter,
    events: Option<EventWriter>,
    epochs: usize,
    epochs_shown: usize,
    /// Accuracy and loss of the best epoch on the validation split so far.
    best: Option<(f64, f64)>,
    images: usize,
    /// Steps done before this process began.
    first: usize,
    /// Whether it was said that a record could not be written.
    said: bool,
}

impl TrainingProgress {
    /// Watches a run that stands after `step` steps.
    pub fn new(
        keeper: Keeper,
        metrics: MetricsWriter,
        events: Option<EventWriter>,
        step: usize,
        epochs: usize,
        watch: Watch,
    ) -> Self {
        let bar = (!watch.quiet).then(|| Shown::bar("training")).flatten();
        Self {
            start: Instant::now(),
            bar,
            best: None,
            epochs_shown: 0,
            first: step,
            watch,
            keeper,
            metrics,
            events,
            epochs,
            images: 0,
            said: false,
        }
    }

    /// Notes the best epoch of a run that goes on.
    pub fn begin_with(&mut self, best: Option<&Best>) {
        self.best = best.map(|best| (best.accuracy, best.loss));
    }

    /// Writes to the event file, if there is one.
    fn events(&mut self, write: impl FnOnce(&mut EventWriter) -> std::io::Result<()>) {
        if let Some(events) = &mut self.events
            && let Err(error) = write(events)
        {
            tracing::warn!("{}: {error}", events.path().display());
        }
    }

    fn step_record(&mut self, written: std::io::Result<Option<StepRecord>>) {
        let record = match written {
            Ok(Some(record)) => record,
            Ok(None) => return,
            Err(error) => return self.no_record(&error),
        };
        let scalars = [
            ("loss/train", record.loss),
            ("accuracy/train", record.accuracy),
            ("learning_rate", record.learning_rate),
        ];
        self.events(|events| events.scalars(record.step, &scalars));
    }
}

impl TrainingProgress {
    /// Whether the epoch is better on the validation split than those before, as the weights that
    /// are kept are chosen.
    fn is_best(&mut self, record: &EpochRecord) -> bool {
        let Some((accuracy, loss)) = record.valid_accuracy.zip(record.valid_loss) else {
            return false;
        };
        let better = Best::improves(self.best, accuracy, loss);
        if better {
            self.best = Some((accuracy, loss));
        }
        better
    }

    /// Training goes on without records that cannot be written, and says so once.
    fn no_record(&mut self, error: &std::io::Error) {
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(
                "{METRICS}: a record could not be written: {error}; training goes on without it"
            );
        }
    }
}

impl Observer for TrainingProgress {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn interrupted(&self) -> bool {
        self.watch.interrupted.load(Ordering::SeqCst)
    }

    fn on_progress(&mut self, progress: &Progress) {
        self.images += progress.images;
        let written = self.metrics.progress(progress);
        self.step_record(written);
        let Some(bar) = &self.bar else { return };
        let (before, of) = self
            .watch
            .place
            .map_or((0, 1), |place| (place.before, place.of));
        bar.set(
            before * progress.steps + progress.step,
            of * progress.steps,
            before * progress.steps + self.first,
        );
        let rate = self.images as f64 / self.start.elapsed().as_secs_f64().max(1e-9);
        let run = self.watch.place.map_or_else(String::new, |place| {
            format!(
                "seed {} ({} of {}), ",
                place.seed,
                place.before + 1,
                place.of
            )
        });
        bar.say(format!(
            "{run}epoch {}/{}, loss {}, {}, {rate:.0} images/s",
            progress.epoch,
            self.epochs,
            loss_text(progress.loss),
            percent(Some(progress.accuracy)),
        ));
    }

    fn on_epoch(&mut self, record: &EpochRecord, validation: Option<&Evaluation>) {
        let written = self.metrics.flush();
        self.step_record(written);
        if let Err(error) = self.metrics.epoch(record) {
            self.no_record(&error);
        }
        if let Some(found) = validation {
            self.events(|events| {
                let scalars = [
                    ("loss/validation", found.loss),
                    ("accuracy/validation", found.accuracy),
                ];
                events.scalars(record.step, &scalars)?;
                events.confusion(record.step, "confusion/validation", &found.confusion)
            });
        }
        let best = self.is_best(record);
        let lines = epoch_lines(record, self.epochs, best, self.epochs_shown == 0);
        self.epochs_shown += 1;
        for line in lines {
            match self.watch.place {
                Some(_) => tracing::debug!("{line}"),
                None => tracing::info!("{line}"),
            }
        }
    }

    fn on_trained(&mut self) {
        self.bar = None;
    }

    fn on_evaluation(&mut self, step: usize, evaluation: &Evaluation) {
        self.events(|events| {
            let Evaluation { loss, accuracy, .. } = *evaluation;
            let scalars = match &evaluation.test_time_augmentation {
                None => vec![("loss/test", loss), ("accuracy/test", accuracy)],
                Some(found) => vec![
                    ("loss/test", found.without.loss),
                    ("accuracy/test", found.without.accuracy),
                    ("loss/test with test-time augmentation", loss),
                    ("accuracy/test with test-time augmentation", accuracy),
                ],
            };
            events.scalars(step, &scalars)?;
            events.confusion(step, "confusion/test", &evaluation.confusion)
        });
    }

    /// A record that sums up steps on both sides of a checkpoint could not be made again.
    fn on_checkpoint(&mut self, snapshot: &Snapshot) {
        let step = snapshot.position.step;
        let _span = tracing::debug_span!("checkpoint", step).entered();
        let written = self.metrics.flush();
        self.step_record(written);
        if let Err(error) = self.keeper.keep(snapshot) {
            tracing::warn!("no checkpoint at step {step}: {error}");
        }
    }
}

/// An epoch as a row below titles that fit 80 columns after the log's level.
fn epoch_lines(record: &EpochRecord, epochs: usize, best: bool, titles: bool) -> Vec<String> {
    let digits = epochs.to_string().len();
    let place = format!("{:>digits$}/{epochs}", record.epoch);
    let width = place.len().max("epoch".len());
    let validated = record.valid_loss.zip(record.valid_accuracy);
    let mut lines = Vec::new();
    if titles {
        let validation = match validated {
            Some(_) => "  validation  accuracy",
            None => "",
        };
        lines.push(format!(
            "{:>width$}  train loss  accuracy{validation}   seconds",
            "epoch"
        ));
    }
    let validation = validated.map_or_else(String::new, |(loss, accuracy)| {
        format!("  {:>10}  {:>8}", loss_text(loss), percent(Some(accuracy)))
    });
    lines.push(format!(
        "{place:>width$}  {:>10}  {:>8}{validation}  {:>8.1}{}",
        loss_text(record.train_loss),
        percent(Some(record.train_accuracy)),
        record.seconds,
        if best { "  best" } else { "" }
    ));
    lines
}
