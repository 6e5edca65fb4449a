//! Each kernel at the reference network's shapes, fused against Burn's own operations, on the CPU and on an adapter.
//! `cargo bench --bench kernels`; README.md beside this file says how to read it.

mod support;

use std::time::{Duration, Instant};

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::activation::relu;
use burn::tensor::{Device as BurnDevice, Distribution, Tensor};
use criterion::measurement::WallTime;
use criterion::{BenchmarkGroup, Criterion, SamplingMode, criterion_group, criterion_main};
use gpu_mnist::data::augment::Augment;
use gpu_mnist::data::batches::{DeviceSplit, Normalisation, upload_indices};
use gpu_mnist::data::synthetic;
use gpu_mnist::data::synthetic::network;
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::evaluate;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::kernels::adam::FusedAdam;
use gpu_mnist::model::loss::Objective;
use gpu_mnist::model::{Model, initial_values};

use support::{devices, settings};

const BATCH: usize = 256;

fn kernels(criterion: &mut Criterion) {
    for (name, device) in devices() {
        let mut group = criterion.benchmark_group(&name);
        group
            .sampling_mode(SamplingMode::Flat)
            .sample_size(10)
            .warm_up_time(Duration::from_millis(500))
            .measurement_time(Duration::from_secs(2));
        convolution(&mut group, &device, "conv1", [28, 1, 24, 5]);
        convolution(&mut group, &device, "conv2", [12, 24, 32, 3]);
        for shape in [
            [256, 28, 1, 16],
            [256, 28, 8, 8],
            [256, 14, 16, 16],
            [128, 14, 48, 48],
            [128, 7, 96, 96],
        ] {
            padded_convolution(&mut group, &device, shape);
        }
        for (side, channels) in [(28, 8), (12, 32), (5, 64)] {
            batch_norm(&mut group, &device, [BATCH, side, side, channels]);
        }
        for (side, channels) in [(3, 96), (7, 96)] {
            average(&mut group, &device, [BATCH, side, side, channels]);
        }
        linear(&mut group, &device, "fc1", [800, 256], true);
        linear(&mut group, &device, "fc2", [256, 10], false);
        batches(&mut group, &device);
        loss(&mut group, &device);
        optimizer(&mut group, &device);
        updates(&mut group, &device, [800, 256]);
        confusion(&mut group, &device);
        group.finish();
    }
}

/// The device with our kernels, and with Burn's own operations.
fn both(device: &Device) -> [Device; 2] {
    Kernels::ALL.map(|kernels| device.clone().with_kernels(kernels))
}

/// Times `work`, queued as often as criterion asks and then waited for.
fn time(
    group: &mut BenchmarkGroup<'_, WallTime>,
    device: &Device,
    name: &str,
    mut work: impl FnMut(),
) {
    group.bench_function(format!("{name}/{}", device.kernels()), |bencher| {
        bencher.iter_custom(|count| {
            device.burn().sync().expect("the device answers");
            let start = Instant::now();
            for _ in 0..count {
                work();
            }
            device.burn().sync().expect("the device answers");
            start.elapsed()
        });
    });
}

fn random<const D: usize>(dims: [usize; D], device: &BurnDevice) -> Tensor<D> {
    Tensor::random(dims, Distribution::Normal(0.0, 1.0), device)
}

fn convolution(
    group: &mut BenchmarkGroup<'_, WallTime>,
    device: &Device,
    name: &str,
    [side, inputs, outputs, kernel]: [usize; 4],
) {
    let burn = device.burn();
    // As in training: the images need no gradient, the activations of the first layer do.
    let image = random([BATCH, side, side, inputs], burn).autodiff();
    let image = match inputs {
        1 => image,
        _ => image.require_grad(),
    };
    let weight = random([outputs, inputs, kernel, kernel], burn).autodiff();
    let (weight, bias) = (
        weight.require_grad(),
        random([outputs], burn).autodiff().require_grad(),
    );
    for device in &both(device) {
        let kernels = device.kernels();
        let forward = || {
            let (x, w, b) = (image.clone(), weight.clone(), bias.clone());
            kernels.convolve_pool_relu(x, w, Some(b), 0, true)
        };
        time(group, device, &format!("{name} forward"), || {
            forward();
        });
        time(
            group,
            device,
            &format!("{name} forward and backward"),
            || {
                forward().sum().backward();
            },
        );
    }
}

