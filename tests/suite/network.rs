//! The network of the settings: names, batch norm against float64, files of older programs.

use std::collections::HashMap;

use burn::module::{Module, ModuleVisitor, Param};
use burn::optim::GradientsParams;
use burn::tensor::{Tensor, TensorData};
use gpu_mnist::config::Config;
use gpu_mnist::data::batches::Normalisation;
use gpu_mnist::data::image_set::{Framing, ImageShape};
use gpu_mnist::data::synthetic::network;
use gpu_mnist::device::Device;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::model::layers::{Activations, Draw, Shape, Tensors};
use gpu_mnist::model::{Model, Role, initial_values, values};
use gpu_mnist::runs::weights;
use safetensors::tensor::{Dtype, TensorView};

use crate::support::{EVERY_LAYER, EVERY_LAYER_FLAT, adapter_or_skip, description, settings};

#[test]
fn tensors_bear_the_names_pytorch_gives_them() {
    let names = |assignments: &[&str]| -> Vec<String> {
        let shapes = network(&settings(assignments).model).parameters();
        shapes.into_iter().map(|shape| shape.name).collect()
    };
    let default = [
        "conv1.weight",
        "conv1.bias",
        "conv2.weight",
        "conv2.bias",
        "fc1.weight",
        "fc1.bias",
        "fc2.weight",
        "fc2.bias",
    ];
    assert_eq!(names(&[]), default);
    assert_eq!(
        names(&[EVERY_LAYER])[..6],
        [
            "conv1.weight",
            "bn1.weight",
            "bn1.bias",
            "bn1.running_mean",
            "bn1.running_var",
            "conv2.weight"
        ]
    );
    assert_eq!(names(&["model.layers=[]"]), ["fc1.weight", "fc1.bias"]);
}

#[test]
fn statistics_are_no_parameters_and_muon_gets_what_lies_between_first_and_last() {
    let network = network(&settings(&[EVERY_LAYER_FLAT]).model);
    let shapes = network.parameters();
    let of = |role: Role| -> Vec<&str> {
        let found = shapes.iter().filter(|shape| shape.role == role);
        found.map(|shape| shape.name.as_str()).collect()
    };
    assert_eq!(of(Role::Statistic), ["bn1.running_mean", "bn1.running_var"]);
    assert_eq!(
        of(Role::HiddenWeight),
        ["conv2.weight", "conv3.weight", "fc1.weight", "fc2.weight"]
    );
    let convolutions = 5 * 16 + 2 * 5 + (5 * 5 + 5) + (6 * 5 * 9 + 6);
    // 28 and two zeros on each side, every third place: 10x10, pooled 5x5.
    let linears = (5 * 5 * 6 * 9 + 9) + (9 * 11 + 11) + (11 * 10 + 10);
    assert_eq!(network.parameter_count(), convolutions + linears);
}

/// One convolution 1x1 of one channel with weight 1 is the picture itself.
const NORM: &[&str] = &[
    "model.layers=[{convolution=1,kernel=1,norm='batch'},{pool='average'}]",
    "model.norm_epsilon=0.01",
    "model.norm_momentum=0.3",
];

fn norm(config: &Config, [scale, shift, mean, variance]: [f32; 4], device: &Device) -> Model {
    let mut values = initial_values(&network(&config.model), 1);
    for (place, value) in [1.0, scale, shift, mean, variance].into_iter().enumerate() {
        values[place] = vec![value];
    }
    // The logit of a class is the average of the picture times one more than the class.
    values[5] = (1..=10).map(|class| class as f32).collect();
    values[6] = vec![0.0; 10];
    Model::trainable(&network(&config.model), values, device)
}

