//! The last lines of `train`: what was reached, on what, where the report is, what to do next.

use std::fmt::Write;

use super::files::REPORT;
use super::look::{Look, Mark};
use super::seeds::thousandths;
use super::text::{percent, wrapped};
use crate::device::DeviceInfo;
use crate::evaluation::Evaluation;
use crate::evaluation::divergence::lost;
use crate::runs::record::RunRecord;
use crate::runs::seeds_record::{SeedRun, SeedsRecord};
use crate::terminal::quoted;
use crate::wording::{count, sentence};

/// What to do about a training that has led nowhere, at a terminal.
pub const LEARNING_RATE: &str = "train for more epochs, or at another learning rate: `gpu-mnist lr-find`, with the same --dataset and --config, suggests one";

/// The end of a training as text; `newest`: whether commands take this run where none is named.
pub fn closing(record: &RunRecord, evaluation: &Evaluation, newest: bool, look: &Look) -> String {
    let mut text = String::new();
    if look.details {
        let _ = writeln!(text, "{}\n", timings(record));
    }
    let manner = (evaluation.manner()).map_or_else(String::new, |manner| format!(" by {manner}"));
    let lost = lost(evaluation, LEARNING_RATE);
    let mark = match lost {
        Some(_) => Mark::Bad,
        None => Mark::Good,
    };
    let reached = format!(
        "{} on {}{manner}; {}, {:.1} s of training",
        look.mark(mark, &percent(Some(evaluation.accuracy))),
        data_set(&record.dataset),
        device(&record.device),
        record.history.train_seconds
    );
    let run = &record.run;
    let _ = writeln!(text, "{}", wrapped(&reached, look.width, "  "));
    if let Some(remark) = &lost {
        let _ = writeln!(text, "{}", wrapped(&sentence(remark), look.width, "  "));
    }
    let _ = writeln!(text, "Report  {run}/{REPORT}");
    let _ = match newest {
        true => writeln!(text, "Next    gpu-mnist predict IMAGE.png"),
        false => writeln!(
            text,
            "Next    gpu-mnist predict --run {} IMAGE.png",
            quoted(run)
        ),
    };
    text
}

/// The end of a training whose network is not evaluated on the test images.
pub fn not_evaluated(record: &RunRecord, look: &Look) -> String {
    let run = &record.run;
    let kept = (record.weights.as_ref()).map_or(0, |weights| weights.epoch);
    let epoch = (record.history.epochs.iter()).find(|epoch| epoch.epoch == kept);
    let validation = epoch.and_then(|epoch| epoch.valid_accuracy);
    let has_tests = record.images.is_none_or(|images| images.test > 0);
    let reached = match validation {
        Some(_) => format!("{} of the validation images of", percent(validation)),
        None => "trained, without validation, on".into(),
    };
    let left = match has_tests {
        true => "the test images were not looked at",
        false => "there are no images to test on",
    };
    let reached = format!(
        "{reached} {}; {}, {:.1} s of training; {left}",
        data_set(&record.dataset),
        device(&record.device),
        record.history.train_seconds
    );
    let next = match has_tests {
        true => format!("evaluate {}", quoted(run)),
        false => format!("predict --run {} IMAGE.png", quoted(run)),
    };
    format!(
        "{}\nReport  {run}/{REPORT}\nNext    gpu-mnist {next}\n",
        wrapped(&reached, look.width, "  "),
    )
}

/// The end of a training with several seeds.
pub fn of_several(record: &SeedsRecord, look: &Look) -> String {
    let mut text = String::new();
    let found = &record.statistics;
    if let (Some(accuracy), Some(seconds)) = (found.accuracy, found.train_seconds) {
        let manner = record.runs.iter().find_map(SeedRun::manner);
        let manner = manner.map_or_else(String::new, |manner| format!(" by {manner}"));
        let mut reached = format!(
            "{} on {}{manner}, the mean of {}",
            look.mark(Mark::Good, &thousandths(accuracy.mean)),
            data_set(&record.dataset),
            count(accuracy.count, "seed"),
        );
        if let Some(ensemble) = &record.ensemble {
            reached += &format!(", {} by their ensemble", percent(Some(ensemble.accuracy)));
        }
        reached += &format!(
            "; {}, {:.1} s of training each",
            device(&record.device),
            seconds.mean
        );
        let _ = writeln!(text, "{}", wrapped(&reached, look.width, "  "));
    }
    let folder = &record.folder;
    let _ = writeln!(text, "Runs    {folder}");
    let _ = writeln!(text, "Next    gpu-mnist report {}", quoted(folder));
    text
}

/// What the images are, in words.
fn data_set(name: &str) -> String {
    match name {
        "synthetic" => "the built-in digits, not MNIST".into(),
        name => name.into(),
    }
}

fn device(info: &DeviceInfo) -> String {
    match info.kind.as_str() {
        "cpu" => "CPU".into(),
        _ => format!("{} ({})", info.name, info.api),
    }
}

fn timings(record: &RunRecord) -> String {
    let history = &record.history;
    let times = &history.step_ms;
    let mut lines = vec![
        format!(
            "Training: {}, {:.0} images/s",
            count(history.steps, "step"),
            history.images_per_second,
        ),
        format!(
            "Step: {:.2} ms (median; p10 {:.2}, p90 {:.2}, the first {:.1}){}",
            times.median,
            times.p10,
            times.p90,
            times.first,
            if history.replayed { ", replayed" } else { "" }
        ),
        format!(
            "Network: {} parameters, {} kernels, seed {}; on {}",
            record.parameters, record.kernels, record.seed, record.device.name
        ),
    ];
    if let Some(weights) = &record.weights {
        let epochs = history.epochs.len();
        lines.push(format!(
            "Weights: those after epoch {} of {epochs}",
            weights.epoch
        ));
    }
    lines.join("\n")
}

/// Says where training made things worse than guessing, though every number is finite.
pub fn warn_of_divergence(record: &RunRecord) {
    let evaluation = record.evaluation.as_ref();
    if let Some(lost) = evaluation.and_then(|evaluation| lost(evaluation, LEARNING_RATE)) {
        tracing::warn!("{lost}");
    }
}