/// 3x3, stride 1, padding 1, with bias and ReLU, as in networks of many such layers.
fn padded_convolution(
    group: &mut BenchmarkGroup<'_, WallTime>,
    device: &Device,
    [batch, side, inputs, outputs]: [usize; 4],
) {
    let burn = device.burn();
    let image = random([batch, side, side, inputs], burn).autodiff();
    let image = match inputs {
        1 => image,
        _ => image.require_grad(),
    };
    let weight = random([outputs, inputs, 3, 3], burn).autodiff();
    let (weight, bias) = (
        weight.require_grad(),
        random([outputs], burn).autodiff().require_grad(),
    );
    let name = format!("convolve {batch}x{side}x{side}x{inputs} to {outputs}");
    for device in &both(device) {
        let kernels = device.kernels();
        let convolve = |x, w, b| kernels.convolve(x, w, Some(b), 1, 1, true);
        // Without gradients: a graph that nobody walks back keeps its outputs, and new pages are what is timed.
        let plain = (
            image.clone().inner(),
            weight.clone().inner(),
            bias.clone().inner(),
        );
        time(group, device, &format!("{name} forward"), || {
            let (x, w, b) = plain.clone();
            convolve(x, w, b);
        });
        let both = format!("{name} forward and backward");
        time(group, device, &both, || {
            let (x, w, b) = (image.clone(), weight.clone(), bias.clone());
            convolve(x, w, b).sum().backward();
        });
    }
}

fn batch_norm(group: &mut BenchmarkGroup<'_, WallTime>, device: &Device, shape: [usize; 4]) {
    let burn = device.burn();
    let [_, side, _, channels] = shape;
    let input = random(shape, burn).autodiff().require_grad();
    let scale = random([channels], burn).autodiff().require_grad();
    let shift = random([channels], burn).autodiff().require_grad();
    let name = format!("batch_norm {side}x{side}x{channels}");
    for device in &both(device) {
        let kernels = device.kernels();
        let forward = || {
            let (x, w, b) = (input.clone(), scale.clone(), shift.clone());
            kernels.batch_norm_relu(x, w, b, None, 1e-5, true).0
        };
        // Sum and its gradient, as large as the output, are Burn's and are in the figure.
        time(
            group,
            device,
            &format!("{name} forward and backward"),
            || {
                forward().sum().backward();
            },
        );
    }
}

fn average(group: &mut BenchmarkGroup<'_, WallTime>, device: &Device, shape: [usize; 4]) {
    let [_, side, _, channels] = shape;
    let input = random(shape, device.burn()).autodiff().require_grad();
    let name = format!("average_pool {side}x{side}x{channels} forward and backward");
    for device in &both(device) {
        let kernels = device.kernels();
        time(group, device, &name, || {
            let output = kernels.average_pool(input.clone());
            output.sum().backward();
        });
    }
}

fn linear(
    group: &mut BenchmarkGroup<'_, WallTime>,
    device: &Device,
    name: &str,
    [inputs, outputs]: [usize; 2],
    rectify: bool,
) {
    let burn = device.burn();
    // Half of the activations behind a ReLU are zero.
    let input = relu(random([BATCH, inputs], burn))
        .autodiff()
        .require_grad();
    let weight = random([inputs, outputs], burn).autodiff().require_grad();
    let bias = random([outputs], burn).autodiff().require_grad();
    for device in &both(device) {
        let kernels = device.kernels();
        let forward = || {
            let (x, w, b) = (input.clone(), weight.clone(), bias.clone());
            kernels.linear_relu(x, w, b, rectify)
        };
        time(group, device, &format!("{name} forward"), || {
            forward();
        });
        time(
            group,
            device,
            &format!("{name} forward and backward"),
            || {
                forward().sum().backward();
            },
        );
    }
}

