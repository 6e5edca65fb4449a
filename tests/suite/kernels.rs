//! The fused operations against Burn's own through Burn: outputs, gradients, updates.

mod average_pool;
mod batch_norm_relu;
mod convolve;
mod convolve_pool_relu;
mod loss;
mod orthogonal;
#[cfg(target_os = "linux")]
mod registers;
mod shaders;
mod shapes;
mod tiles;

use std::io::Write;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::{AdamConfig, GradientsParams, ModuleOptimizer};
use burn::tensor::{DType, Int, Tensor};
use gpu_mnist::config::Config;
use gpu_mnist::data::batches::{DeviceSplit, Normalisation, upload_indices};
use gpu_mnist::data::synthetic;
use gpu_mnist::data::synthetic::network;
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::evaluate;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::kernels::adam::FusedAdam;
use gpu_mnist::kernels::count_confusion::count_confusion;
use gpu_mnist::kernels::tiles::TileProfile;
use gpu_mnist::kernels::tiles::with_profile;
use gpu_mnist::model::loss::Objective;
use gpu_mnist::model::{Model, Role, initial_values};
use gpu_mnist::runs::weights::values;

use crate::support::{EVERY_LAYER, EVERY_LAYER_FLAT, adapter_or_skip, settings};

/// Largest difference, relative to the largest number of the reference.
fn difference(found: &[f32], expected: &[f32]) -> f32 {
    assert_eq!(found.len(), expected.len());
    assert!(!expected.is_empty(), "nothing was compared");
    let scale = expected
        .iter()
        .fold(1e-30f32, |scale, x| scale.max(x.abs()));
    let mut largest = 0.0f32;
    for (found, expected) in found.iter().zip(expected) {
        let difference = (found - expected).abs() / scale;
        if difference.is_nan() {
            return f32::NAN;
        }
        largest = largest.max(difference);
    }
    largest
}

fn model(config: &Config, device: &Device) -> Model {
    let values = initial_values(&network(&config.model), 3);
    Model::trainable(&network(&config.model), values, device)
}

/// Logits and the gradients of every parameter for `count` pictures.
fn logits_and_gradients(config: &Config, device: &Device, count: usize) -> Vec<Vec<f32>> {
    let split = synthetic::draw(9, 0, count);
    let pictures = DeviceSplit::upload(&split, Normalisation::measure(&split), device);
    let indices: Vec<i32> = (0..count as i32).rev().collect();
    let batch = pictures.gather(upload_indices(&indices, device));
    let model = model(config, device);
    let (logits, _) = model.forward_train(batch.images.autodiff());
    let mut found = vec![numbers(logits.clone().inner())];
    let score = Objective::plain(device).of(logits, batch.labels);
    found.push(numbers(score.loss));
    let mut of = GradientsOf {
        gradients: GradientsParams::from_grads(score.differentiable.backward(), &model),
        found,
    };
    model.visit(&mut of);
    let shapes = network(&config.model).parameters();
    let trained = shapes.iter().filter(|shape| shape.role != Role::Statistic);
    assert_eq!(of.found.len(), 2 + trained.count());
    of.found
}

struct GradientsOf {
    gradients: GradientsParams,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for GradientsOf {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(parameter.id);
        self.found.extend(gradient.map(numbers));
    }
}

fn numbers<const D: usize>(tensor: Tensor<D>) -> Vec<f32> {
    tensor.into_data().iter::<f32>().collect()
}

/// Settings and batch sizes; the odd channel counts take the general path on an adapter.
const CASES: &[(&[&str], usize)] = &[
    (&[], 256),
    (&[], 1),
    (&[], 77),
    (
        &[
            "model.layers=[{convolution=3,kernel=5,pool=2},{convolution=7,kernel=3,pool=2},{linear=13}]",
        ],
        10,
    ),
    (
        &["model.layers=[{convolution=24,kernel=3,pool=2},\
    {convolution=32,kernel=5,pool=2},{linear=256}]"],
        33,
    ),
    (
        &["model.layers=[{convolution=1,kernel=1,pool=2},\
            {convolution=32,kernel=2,pool=2},{linear=256}]"],
        5,
    ),
    (
        &[
            "model.layers=[{convolution=24,kernel=7,pool=2},{convolution=40,kernel=4,pool=2},{linear=256}]",
        ],
        9,
    ),
    (&[EVERY_LAYER], 12),
    (&[EVERY_LAYER_FLAT], 7),
    (&["model.layers=[]"], 3),
];

