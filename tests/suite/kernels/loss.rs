//! The loss with weights of classes and with many classes, and the table of predictions: kernel and Burn's own
//! operations against float64.

use burn::tensor::{DType, Int, Tensor, TensorData};
use gpu_mnist::device::Device;
use gpu_mnist::kernels::Kernels;
use gpu_mnist::kernels::count_confusion::count_confusion;
use gpu_mnist::kernels::reference::{self, Shares};
use gpu_mnist::kernels::tiles::TileProfile;
use gpu_mnist::kernels::tiles::with_profile;
use gpu_mnist::model::loss::{CrossEntropy, Objective};
use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha12Rng;

use super::{difference, numbers};
use crate::support::adapter_or_skip;

/// Rows and classes: one and two of a workgroup's rows, and more classes than invocations.
const SIZES: [[usize; 2]; 7] = [
    [256, 10],
    [77, 2],
    [1, 64],
    [5, 65],
    [300, 100],
    [3, 999],
    [40, 1000],
];

struct Case {
    classes: usize,
    logits: Vec<f32>,
    labels: Vec<i32>,
    weights: Vec<f32>,
}

impl Case {
    fn new([rows, classes]: [usize; 2]) -> Self {
        let mut stream = ChaCha12Rng::seed_from_u64(7);
        let logits = (0..rows * classes).map(|_| stream.random_range(-8.0..8.0));
        let logits = logits.collect();
        let labels = (0..rows).map(|_| stream.random_range(0..classes as i32));
        let labels = labels.collect();
        let weights = (0..classes).map(|_| stream.random_range(0.1..2.0));
        Self {
            classes,
            logits,
            labels,
            weights: weights.collect(),
        }
    }

    fn logits(&self, device: &Device) -> Tensor<2> {
        let dims = [self.labels.len(), self.classes];
        let data = TensorData::new(self.logits.clone(), dims);
        Tensor::from_data(data, (&device.autodiff(), DType::F32)).require_grad()
    }

    fn labels(&self, device: &Device) -> Tensor<1, Int> {
        let data = TensorData::new(self.labels.clone(), [self.labels.len()]);
        Tensor::from_data(data, (device.burn(), DType::I32))
    }

    fn weights(&self, device: &Device) -> Tensor<1> {
        let data = TensorData::new(self.weights.clone(), [self.classes]);
        Tensor::from_data(data, (device.burn(), DType::F32))
    }

    fn check(&self, what: &str, logits: &Tensor<2>, found: CrossEntropy, want: &(f64, Vec<f64>)) {
        let gradients = found.differentiable.backward();
        let gradient = numbers(logits.grad(&gradients).expect("a gradient"));
        let loss = numbers(found.loss)[0];
        assert!(
            (f64::from(loss) - want.0).abs() <= 2e-6 * want.0,
            "{what}: {loss}, not {}",
            want.0
        );
        let want: Vec<f32> = want.1.iter().map(|&number| number as f32).collect();
        let difference = difference(&gradient, &want);
        assert!(
            difference <= 5e-6,
            "{what}: the gradient differs by {difference:e}"
        );
        let (_, _, correct) =
            reference::cross_entropy(&f64s(&self.logits), &self.labels, self.classes);
        let counted = found.correct.into_data().iter::<i64>().next();
        assert_eq!(counted, Some(correct as i64), "{what}");
    }
}

fn f64s(numbers: &[f32]) -> Vec<f64> {
    numbers.iter().map(|&number| number.into()).collect()
}

fn losses_agree_with_float64(device: &Device) {
    let mut compared = 0;
    for size in SIZES {
        let case = Case::new(size);
        let logits = f64s(&case.logits);
        let (loss, gradient, _) = reference::cross_entropy(&logits, &case.labels, case.classes);
        let plain = (loss, gradient);
        for kernels in Kernels::ALL {
            let plain_objective = Objective::plain(&device.clone().with_kernels(kernels));
            let leaf = case.logits(device);
            let found = plain_objective.of(leaf.clone(), case.labels(device));
            case.check(&format!("{kernels:?}, {size:?}"), &leaf, found, &plain);
            for smoothing in [0.0, 0.1] {
                let shares = Shares::new(&case.labels, &f64s(&case.weights), smoothing);
                let want = shares.cross_entropy(&logits, case.classes);
                let leaf = case.logits(device);
                let objective = plain_objective
                    .clone()
                    .weighted(case.weights(device), smoothing);
                let found = objective.of(leaf.clone(), case.labels(device));
                let what = format!("{kernels:?}, {size:?}, weights, smoothing {smoothing}");
                case.check(&what, &leaf, found, &want);
                compared += 1;
            }
        }
    }
    assert_eq!(compared, SIZES.len() * 4);
}

#[test]
fn losses_agree_with_float64_on_the_cpu() {
    losses_agree_with_float64(&Device::cpu());
}

#[test]
fn losses_agree_with_float64_on_the_adapter() {
    if let Some(device) = adapter_or_skip("losses_agree_with_float64_on_the_adapter") {
        // Loops differ in pooled convolutions alone.
        for profile in [
            TileProfile::Software,
            TileProfile::Hardware,
            TileProfile::Integrated,
        ] {
            with_profile(profile, || losses_agree_with_float64(&device));
        }
    }
}

/// A label outside of the classes gives no number, and reads nothing it should not.
#[test]
fn a_label_of_no_class_gives_no_loss_on_the_adapter() {
    let Some(device) = adapter_or_skip("a_label_of_no_class_gives_no_loss_on_the_adapter") else {
        return;
    };
    for size in [[5, 10], [5, 130]] {
        let mut case = Case::new(size);
        for bad in [-1, size[1] as i32] {
            case.labels[3] = bad;
            let plain = Objective::plain(&device);
            let weighted = plain.clone().weighted(case.weights(&device), 0.1);
            for objective in [plain, weighted] {
                let found = objective.of(case.logits(&device), case.labels(&device));
                assert!(numbers(found.loss)[0].is_nan(), "{size:?}, {bad}");
            }
        }
    }
}

fn tables_of_a_thousand_classes_are_counted(device: &Device) {
    let case = Case::new([300, 1000]);
    let mut want = vec![0; 1_000_000];
    for (logits, &label) in case.logits.chunks_exact(1000).zip(&case.labels) {
        let best = (1..1000).fold(
            0,
            |best, at| if logits[at] > logits[best] { at } else { best },
        );
        want[label as usize * 1000 + best] += 1;
    }
    let table = Tensor::<2, Int>::zeros([1000, 1000], (device.burn(), DType::I32));
    let table = count_confusion(case.logits(device).inner(), case.labels(device), table);
    assert_eq!(table.into_data().iter::<i32>().collect::<Vec<_>>(), want);
}

#[test]
fn tables_of_a_thousand_classes_are_counted_on_the_cpu() {
    tables_of_a_thousand_classes_are_counted(&Device::cpu());
}

#[test]
fn tables_of_a_thousand_classes_are_counted_on_the_adapter() {
    let name = "tables_of_a_thousand_classes_are_counted_on_the_adapter";
    if let Some(device) = adapter_or_skip(name) {
        tables_of_a_thousand_classes_are_counted(&device);
    }
}
