//! Trainings on the CPU end with the same bits, whatever code moves: the SHA-256 of the weights of
//! a few short ones. A change that is meant to change results says so where it changes these.

use std::io::Write;
use std::path::Path;

use gpu_mnist::kernels::simd::Level;
use tempfile::tempdir;

use crate::support::program;

/// One epoch on 1,000 drawn images that nothing is held out of.
const SHORT: &[&str] = &["data.validation_size=0", "training.batch_size=50"];
/// Batch norm, Muon, a moving average, distortion and smoothing.
const RICH: &[&str] = &[
    "model.layers=[{convolution=8,kernel=3,padding=1,pool=2,norm='batch'},\
     {convolution=8,kernel=3,padding=1,norm='batch',residual=true},\
     {convolution=12,kernel=3,pool=2,norm='batch'},{linear=20}]",
    "training.optimizer=muon",
    "training.ema_decay=0.9",
    "training.label_smoothing=0.1",
    "augment.rotation=8",
    "augment.scale=0.08",
    "augment.shift=1.5",
    "augment.elastic=1.2",
    "augment.cutout=4",
];

/// Stripes whose directions tell ten classes, with noise, as four IDX files: whole numbers alone,
/// and nothing that the program draws.
fn write_stripes(folder: &Path) {
    std::fs::create_dir(folder).expect("a folder");
    let mut state = 1u32;
    for (split, count) in [("train", 1000u32), ("t10k", 50)] {
        let mut images = [0x803u32, count, 28, 28].map(u32::to_be_bytes).concat();
        let mut labels = [0x801u32, count].map(u32::to_be_bytes).concat();
        for image in 0..count {
            let label = image % 10;
            labels.push(label as u8);
            for at in 0..28 * 28 {
                let (x, y) = (at % 28, at / 28);
                state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                let noise = state >> 24;
                let stripe = (x * (label + 1) / 4 + y * (label % 3 + 1) / 3) % 5 == 0;
                images.push(match (stripe, noise) {
                    (true, noise) => (200 + noise / 5) as u8,
                    (false, 230..) => (noise / 4) as u8,
                    (false, _) => 0,
                });
            }
        }
        std::fs::write(folder.join(format!("{split}-images-idx3-ubyte")), images).expect("written");
        std::fs::write(folder.join(format!("{split}-labels-idx1-ubyte")), labels).expect("written");
    }
}

fn train(home: &Path, level: Level, settings: &[&str]) -> String {
    let set = home.join("set");
    if !set.is_dir() {
        write_stripes(&set);
    }
    let out = home.join(format!("run-{}", level.name()));
    let mut command = program(home);
    command
        .env("GPU_MNIST_SIMD", level.name())
        .args(["train", "--device", "cpu", "--dataset"])
        .arg(&set)
        .arg("--out")
        .arg(&out);
    for setting in [SHORT, settings].concat() {
        command.arg("--set").arg(setting);
    }
    command.assert().success();
    let record = std::fs::read_to_string(out.join("run.json")).expect("a record");
    let record: serde_json::Value = serde_json::from_str(&record).expect("JSON");
    std::fs::remove_dir_all(&out).expect("removed");
    record["weights"]["sha256"].as_str().expect("a hash").into()
}

/// Trains at every level that this processor has; the others are named as skipped.
fn pinned(test: &str, settings: &[&str], expected: &[(Level, &str)]) {
    let home = tempdir().expect("a folder");
    let mut wrong = Vec::new();
    for &(level, hash) in expected {
        if !level.is_available() {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED (processor) {test}: no {}",
                level.name()
            );
            continue;
        }
        let found = train(home.path(), level, settings);
        if found != hash {
            wrong.push(format!("{}: {found} instead of {hash}", level.name()));
        }
    }
    assert!(wrong.is_empty(), "{test}:\n{}", wrong.join("\n"));
}

#[test]
fn fused_kernels_end_with_the_same_bits() {
    pinned(
        "fused_kernels_end_with_the_same_bits",
        &[],
        &[
            (
                Level::Scalar,
                "8e883df054c4f7470b8492566e2b0333c2f516de801abb74106f96cc56657ab9",
            ),
            (
                Level::Avx2,
                "c71a01402e797ab98335ee328ce842b36ae457775b860908aa465ebc7395768c",
            ),
            (
                Level::Avx512,
                "c71a01402e797ab98335ee328ce842b36ae457775b860908aa465ebc7395768c",
            ),
        ],
    );
}

#[test]
fn batch_norm_muon_averaging_and_distortion_end_with_the_same_bits() {
    pinned(
        "batch_norm_muon_averaging_and_distortion_end_with_the_same_bits",
        RICH,
        &[
            (
                Level::Scalar,
                "18ad4056c4efcac83e9733ed7c3b5a35204057c6741298405599dde95c9440da",
            ),
            (
                Level::Avx2,
                "fa367a068b45cfc51bf017014dbb96b5e04282f3fcffa88608692e5f04fafe1a",
            ),
            (
                Level::Avx512,
                "fa367a068b45cfc51bf017014dbb96b5e04282f3fcffa88608692e5f04fafe1a",
            ),
        ],
    );
}

/// Burn's own operations choose their instructions themselves: pinned where those are AVX-512's.
#[test]
fn stock_kernels_end_with_the_same_bits() {
    pinned(
        "stock_kernels_end_with_the_same_bits",
        &["training.kernels=stock"],
        &[(
            Level::Avx512,
            "6a42f8ca12537baf54ff3e0b1be679aa03c34c13968542253ec8fbc0bd703a59",
        )],
    );
}
