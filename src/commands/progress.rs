//! Watches training: a bar on a terminal or one plain line an epoch on stderr, the records of
//! the run folder, its checkpoints.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use super::keeper::Keeper;
use crate::evaluation::Evaluation;
use crate::metrics::{MetricsWriter, StepRecord};
use crate::report::text::percent;
use crate::run_folder::METRICS;
use crate::tensorboard::EventWriter;
use crate::training::history::EpochRecord;
use crate::training::state::Snapshot;
use crate::training::{Observer, Progress};

/// How a person follows a training, and ends it.
#[derive(Clone, Debug)]
pub struct Watch {
    /// Raised by Ctrl-C.
    pub interrupted: Arc<AtomicBool>,
    /// No bar.
    pub quiet: bool,
    /// One of several runs, of which one line in all is wanted.
    pub brief: bool,
}

/// Shows training to a person and writes its records to the run folder.
pub struct TrainingProgress {
    start: Instant,
    bar: Option<ProgressBar>,
    watch: Watch,
    keeper: Keeper,
    metrics: MetricsWriter,
    events: Option<EventWriter>,
    epochs: usize,
    images: usize,
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
        let bar = (!watch.quiet && std::io::stderr().is_terminal())
            .then(|| bar("{bar:24} {pos}/{len}  {msg}  {eta} left"));
        if let Some(bar) = &bar {
            bar.set_position(step as u64);
            bar.reset_eta();
        }
        Self {
            start: Instant::now(),
            bar,
            watch,
            keeper,
            metrics,
            events,
            epochs,
            images: 0,
            said: false,
        }
    }

    /// Takes the bar off the terminal.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }

    /// Notes the evaluation of the run after its last step.
    pub fn on_evaluation(&mut self, step: usize, evaluation: &Evaluation) {
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
    /// Training goes on without records that cannot be written, and says so once.
    fn no_record(&mut self, error: &std::io::Error) {
        if !std::mem::replace(&mut self.said, true) {
            tracing::warn!(
                "{METRICS}: a record could not be written: {error}; training goes on without those that cannot"
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
        bar.set_length(progress.steps as u64);
        bar.set_position(progress.step as u64);
        let rate = self.images as f64 / self.start.elapsed().as_secs_f64().max(1e-9);
        bar.set_message(format!(
            "epoch {}/{}  loss {:.4}  accuracy {}  {rate:.0} images/s",
            progress.epoch,
            self.epochs,
            progress.loss,
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
        let validation = match (record.valid_loss, record.valid_accuracy) {
            (Some(loss), Some(accuracy)) => {
                format!(
                    ", validation loss {loss:.4} accuracy {}",
                    percent(Some(accuracy))
                )
            }
            _ => String::new(),
        };
        let text = format!(
            "epoch {}/{}: training loss {:.4} accuracy {}{validation}, {:.1} s",
            record.epoch,
            self.epochs,
            record.train_loss,
            percent(Some(record.train_accuracy)),
            record.seconds
        );
        let line = || match self.watch.brief {
            true => tracing::debug!("{text}"),
            false => tracing::info!("{text}"),
        };
        match &self.bar {
            Some(bar) => bar.suspend(line),
            None => line(),
        }
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

/// A bar on stderr of this template.
pub fn bar(template: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(1).with_style(style)
}
