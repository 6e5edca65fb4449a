//! Hostile files and servers: every kept input of the fuzz targets (`fuzz/`), and random changes
//! of them. None may panic, hang, or cost more memory than its size allows.

mod targets;

use std::fs;
use std::panic::catch_unwind;
use std::path::{Path, PathBuf};

use gpu_mnist::data::idx::{self, Element, Header, Kind};
use gpu_mnist::picture::{self, Count, Target};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;
use targets::memory::most_held;

use crate::support::program;

/// What is kept for a target: inputs that cover its code, and those that once failed.
fn kept(target: &str) -> Vec<PathBuf> {
    let fuzz = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz");
    let mut found: Vec<PathBuf> = ["seeds", "regressions"]
        .iter()
        .flat_map(|kind| {
            fs::read_dir(fuzz.join(kind).join(target))
                .into_iter()
                .flatten()
        })
        .map(|entry| entry.expect("readable").path())
        .collect();
    found.sort();
    found
}

#[test]
fn kept_inputs_of_the_fuzz_targets_do_no_harm() {
    let mut ran = 0;
    for (name, target) in targets::ALL {
        let inputs = kept(name);
        assert!(!inputs.is_empty(), "nothing is kept for {name}");
        for path in inputs {
            let bytes = fs::read(&path).expect("read");
            let done = catch_unwind(|| target(&bytes));
            assert!(done.is_ok(), "{name} failed on {}", path.display());
            ran += 1;
        }
    }
    assert!(ran > 40, "only {ran} inputs");
}

/// The targets that need no server, with what is kept for each.
fn files() -> Vec<(targets::Target, Vec<Vec<u8>>)> {
    targets::ALL
        .into_iter()
        .filter(|(name, _)| *name != "mirror")
        .map(|(name, target)| {
            let inputs = kept(name);
            let read = |path: &PathBuf| fs::read(path).expect("read");
            (target, inputs.iter().map(read).collect())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..Default::default() })]

    #[test]
    fn changed_inputs_do_no_harm(
        target in any::<Index>(),
        input in any::<Index>(),
        changes in vec((any::<Index>(), any::<u8>(), 0..4u8), 1..8),
        cut in proptest::option::weighted(0.3, any::<Index>()),
    ) {
        let files = files();
        let (target, inputs) = target.get(&files);
        let mut bytes = input.get(inputs).clone();
        for (place, byte, how) in changes {
            if bytes.is_empty() {
                break;
            }
            let place = place.index(bytes.len());
            match how {
                0 => bytes[place] = byte,
                1 => bytes[place] ^= 1 << (byte % 8),
                2 => bytes.insert(place, byte),
                _ => drop(bytes.remove(place)),
            }
        }
        if let Some(cut) = cut && !bytes.is_empty() {
            let length = cut.index(bytes.len());
            bytes.truncate(length);
        }
        target(&bytes);
    }

    #[test]
    fn any_bytes_do_no_harm(bytes in vec(any::<u8>(), 0..200), target in any::<Index>()) {
        let files = files();
        (target.get(&files).0)(&bytes);
    }
}

/// A few bytes that promise more than any set has, plain and packed.
#[test]
fn a_small_file_costs_little_memory() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("items");
    let header = Header {
        element: Element::U8,
        dimensions: vec![u32::MAX, 128, 128, 3],
    };
    for promise in [header.encode(), crate::data::gzip(&header.encode())] {
        fs::write(&path, &promise).expect("written");
        let (read, held) = most_held(|| idx::read(&path, Kind::Images));
        assert!(read.is_err());
        assert!(held < 1 << 18, "{held} bytes for {}", promise.len());
    }

    // The counter counts, or the line above shows nothing.
    let (_, held) = most_held(|| vec![1u8; 1 << 22].len());
    assert!(held >= 1 << 22, "{held}");

    let huge = fs::read(kept_picture("huge.png")).expect("read");
    assert!(huge.len() < 200);
    let (_, held) = most_held(|| picture::prepare(&huge, &Target::MNIST, Count::Any));
    assert!(
        held < 1 << 30,
        "{held} bytes for a picture of {}",
        huge.len()
    );
}

fn kept_picture(name: &str) -> PathBuf {
    let kept = kept("picture");
    let found = kept.into_iter().find(|path| path.ends_with(name));
    found.expect("kept")
}

/// Devices, folders and pipes where files are expected.
#[cfg(unix)]
#[test]
fn what_is_no_file_is_refused_at_once() {
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    let zero = home.join("step-00000001.safetensors");
    std::os::unix::fs::symlink("/dev/zero", &zero).expect("linked");
    std::os::unix::fs::symlink("/dev/zero", home.join("bench.json")).expect("linked");
    let cases: [(&[&str], i32); 4] = [
        (&["config", "--config", "/dev/zero"], 2),
        (&["bench", "--cpu", "--compare", "bench.json"], 4),
        (&["predict", "/dev/zero"], 4),
        (&["evaluate", "step-00000001.safetensors"], 4),
    ];
    for (arguments, code) in cases {
        let assert = program(home).args(arguments).assert().code(code);
        let text = String::from_utf8_lossy(&assert.get_output().stderr).into_owned();
        assert!(!text.contains("panic") && text.contains("error:"), "{text}");
    }
}
