//! A training through the library: settings, images, device, training, evaluation. No run is kept.
//!
//! `cargo run --release --example train`

use std::time::{Duration, Instant};

use gpu_mnist::config::Layers;
use gpu_mnist::data::find;
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::Evaluation;
use gpu_mnist::runs::train::{Keep, TrainingRun, train};
use gpu_mnist::runs::training_images::TrainingImages;
use gpu_mnist::training::history::EpochRecord;
use gpu_mnist::training::{Observer, Progress};

/// Tells the time, and prints each epoch.
struct Watch(Instant);

impl Observer for Watch {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn interrupted(&self) -> bool {
        false
    }

    fn on_progress(&mut self, _: &Progress) {}

    fn on_epoch(&mut self, record: &EpochRecord, _: Option<&Evaluation>) {
        println!("epoch {}: loss {:.4}", record.epoch, record.train_loss);
    }
}

/// Keeps nothing.
struct Nothing;

impl Keep for Nothing {
    type Error = anyhow::Error;
}

fn main() -> anyhow::Result<()> {
    let mut layers = Layers::default();
    layers.assign("data.set=synthetic")?;
    layers.assign("training.epochs=2")?;
    let config = layers.resolve()?;
    let set = find::load(&config.data, config.seed)?;
    let images = TrainingImages::divide(&set, &config, &layers)?;

    let run = TrainingRun::new(layers, config, Device::cpu(), images);
    let record = run.record("example".into(), "now".into());
    let mut watch = Watch(Instant::now());
    let mut keep = Nothing;
    let training = train(&run, run.initial(), record, &mut watch, &mut keep);
    let finished = pollster::block_on(training)?;
    let evaluation = finished.record.evaluation.expect("evaluated");
    println!("{:.2} % of the test images", 100.0 * evaluation.accuracy);
    Ok(())
}