fn fused_equals_burn(device: &Device) {
    let reference = Device::cpu().with_kernels(Kernels::Burn);
    let mut compared = 0;
    for (assignments, count) in CASES {
        let config = settings(assignments);
        let fused = logits_and_gradients(&config, device, *count);
        let burn = logits_and_gradients(&config, &reference, *count);
        // A batch norm's gradient is what is left of sums that nearly cancel.
        let norms = network(&config.model).parameters();
        let norms = norms.iter().any(|shape| shape.role == Role::Statistic);
        let tolerance = if norms { 2e-4 } else { 2e-5 };
        for (part, (fused, burn)) in fused.iter().zip(&burn).enumerate() {
            let difference = difference(fused, burn);
            assert!(
                difference <= tolerance,
                "{assignments:?}, {count} pictures, part {part}: differs by {difference:e}"
            );
            compared += 1;
        }
    }
    assert_eq!(compared, 7 * 10 + (2 + 19) + (2 + 13) + (2 + 2));
}

#[test]
fn fused_layers_and_gradients_equal_burn_on_the_cpu() {
    fused_equals_burn(&Device::cpu());
}

#[test]
fn shaders_equal_the_cpu_kernels_reference_with_the_tiles_for_software() {
    shaders_equal_the_reference(
        "shaders_equal_the_cpu_kernels_reference_with_the_tiles_for_software",
        &[TileProfile::Software, TileProfile::Loops],
    );
}

#[test]
fn shaders_equal_the_cpu_kernels_reference_with_the_tiles_for_cards() {
    shaders_equal_the_reference(
        "shaders_equal_the_cpu_kernels_reference_with_the_tiles_for_cards",
        &[TileProfile::Hardware, TileProfile::Integrated],
    );
}

#[test]
fn shaders_equal_the_cpu_kernels_reference_in_subgroups() {
    let test = "shaders_equal_the_cpu_kernels_reference_in_subgroups";
    shaders_equal_the_reference(test, &profiles_in_subgroups(test));
}

/// Those that the adapter can use.
fn profiles_in_subgroups(test: &str) -> Vec<TileProfile> {
    let Some(device) = adapter_or_skip(test) else {
        return Vec::new();
    };
    let size = device.adapter().and_then(|adapter| adapter.subgroup);
    let profiles: Vec<TileProfile> = TileProfile::with_subgroups(size).collect();
    if profiles.is_empty() {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED (adapter tests) {test}: no tiles for its subgroups"
        );
    }
    profiles
}

/// All tiles are correct on every adapter, whichever of them it would choose.
fn shaders_equal_the_reference(test: &str, profiles: &[TileProfile]) {
    if let Some(device) = adapter_or_skip(test) {
        for &profile in profiles {
            with_profile(profile, || fused_equals_burn(&device));
        }
    }
}

/// A model's evaluation on the device, its tables counted by the kernel and by Burn's matmul.
fn fused_confusion_equals_burn(device: &Device) {
    let mut compared = 0;
    for (pictures, batch_size) in [(1, 10), (77, 33), (300, 256)] {
        let split = synthetic::draw(4, 0, pictures);
        let config = settings(&[&format!("evaluation.batch_size={batch_size}")]);
        let values = initial_values(&network(&config.model), 1);
        let run = |kernels| {
            let device = &device.clone().with_kernels(kernels);
            let model = Model::from_values(&network(&config.model), values.clone(), device);
            let split = DeviceSplit::upload(&split, Normalisation::measure(&split), device);
            pollster::block_on(evaluate(&model, &split, &config, device)).expect("an evaluation")
        };
        let (fused, burn) = (run(Kernels::Fused), run(Kernels::Burn));
        assert_eq!(fused.total, pictures as u64);
        assert_eq!(fused.confusion, burn.confusion);
        assert_eq!(fused.first, burn.first);
        compared += 1;
    }
    assert_eq!(compared, 3);
}

