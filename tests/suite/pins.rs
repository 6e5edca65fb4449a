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
    "model.layers=[{convolution=8,kernel=3,pool=2,norm='batch'},\
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
                let inside = (6..22).contains(&x) && (6..22).contains(&y);
                images.push(match (inside && stripe, noise) {
                    _ if !inside => 0,
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

/// Trains at every level that this processor has; the others are named as skipped. Burn's own sums and products add in an
/// order that goes by the processor, whatever the level: two kinds have been seen.
fn pinned(test: &str, settings: &[&str], expected: &[(Level, &[&str])]) {
    let home = tempdir().expect("a folder");
    let mut wrong = Vec::new();
    for &(level, hashes) in expected {
        if !level.is_available() {
            let _ = writeln!(
                std::io::stderr(),
                "SKIPPED (processor) {test}: no {}",
                level.name()
            );
            continue;
        }
        let found = train(home.path(), level, settings);
        if !hashes.contains(&found.as_str()) {
            let hashes = hashes.join(" or ");
            wrong.push(format!("{}: {found} instead of {hashes}", level.name()));
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
                &["cbcd31a05f5e02fbcaa197206b313ec2eba43abaa59ee7435c5eb007c7821c78"],
            ),
            (
                Level::Avx2,
                &["2d7b68abec31596cc536ca2ff0dfc367e967b8c7045e2f101e20fc2dc370f432"],
            ),
            (
                Level::Avx512,
                &["2d7b68abec31596cc536ca2ff0dfc367e967b8c7045e2f101e20fc2dc370f432"],
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
                &["ce4b4b0a2e3bda638e0938558cc5a81d7cf74b8af28194e0d035cecf49cb7e01"],
            ),
            (
                Level::Avx2,
                &["91993be2715ac336a889d21ef60bd998a0e55416254133c32f7f5b4a0692a3fd"],
            ),
            (
                Level::Avx512,
                &["91993be2715ac336a889d21ef60bd998a0e55416254133c32f7f5b4a0692a3fd"],
            ),
        ],
    );
}

/// Burn's own operations choose their instructions themselves: pinned where those are AVX-512's.
#[test]
fn burns_own_kernels_end_with_the_same_bits() {
    pinned(
        "burns_own_kernels_end_with_the_same_bits",
        &["device.kernels=burn"],
        &[(
            Level::Avx512,
            &[
                "bc697fa88b7c0c440a72f2f9b5a0db3d7aa124f63ab50993a992c5fedbaf0edd",
                "74f7fb846a71cdfb9e4d2b5fe878c2324374bec99df13e68f2a98d6a05e63b72",
            ],
        )],
    );
}