fn batches(group: &mut BenchmarkGroup<'_, WallTime>, device: &Device) {
    let split = synthetic::draw(1, 0, 4096);
    let numbers: Vec<i32> = (0..BATCH as i32).map(|index| index * 7 % 4096).collect();
    let indices = upload_indices(&numbers, device);
    for device in &both(device) {
        let images = DeviceSplit::upload(&split, Normalisation::measure(&split), device);
        time(group, device, "gather_batch", || {
            images.gather(indices.clone());
        });
        for (name, elastic) in [("augment_batch", 4.0), ("augment_batch, affine", 0.0)] {
            let mut config = settings();
            config.augment.rotation = 15.0;
            config.augment.shift = 2.0;
            config.augment.elastic = elastic;
            let augment = Augment::in_epoch(&config, 1, 2).expect("distorted images");
            time(group, device, name, || {
                images.gather_augmented(indices.clone(), &numbers, &augment);
            });
        }
    }
}

fn loss(group: &mut BenchmarkGroup<'_, WallTime>, device: &Device) {
    let logits = random([BATCH, 10], device.burn()).autodiff().require_grad();
    let labels: Vec<i32> = (0..BATCH as i32).map(|index| index % 10).collect();
    let labels = upload_indices(&labels, device);
    for device in &both(device) {
        let objective = Objective::plain(device);
        time(group, device, "softmax_cross_entropy", || {
            objective
                .of(logits.clone(), labels.clone())
                .differentiable
                .backward();
        });
    }
}

fn optimizer(group: &mut BenchmarkGroup<'_, WallTime>, device: &Device) {
    let config = settings();
    let values = initial_values(&network(&config.model), 0);
    for device in &both(device) {
        let mut optimizer = match device.kernels() {
            Kernels::Fused => ModuleOptimizer::from(FusedAdam {
                beta1: 0.9,
                beta2: 0.999,
                epsilon: 1e-8,
                weight_decay: 0.0,
            }),
            Kernels::Burn => AdamConfig::new().init(),
        };
        let mut model = Some(Model::trainable(
            &network(&config.model),
            values.clone(),
            device,
        ));
        time(group, device, "adam", || {
            let current = model.take().expect("put back below");
            let mut gradients = GradientsParams::new();
            current.visit(&mut Itself(&mut gradients));
            model = Some(optimizer.step(1e-3, current, gradients));
        });
    }
}

/// What updates of a weight of these sides are made of, beside Adam.
fn updates(group: &mut BenchmarkGroup<'_, WallTime>, device: &Device, sides: [usize; 2]) {
    let matrix: Tensor<2> = random(sides, device.burn());
    let half = Tensor::<1>::full([1], 0.5, device.burn());
    for device in &both(device) {
        let kernels = device.kernels();
        time(group, device, "orthogonal", || {
            kernels.orthogonal(matrix.clone());
        });
        time(group, device, "sum_squares", || {
            kernels.sum_squares(matrix.clone());
        });
        let mut velocity = Some(matrix.zeros_like());
        time(group, device, "blend", || {
            let target = velocity.take().expect("put back below");
            velocity = Some(kernels.blend(target, matrix.clone(), [0.9, 1.0]));
        });
        let mut scaled = Some(matrix.zeros_like());
        time(group, device, "scale", || {
            let numbers = scaled.take().expect("put back below");
            scaled = Some(kernels.scale(numbers, half.clone()));
        });
    }
}

/// The parameter itself as its gradient.
struct Itself<'a>(&'a mut GradientsParams);

impl ModuleVisitor for Itself<'_> {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        self.0.register(parameter.id, parameter.val().inner());
    }
}

fn confusion(group: &mut BenchmarkGroup<'_, WallTime>, device: &Device) {
    let config = settings();
    let split = synthetic::draw(1, 1, 1000);
    let values = initial_values(&network(&config.model), 0);
    for device in &both(device) {
        let images = DeviceSplit::upload(&split, Normalisation::measure(&split), device);
        let model = Model::from_values(&network(&config.model), values.clone(), device);
        time(group, device, "evaluation of 1000 images", || {
            pollster::block_on(evaluate(&model, &images, &config, device)).expect("an evaluation");
        });
    }
}

criterion_group!(benches, kernels);
criterion_main!(benches);