#[test]
fn fused_confusion_equals_burn_on_the_cpu() {
    fused_confusion_equals_burn(&Device::cpu());
}

#[test]
fn fused_confusion_equals_burn_on_the_adapter() {
    if let Some(device) = adapter_or_skip("fused_confusion_equals_burn_on_the_adapter") {
        fused_confusion_equals_burn(&device);
    }
}

/// Adds to a table that somebody else still holds: theirs stays as it was.
fn counting_leaves_a_shared_table_alone(device: &Device) {
    let options = || (device.burn(), DType::I32);
    let logits = Tensor::<2>::from_data([[0.0, 2.0, 1.0], [5.0, 5.0, 1.0]], device.burn());
    let labels = Tensor::<1, Int>::from_data([2, 0], options());
    let table = Tensor::<2, Int>::ones([3, 3], options());
    let counted = count_confusion(logits, labels, table.clone());
    let cells = |table: Tensor<2, Int>| table.into_data().iter::<i32>().collect::<Vec<_>>();
    assert_eq!(cells(counted), [2, 1, 1, 1, 1, 1, 1, 2, 1]);
    assert_eq!(cells(table), [1; 9]);
}

#[test]
fn counting_leaves_a_shared_table_alone_on_the_cpu() {
    counting_leaves_a_shared_table_alone(&Device::cpu());
}

#[test]
fn counting_leaves_a_shared_table_alone_on_the_adapter() {
    if let Some(device) = adapter_or_skip("counting_leaves_a_shared_table_alone_on_the_adapter") {
        counting_leaves_a_shared_table_alone(&device);
    }
}

#[test]
fn a_perturbed_gradient_is_found() {
    let config = settings(&["model.layers=[{convolution=24,kernel=5,pool=2},\
    {convolution=32,kernel=3,pool=2},{linear=13}]"]);
    let reference = Device::cpu().with_kernels(Kernels::Burn);
    let burn = logits_and_gradients(&config, &reference, 10);
    for bad in [burn[2][3] * 1.01 + 1e-3, f32::NAN] {
        let mut perturbed = burn[2].clone();
        perturbed[3] = bad;
        let found = difference(&perturbed, &burn[2]);
        assert!(found.is_nan() || found > 2e-5, "{bad} was not seen");
    }
}

#[test]
fn fused_adam_equals_burn_on_the_cpu() {
    fused_adam_equals_burn(&Device::cpu());
}

#[test]
fn fused_adam_equals_burn_on_the_adapter() {
    if let Some(device) = adapter_or_skip("fused_adam_equals_burn_on_the_adapter") {
        fused_adam_equals_burn(&device);
    }
}

fn fused_adam_equals_burn(device: &Device) {
    let config = settings(&["model.layers=[{convolution=24,kernel=5,pool=2},\
    {convolution=32,kernel=3,pool=2},{linear=13}]"]);
    let device = &device.clone().with_kernels(Kernels::Burn);
    let run = |mut optimizer: ModuleOptimizer| {
        let split = synthetic::draw(9, 0, 40);
        let pictures = DeviceSplit::upload(&split, Normalisation::measure(&split), device);
        let mut model = model(&config, device);
        for step in 0..5 {
            let indices: Vec<i32> = (step * 8..step * 8 + 8).collect();
            let indices: Tensor<1, Int> = upload_indices(&indices, device);
            let batch = pictures.gather(indices);
            let logits = model.forward_eval(batch.images.autodiff());
            let loss = Objective::plain(device).of(logits, batch.labels);
            let gradients = GradientsParams::from_grads(loss.differentiable.backward(), &model);
            model = optimizer.step(0.003, model, gradients);
        }
        pollster::block_on(values(&model, device)).expect("read")
    };
    let fused = run(ModuleOptimizer::from(FusedAdam {
        beta1: 0.7,
        beta2: 0.9,
        epsilon: 1e-8,
        weight_decay: 0.0,
    }));
    let burn = run(AdamConfig::new()
        .with_beta_1(0.7)
        .with_beta_2(0.9)
        .with_epsilon(1e-8)
        .init());
    for (fused, burn) in fused.iter().zip(&burn) {
        let difference = difference(fused, burn);
        assert!(difference <= 1e-4, "differs by {difference:e}");
    }
}