fn batch_norm_is_right(device: &Device) {
    const PICTURES: usize = 3;
    const PIXELS: usize = 28 * 28;
    let config = settings(NORM);
    let pixels: Vec<f32> = (0..PICTURES * PIXELS)
        .map(|index| (index * 37 % 101) as f32 / 20.0 - 1.0 + (index / PIXELS) as f32)
        .collect();
    let count = pixels.len() as f64;
    let mean = pixels.iter().map(|&x| f64::from(x)).sum::<f64>() / count;
    let squares = pixels.iter().map(|&x| (f64::from(x) - mean).powi(2));
    let variance = squares.sum::<f64>() / count;
    let logit = |picture: usize, mean: f64, variance: f64| {
        let pixels = &pixels[picture * PIXELS..][..PIXELS];
        let normalised = pixels.iter().map(|&x| {
            let x = (f64::from(x) - mean) / (variance + 0.01).sqrt();
            (x * 1.5 + 0.25).max(0.0)
        });
        normalised.sum::<f64>() / PIXELS as f64
    };
    for kernels in Kernels::ALL {
        let device = &device.clone().with_kernels(kernels);
        let model = norm(&config, [1.5, 0.25, 0.5, 2.0], device);
        let data = TensorData::new(pixels.clone(), [PICTURES, 28, 28, 1]);
        let pictures = Tensor::<4>::from_data(data, device.burn());
        let check = |logits: Tensor<2>, mean: f64, variance: f64| {
            let found: Vec<f64> = logits.into_data().iter::<f64>().collect();
            for picture in 0..PICTURES {
                for class in 0..10 {
                    let expected = logit(picture, mean, variance) * (class + 1) as f64;
                    let found = found[picture * 10 + class];
                    let near = (found - expected).abs() < 1e-4 * expected.abs().max(1.0);
                    assert!(
                        near,
                        "{kernels:?} {picture} {class}: {found} for {expected}"
                    );
                }
            }
        };
        check(model.valid().forward_eval(pictures.clone()), 0.5, 2.0);
        let (logits, statistics) = model.forward_train(pictures.autodiff());
        check(logits.inner(), mean, variance);
        let model = model.with_statistics(statistics).valid();
        let values = pollster::block_on(values(&model, device)).expect("read");
        let expected = [
            0.7 * 0.5 + 0.3 * mean,
            0.7 * 2.0 + 0.3 * variance * count / (count - 1.0),
        ];
        for (found, expected) in [values[3][0], values[4][0]].into_iter().zip(expected) {
            let near = (f64::from(found) - expected).abs() < 1e-5;
            assert!(near, "{kernels:?}: {found} for {expected}");
        }
    }
}

#[test]
fn batch_norm_equals_float64_on_the_cpu() {
    batch_norm_is_right(&Device::cpu());
}

#[test]
fn batch_norm_equals_float64_on_the_adapter() {
    if let Some(device) = adapter_or_skip("batch_norm_equals_float64_on_the_adapter") {
        batch_norm_is_right(&device);
    }
}

/// A file as the program wrote it when all images were those of MNIST.
fn write_format_2(path: &std::path::Path, config: &Config, values: &[Vec<f32>]) {
    let network = network(&config.model);
    let shapes = network.parameters();
    let tensors = shapes.iter().zip(values).map(|(shape, values)| {
        let (dims, values) = weights::to_pytorch(shape, values.clone());
        let bytes: Vec<u8> = values.iter().flat_map(|v| v.to_le_bytes()).collect();
        (shape.name.clone(), dims, bytes)
    });
    let tensors: Vec<_> = tensors.collect();
    let views = tensors.iter().map(|(name, dims, bytes)| {
        let view = TensorView::new(Dtype::F32, dims.clone(), bytes).expect("whole");
        (name.as_str(), view)
    });
    let description = r#"{"model":{"layers":[{"convolution":3,"kernel":4,"pool":2},
        {"convolution":5,"kernel":2,"pool":2},{"linear":7}],"norm_epsilon":1e-5,
        "norm_momentum":0.1},"normalisation":{"mean":0.1,"standard_deviation":0.3},
        "class_names":["0","1","2","3","4","5","6","7","8","9"],"dataset":"fashion-mnist"}"#;
    let metadata = HashMap::from([
        ("format".to_string(), "gpu-mnist 2".to_string()),
        ("description".into(), description.into()),
    ]);
    let bytes = safetensors::serialize(views, Some(metadata)).expect("serialised");
    std::fs::write(path, bytes).expect("written");
}

