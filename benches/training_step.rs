//! The whole training step, fused against Burn's own operations, on the CPU and on an adapter, through the loop that `train` runs.
//! `cargo bench --bench training_step`; README.md beside this file says how to read it.

mod support;

use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput, criterion_group, criterion_main};
use gpu_mnist::data::batches::{DeviceSplit, Normalisation};
use gpu_mnist::data::synthetic;
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::Evaluation;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::training::history::EpochRecord;
use gpu_mnist::training::state::Snapshot;
use gpu_mnist::training::{self, Observer, Progress};

use support::{devices, settings};

/// Steps of one measurement; their median leaves the first one out, which compiles and warms up.
const STEPS: usize = 20;

fn training_step(criterion: &mut Criterion) {
    for (name, device) in devices() {
        let mut group = criterion.benchmark_group(format!("training_step/{name}"));
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size(10)
            .throughput(Throughput::Elements(256));
        for kernels in Kernels::ALL {
            let device = device.clone().with_kernels(kernels);
            run(&device);
            group.bench_function(format!("{kernels:?}").to_lowercase(), |bencher| {
                bencher.iter_custom(|count| (0..count).map(|_| run(&device)).sum::<Duration>());
            });
        }
        group.finish();
    }
}

/// The median time of a step.
fn run(device: &Device) -> Duration {
    let config = settings();
    let images = synthetic::draw(1, 0, STEPS * config.training.batch_size);
    let normalisation = Normalisation::measure(&images);
    let train = DeviceSplit::upload(&images, normalisation, device);
    let none = DeviceSplit::upload(&images.first(0), normalisation, device);
    let trained = pollster::block_on(training::train(
        Snapshot::initial(&synthetic::network(&config.model), config.seed),
        &train,
        &none,
        &config,
        device,
        &mut Clock(std::time::Instant::now()),
    ))
    .expect("training");
    Duration::from_secs_f64(trained.history.step_ms.median / 1e3)
}

struct Clock(std::time::Instant);

impl Observer for Clock {
    fn now(&self) -> Duration {
        self.0.elapsed()
    }

    fn interrupted(&self) -> bool {
        false
    }

    fn on_progress(&mut self, _: &Progress) {}

    fn on_epoch(&mut self, _: &EpochRecord, _: Option<&Evaluation>) {}
}

criterion_group!(benches, training_step);
criterion_main!(benches);
