//! Update rules, clipping, averaging and smoothing against Burn's own or plain arithmetic.

use burn::module::Module;
use burn::optim::decay::WeightDecayConfig;
use burn::optim::momentum::MomentumConfig;
use burn::optim::{AdamConfig, AdamWConfig, GradientsParams, ModuleOptimizer, SgdConfig};
use burn::tensor::{Int, Tensor, TensorData};
use gpu_mnist::config::Config;
use gpu_mnist::data::batches::{DeviceSplit, Normalisation, upload_indices};
use gpu_mnist::data::synthetic;
use gpu_mnist::data::synthetic::network;
use gpu_mnist::device::Device;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::model::loss::Objective;
use gpu_mnist::model::{Model, initial_values, values};
use gpu_mnist::training::optimizers::{Optimizer, Rate};

use crate::support::{adapter_or_skip, settings};

const SMALL: &[&str] =
    &["model.layers=[{convolution=4,kernel=5,pool=2},{convolution=8,kernel=3,pool=2},{linear=13}]"];
const RATE: f64 = 0.003;

fn config(more: &[&str]) -> Config {
    settings(&[SMALL, more].concat())
}

/// The model and the gradients of its loss on eight pictures, before any step.
fn gradients(model: &Model, step: usize, device: &Device) -> GradientsParams {
    let split = synthetic::draw(9, 0, 40);
    let pictures = DeviceSplit::upload(&split, Normalisation::measure(&split), device);
    let indices: Vec<i32> = (0..8).map(|index| (step * 8 + index) as i32).collect();
    let batch = pictures.gather(upload_indices(&indices, device));
    let logits = model.forward_eval(batch.images.autodiff());
    let loss = Objective::plain(device).of(logits, batch.labels);
    GradientsParams::from_grads(loss.differentiable.backward(), model)
}

fn fresh(config: &Config, device: &Device) -> Model {
    let values = initial_values(&network(&config.model), 3);
    Model::trainable(&network(&config.model), values, device)
}

/// The weights after `steps` steps of `update`.
fn weights(
    config: &Config,
    steps: usize,
    device: &Device,
    mut update: impl FnMut(Model, GradientsParams) -> Model,
) -> Vec<Vec<f32>> {
    let mut model = fresh(config, device);
    for step in 0..steps {
        let gradients = gradients(&model, step, device);
        model = update(model, gradients);
    }
    pollster::block_on(values(&model.valid(), device)).expect("read")
}

fn ours(config: &Config, rate: f64, steps: usize, device: &Device) -> Vec<Vec<f32>> {
    let shapes = network(&config.model).parameters();
    let states = vec![None; shapes.len()];
    let mut optimizer = Optimizer::new(&config.training, shapes, states, device);
    weights(config, steps, device, |model, gradients| {
        optimizer.step(Rate::new(rate, None), model, gradients)
    })
}

/// Largest difference of any number, in units of what five steps change at most.
fn compare(name: &str, found: &[Vec<f32>], expected: &[Vec<f32>]) {
    let mut compared = 0;
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            let difference = (found - expected).abs();
            assert!(difference <= 1e-5, "{name}: {found} is not {expected}");
            compared += 1;
        }
    }
    assert!(compared > 1000, "{name}: only {compared} compared");
}