#[test]
fn weights_of_format_2_are_read() {
    let config = settings(&[
        "model.layers=[{convolution=3,kernel=4,pool=2},{convolution=5,kernel=2,pool=2},{linear=7}]",
    ]);
    let written = initial_values(&network(&config.model), 4);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    write_format_2(&path, &config, &written);
    let device = Device::cpu();
    let (model, description) = weights::load(&path, &device).expect("read");
    assert_eq!(description.model, config.model);
    assert_eq!(description.normalisation, Normalisation::grey(0.1, 0.3));
    let set = &description.set;
    assert_eq!(
        (set.name.as_str(), set.class_names.len()),
        ("fashion-mnist", 10)
    );
    assert_eq!(set.shape, ImageShape::grey(28, 28));
    assert_eq!(set.framing, Framing::Whole);
    assert_eq!(set.fingerprint, "", "nobody knows which images those were");
    let found = pollster::block_on(values(&model, &device)).expect("read");
    assert!(found == written);
}

#[test]
fn weights_that_were_changed_on_the_disk_are_refused() {
    let config = settings(&[]);
    let values = initial_values(&network(&config.model), 4);
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("model.safetensors");
    let described = description(&config, Normalisation::grey(0.1, 0.3));
    weights::save_values(&path, &values, &described).expect("written");
    let whole = std::fs::read(&path).expect("read");
    assert!(weights::read(&path).expect("whole").0 == values);
    let changed = |place: usize, bit: u8| {
        let mut bytes = whole.clone();
        bytes[place] ^= bit;
        std::fs::write(&path, bytes).expect("written");
        weights::read(&path).map_err(|error| error.to_string())
    };
    // A bit of a weight's last digits, in the middle and at the end; a letter of the set's name.
    let name = b"\\\"synthetic\\\"";
    let name = whole.windows(name.len()).position(|found| found == name);
    for (place, bit) in [
        (whole.len() / 2 / 4 * 4, 1),
        (whole.len() - 4, 1),
        (name.expect("the set's name") + 2, 1),
    ] {
        let error = changed(place, bit).expect_err("damaged");
        assert!(error.contains("its checksum does not fit"), "{error}");
    }
}

/// Logits and weights' gradients of random images in training.
fn logits_and_gradients(layers: &str, input: ImageShape, device: &Device) -> Vec<Vec<f32>> {
    let config = settings(&[&format!("model.layers={layers}")]);
    let network = config.model.network(input, 10);
    let model = Model::trainable(&network, initial_values(&network, 1), device);
    let dims = [5, input.height, input.width, input.device_channels()];
    let numbers: Vec<f32> = (0..dims.iter().product())
        .map(|at: usize| match (input.channels, at % 4) {
            (3, 3) => 0.0,
            _ => (at * 37 % 101) as f32 / 50.0 - 1.0,
        })
        .collect();
    let images = Tensor::<4>::from_data(TensorData::new(numbers, dims), &device.autodiff());
    let (logits, _) = model.forward_train(images);
    let gradients = logits.clone().square().sum().backward();
    let mut of = Gradients {
        gradients: GradientsParams::from_grads(gradients, &model),
        found: vec![logits.into_data().iter::<f32>().collect()],
    };
    model.visit(&mut of);
    of.found
}

struct Gradients {
    gradients: GradientsParams,
    found: Vec<Vec<f32>>,
}

impl ModuleVisitor for Gradients {
    fn visit_float<const D: usize>(&mut self, parameter: &Param<Tensor<D>>) {
        let gradient = self.gradients.get::<D>(parameter.id).expect("a gradient");
        self.found
            .push(gradient.into_data().iter::<f32>().collect());
    }
}

fn pooling_alone_is_pooling_in_a_convolution(device: &Device) {
    let within = "[{convolution=8,kernel=3,pool=2},{convolution=4,kernel=4,pool=2}]";
    let alone = "[{convolution=8,kernel=3},{pool='max'},{convolution=4,kernel=4},{pool='max'}]";
    for kernels in Kernels::ALL {
        let device = device.clone().with_kernels(kernels);
        let of = |layers| logits_and_gradients(layers, ImageShape::grey(28, 23), &device);
        let (found, expected) = (of(alone), of(within));
        assert_eq!(found.len(), 7);
        for (found, expected) in found.concat().into_iter().zip(expected.concat()) {
            let near = (found - expected).abs() <= 1e-4 * expected.abs().max(1.0);
            assert!(near, "{kernels}: {found} for {expected}");
        }
    }
}

#[test]
fn pooling_alone_is_pooling_in_a_convolution_on_the_cpu() {
    pooling_alone_is_pooling_in_a_convolution(&Device::cpu());
}

