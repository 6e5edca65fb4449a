//! Progress on stderr: a bar on a terminal, one plain line an epoch elsewhere.

use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressStyle};

use crate::report::text::percent;
use crate::run_folder::RunFolder;
use crate::training::history::EpochRecord;
use crate::training::{Observer, Progress};

/// Shows training to a person and writes its records to the run folder.
pub struct TrainingProgress {
    start: Instant,
    bar: Option<ProgressBar>,
    interrupted: Arc<AtomicBool>,
    folder: RunFolder,
    epochs: usize,
    images: usize,
}

impl TrainingProgress {
    pub fn new(
        folder: RunFolder,
        epochs: usize,
        interrupted: Arc<AtomicBool>,
        quiet: bool,
    ) -> Self {
        let bar = (!quiet && std::io::stderr().is_terminal())
            .then(|| bar("{bar:24} {pos}/{len}  {msg}  {eta} left"));
        Self {
            start: Instant::now(),
            bar,
            interrupted,
            folder,
            epochs,
            images: 0,
        }
    }

    /// Takes the bar off the terminal.
    pub fn finish(&self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

impl Observer for TrainingProgress {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn interrupted(&self) -> bool {
        self.interrupted.load(Ordering::SeqCst)
    }

    fn on_progress(&mut self, progress: &Progress) {
        self.images += progress.images;
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

    fn on_epoch(&mut self, record: &EpochRecord) {
        let validation = match (record.valid_loss, record.valid_accuracy) {
            (Some(loss), Some(accuracy)) => {
                format!(
                    ", validation loss {loss:.4} accuracy {}",
                    percent(Some(accuracy))
                )
            }
            _ => String::new(),
        };
        let line = || {
            tracing::info!(
                "epoch {}/{}: training loss {:.4} accuracy {}{validation}, {:.1} s",
                record.epoch,
                self.epochs,
                record.train_loss,
                percent(Some(record.train_accuracy)),
                record.seconds
            );
        };
        match &self.bar {
            Some(bar) => bar.suspend(line),
            None => line(),
        }
        if let Err(error) = self.folder.append_metrics(record) {
            tracing::warn!("{error}");
        }
    }
}

/// A bar on stderr of this template.
pub fn bar(template: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(1).with_style(style)
}