fn rules_equal_burns(device: &Device) {
    let penalty = || Some(WeightDecayConfig::new(0.1));
    let momentum = |nesterov| MomentumConfig {
        momentum: 0.8,
        dampening: 0.0,
        nesterov,
    };
    let adam = AdamConfig::new()
        .with_beta_1(0.7)
        .with_beta_2(0.9)
        .with_epsilon(1e-8);
    let adamw = AdamWConfig::new()
        .with_beta_1(0.7)
        .with_beta_2(0.9)
        .with_epsilon(1e-8)
        .with_weight_decay(0.1);
    let sgd = SgdConfig::new();
    let cases: Vec<(&[&str], ModuleOptimizer)> = vec![
        (&["training.optimizer=adam"], adam.init()),
        (
            &["training.optimizer=adam", "training.weight_decay=0.1"],
            adam.with_weight_decay(penalty()).init(),
        ),
        (
            &["training.optimizer=adamw", "training.weight_decay=0.1"],
            adamw.init(),
        ),
        (
            &["training.optimizer=sgd", "training.momentum=0"],
            sgd.init(),
        ),
        (
            &[
                "training.optimizer=sgd",
                "training.momentum=0.8",
                "training.nesterov=false",
                "training.weight_decay=0.1",
            ],
            SgdConfig::new()
                .with_momentum(Some(momentum(false)))
                .with_weight_decay(penalty())
                .init(),
        ),
        (
            &["training.optimizer=sgd", "training.momentum=0.8"],
            SgdConfig::new().with_momentum(Some(momentum(true))).init(),
        ),
    ];
    let untouched = weights(&config(&[]), 0, device, |model, _| model);
    for (more, mut burns) in cases {
        let config = config(more);
        // Gradients are small here, and so are plain descent's steps.
        let rate = if more[0].ends_with("sgd") { 0.1 } else { RATE };
        let found = ours(&config, rate, 5, device);
        let expected = weights(&config, 5, device, |model, gradients| {
            burns.step(rate, model, gradients)
        });
        compare(&more.join(" "), &found, &expected);
        let moved = found[4]
            .iter()
            .zip(&untouched[4])
            .any(|(now, before)| (now - before).abs() > 1e-3);
        assert!(moved, "{more:?} changes nothing");
    }
}

#[test]
fn every_rule_equals_burns_own_on_the_cpu() {
    rules_equal_burns(&Device::cpu());
    rules_equal_burns(&Device::cpu().with_kernels(Kernels::Burn));
}

#[test]
fn every_rule_equals_burns_own_on_the_adapter() {
    if let Some(device) = adapter_or_skip("every_rule_equals_burns_own_on_the_adapter") {
        rules_equal_burns(&device);
    }
}

#[test]
fn muon_makes_updates_of_hidden_matrices_nearly_orthogonal_and_leaves_the_rest_to_adamw() {
    let device = Device::cpu();
    let muon = config(&["training.optimizer=muon"]);
    let before = weights(&muon, 0, &device, |model, _| model);
    let after = ours(&muon, RATE, 1, &device);
    let adamw = ours(&config(&["training.optimizer=adamw"]), RATE, 1, &device);
    let shapes = network(&muon.model).parameters();
    let mut matrices = 0;
    for (index, shape) in shapes.iter().enumerate() {
        if !["conv2.weight", "fc1.weight"].contains(&shape.name.as_str()) {
            assert_eq!(after[index], adamw[index], "{}", shape.name);
            continue;
        }
        matrices += 1;
        let (mut rows, mut columns) = (shape.dims[0], shape.dims[1..].iter().product::<usize>());
        let size = RATE * 0.2 * (rows.max(columns) as f64).sqrt();
        let change = |row: usize, column: usize| {
            let at = row * shape.dims[1..].iter().product::<usize>() + column;
            f64::from(before[index][at] - after[index][at]) / size
        };
        let turned = rows > columns;
        if turned {
            (rows, columns) = (columns, rows);
        }
        let entry = |row, column| match turned {
            true => change(column, row),
            false => change(row, column),
        };
        // Newton-Schulz leaves singular values near 1, not at it; dead inputs leave some at 0.
        let mut trace = 0.0;
        for a in 0..rows {
            for b in 0..rows {
                let product: f64 = (0..columns).map(|c| entry(a, c) * entry(b, c)).sum();
                match a == b {
                    true => trace += product,
                    false => assert!(product.abs() < 0.5, "{} {a} {b}: {product}", shape.name),
                }
            }
        }
        let mean = trace / rows as f64;
        assert!((0.3..1.3).contains(&mean), "{}: {mean}", shape.name);
    }
    assert_eq!(matrices, 2);
}

/// Our products round otherwise than Burn's, and Newton-Schulz iteration lets small singular values
/// grow: an entry of an update may differ by a hundredth of its usual size.
fn fused_muon_equals_burns(device: &Device) {
    let muon = ["training.optimizer=muon", "training.weight_decay=0.1"];
    let fused = ours(&config(&muon), RATE, 3, device);
    let other = device.clone().with_kernels(Kernels::Burn);
    let burn = ours(&config(&muon), RATE, 3, &other);
    compare("muon", &fused, &burn);
}