#[test]
fn pooling_alone_is_pooling_in_a_convolution_on_the_adapter() {
    if let Some(device) =
        adapter_or_skip("pooling_alone_is_pooling_in_a_convolution_on_the_adapter")
    {
        pooling_alone_is_pooling_in_a_convolution(&device);
    }
}

/// Whatever comes first, a coloured image's fourth channel of zeros is nobody's input.
#[test]
fn coloured_images_may_meet_any_layer_first() {
    for layers in [
        "[]",
        "[{linear=7}]",
        "[{pool='average'},{linear=7}]",
        "[{pool='max'},{convolution=4,kernel=3}]",
        "[{pool='max'},{linear=7}]",
    ] {
        let of = |kernels| {
            let device = Device::cpu().with_kernels(kernels);
            logits_and_gradients(layers, ImageShape::rgb(12, 9), &device).concat()
        };
        let (fused, burn) = (of(Kernels::Fused), of(Kernels::Burn));
        assert_eq!(fused.len(), burn.len());
        for (fused, burn) in fused.into_iter().zip(burn) {
            assert!(
                (fused - burn).abs() <= 1e-4 * burn.abs().max(1.0),
                "{layers}"
            );
        }
    }
}

/// What dropouts of an image and of features make of ones in a step.
fn dropped(device: &Device, draw: Draw, layer: usize) -> Vec<f32> {
    let layers = "model.layers=[{dropout=0.25},{dropout=0.25},{linear=30},{dropout=0.25}]";
    let place = network(&settings(&[layers]).model).checked_places()[layer];
    let (burn, kernels) = (device.burn().clone(), device.kernels());
    let mut tensors = Tensors::new(std::iter::empty(), burn.clone(), kernels);
    let layer = place.layer.describe().build(&place, &mut tensors);
    let ones = match place.input {
        Shape::Image([height, width, channels]) => {
            Activations::Image(Tensor::ones([20, height, width, channels], &burn))
        }
        Shape::Features(count) => Activations::Features(Tensor::ones([20, count], &burn)),
    };
    let numbers =
        |found: Activations| -> Vec<f32> { found.features().into_data().iter::<f32>().collect() };
    let kept: Vec<f32> = numbers(layer.compute().forward_eval(ones.clone()));
    assert!(
        kept.iter().all(|&one| one == 1.0),
        "an evaluation drops nothing"
    );
    let (found, statistics) = layer.compute().forward_train(ones, draw);
    assert!(statistics.is_none());
    numbers(found)
}

#[test]
fn dropout_draws_by_seed_step_and_layer_the_same_on_every_device() {
    let name = "dropout_draws_by_seed_step_and_layer_the_same_on_every_device";
    let cpu = Device::cpu();
    let draw = Draw { seed: 3, step: 8 };
    let found = dropped(&cpu, draw, 0);
    assert_eq!(found.len(), 20 * 784);
    let zeros = found.iter().filter(|&&number| number == 0.0).count();
    let share = zeros as f64 / found.len() as f64;
    assert!((share - 0.25).abs() < 0.01, "{share}");
    let factor = (1.0f64 / 0.75) as f32;
    assert!(
        found
            .iter()
            .all(|&number| number == 0.0 || number == factor)
    );
    let mut seen = vec![found.clone()];
    for (draw, layer) in [
        (Draw { seed: 4, ..draw }, 0),
        (
            Draw {
                seed: 3 << 32,
                ..draw
            },
            0,
        ),
        (Draw { step: 9, ..draw }, 0),
        (draw, 1),
        (draw, 3),
    ] {
        let other = dropped(&cpu, draw, layer);
        assert!(!seen.contains(&other), "{draw:?}, layer {layer}");
        seen.push(other);
    }
    assert_eq!(dropped(&cpu.with_kernels(Kernels::Burn), draw, 0), found);
    if let Some(adapter) = adapter_or_skip(name) {
        for kernels in Kernels::ALL {
            let adapter = adapter.clone().with_kernels(kernels);
            for (layer, expected) in [(0, &seen[0]), (1, &seen[4]), (3, &seen[5])] {
                assert!(
                    dropped(&adapter, draw, layer) == *expected,
                    "{kernels}, {layer}"
                );
            }
        }
    }
}