#[test]
fn fused_muon_equals_burns_on_the_cpu() {
    fused_muon_equals_burns(&Device::cpu());
}

#[test]
fn fused_muon_equals_burns_on_the_adapter() {
    if let Some(device) = adapter_or_skip("fused_muon_equals_burns_on_the_adapter") {
        fused_muon_equals_burns(&device);
    }
}

#[test]
fn clipping_bounds_the_norm_of_all_gradients_together() {
    let device = Device::cpu();
    let plain = ["training.optimizer=sgd", "training.momentum=0"];
    let norm_of_change = |clip: &str| {
        let clip = format!("training.clip_norm={clip}");
        let config = config(&[&plain[..], &[clip.as_str()]].concat());
        let before = weights(&config, 0, &device, |model, _| model).concat();
        let after = ours(&config, 1.0, 1, &device).concat();
        let squares = before.iter().zip(&after);
        let squares = squares.map(|(before, after)| f64::from(before - after).powi(2));
        squares.sum::<f64>().sqrt()
    };
    let whole = norm_of_change("0");
    assert!(whole > 0.1, "{whole}");
    assert!((norm_of_change("100") - whole).abs() < 1e-6);
    let clipped = norm_of_change("0.05");
    assert!((clipped - 0.05).abs() < 1e-4, "{clipped}");
}

/// Loss and gradient of smoothed labels in float64.
fn smoothed(logits: &[f32], labels: &[i32], smoothing: f64) -> (f64, Vec<f64>) {
    let count = labels.len();
    let mut loss = 0.0;
    let mut gradient = Vec::new();
    for (row, &label) in logits.chunks_exact(10).zip(labels) {
        let sum: f64 = row.iter().map(|&logit| f64::from(logit).exp()).sum();
        for (class, &logit) in row.iter().enumerate() {
            let truth =
                smoothing / 10.0 + f64::from(u8::from(class == label as usize)) * (1.0 - smoothing);
            let probability = f64::from(logit).exp() / sum;
            loss -= truth * probability.ln() / count as f64;
            gradient.push((probability - truth) / count as f64);
        }
    }
    (loss, gradient)
}

fn smoothing_is_right(device: &Device) {
    let count: usize = 7;
    let logits: Vec<f32> = (0..count * 10)
        .map(|index| ((index * 37 % 23) as f32 - 11.0) / 4.0)
        .collect();
    let labels: Vec<i32> = (0..7).map(|row| row * 3 % 10).collect();
    for kernels in Kernels::ALL {
        for smoothing in [0.0, 0.1, 0.5] {
            let data = TensorData::new(logits.clone(), [count, 10]);
            let tensor = Tensor::<2>::from_data(data, &device.autodiff()).require_grad();
            let truth: Tensor<1, Int> = upload_indices(&labels, device);
            let device = device.clone().with_kernels(kernels);
            let objective = Objective::new(smoothing, None, 10, &device);
            let found = objective.of(tensor.clone(), truth);
            let gradients = found.differentiable.backward();
            let gradient = tensor.grad(&gradients).expect("a gradient").into_data();
            let (loss, expected) = smoothed(&logits, &labels, smoothing);
            let found = f64::from(found.loss.into_scalar::<f32>());
            assert!(
                (found - loss).abs() < 1e-5,
                "{kernels:?} {smoothing}: {found} is not {loss}"
            );
            let numbers: Vec<f64> = gradient.iter::<f64>().collect();
            assert_eq!(numbers.len(), expected.len());
            for (found, expected) in numbers.iter().zip(&expected) {
                assert!(
                    (found - expected).abs() < 1e-6,
                    "{kernels:?} {smoothing}: {found} is not {expected}"
                );
            }
        }
    }
}

#[test]
fn smoothed_labels_give_the_loss_and_gradient_of_float64() {
    smoothing_is_right(&Device::cpu());
}

#[test]
fn smoothed_labels_give_the_loss_and_gradient_of_float64_on_the_adapter() {
    let test = "smoothed_labels_give_the_loss_and_gradient_of_float64_on_the_adapter";
    if let Some(device) = adapter_or_skip(test) {
        smoothing_is_right(&device);
    }
}
