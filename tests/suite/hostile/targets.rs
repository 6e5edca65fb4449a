//! What each fuzz target does with its input. `fuzz/` runs these under libFuzzer, the suite on
//! every input that is kept in `fuzz/regressions/`.

// Each fuzz target uses one of them.
#![allow(dead_code)]

#[path = "memory.rs"]
pub mod memory;
#[path = "mirror.rs"]
mod mirror;

use std::cell::OnceCell;
use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use gpu_mnist::bench::compare;
use gpu_mnist::config::{Layers, Origin};
use gpu_mnist::data::Split;
use gpu_mnist::data::idx::{self, Items, Kind};
use gpu_mnist::data::image_set::Framing;
use gpu_mnist::device::Device;
use gpu_mnist::evaluation::inference;
use gpu_mnist::picture::{self, Count};
use gpu_mnist::report::look::Look;
use gpu_mnist::report::{self, Format, page, record::Record};
use gpu_mnist::runs::metrics;
use gpu_mnist::runs::seeds_record::SeedsRecord;
use gpu_mnist::runs::{checkpoint, weights};
use gpu_mnist::training::schedule::Schedule;
use safetensors::SafeTensors;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

pub use mirror::mirror;

/// Does with an input what the program would, and panics where that does harm.
pub type Target = fn(&[u8]);

/// The targets by the names of their folders in `fuzz/regressions/`.
pub const ALL: [(&str, Target); 7] = [
    ("idx", idx),
    ("checkpoint", checkpoint),
    ("weights", weights),
    ("settings", settings),
    ("picture", picture),
    ("saved", saved),
    ("mirror", mirror),
];

const MIB: usize = 1 << 20;

/// An IDX file, packed or not; the first byte says whether of images.
pub fn idx(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let kind = match choice & 1 {
        0 => Kind::Images,
        _ => Kind::Labels,
    };
    let path = scratch("items", bytes);
    // Deflate expands a byte to at most 1032, and growing holds the bytes twice. Labels become
    // two bytes each.
    let most = match bytes.starts_with(&[0x1f, 0x8b]) {
        true => 4 * 1032 * bytes.len(),
        false => 4 * bytes.len(),
    } + MIB;
    let read = within(most, || idx::read(&path, kind));
    let parsed = within(most, || idx::parse(bytes, kind, &|_, _| true));
    match (read, parsed) {
        (Ok((items, summary)), Ok((parsed, hashed))) => {
            assert_eq!(items, parsed);
            assert_eq!(summary.header, hashed.header);
            assert!(hashed.unpacked_sha256.is_some());
            let copy = path.with_file_name("copy");
            match &items {
                Items::Images { shape, bytes } => {
                    assert_eq!(bytes.len(), summary.count * shape.bytes());
                    idx::write_images(&copy, *shape, bytes)
                }
                Items::Labels(labels) => {
                    assert_eq!(labels.len(), summary.count);
                    assert!(labels.iter().all(|&label| label < 1000));
                    idx::write_labels(&copy, labels)
                }
            }
            .expect("what was read can be written");
            assert_eq!(idx::read(&copy, kind).expect("and read").0, items);
        }
        (Err(error), Err(_)) => assert!(!error.to_string().is_empty()),
        (read, parsed) => panic!("read: {read:?}, parsed: {parsed:?}"),
    }
}

/// A checkpoint, as it is and with a checksum that fits.
pub fn checkpoint(data: &[u8]) {
    let most = 64 * data.len() + 8 * MIB;
    for bytes in [Some(data.to_vec()), sealed(data)].into_iter().flatten() {
        let path = scratch("step-00000001.safetensors", &bytes);
        let Ok(read) = within(most, || checkpoint::load(&path)) else {
            continue;
        };
        checkpoint::save(&path, &read).expect("what was read can be written");
        let again = checkpoint::load(&path).expect("and read");
        // By their text, because NaN is not equal to itself.
        assert_eq!(format!("{read:?}"), format!("{again:?}"));
        let mut layers = Layers::default();
        let _ = layers.overlay(&read.settings, &Origin::Set);
    }
}

/// Weights, as they are and with a checksum that fits: what can be read must give probabilities.
pub fn weights(data: &[u8]) {
    for bytes in [Some(data.to_vec()), sealed(data)].into_iter().flatten() {
        weights_of(&bytes);
    }
}

fn weights_of(data: &[u8]) {
    thread_local! {
        static DEVICE: OnceCell<Device> = const { OnceCell::new() };
    }
    let device = DEVICE.with(|cell| cell.get_or_init(Device::cpu).clone());
    let path = scratch("model.safetensors", data);
    let most = 64 * data.len() + 8 * MIB;
    let Ok((model, description)) = within(most, || weights::load(&path, &device)) else {
        return;
    };
    // A wide layer on a deep one takes seconds a picture, and a fuzzer finds it.
    if data.len() > MIB / 4 {
        return;
    }
    let config = Layers::default().resolve().expect("the defaults");
    let network = description.network();
    let split = Split {
        shape: network.input,
        classes: network.classes,
        images: vec![128; network.input.bytes()],
        labels: vec![0],
    };
    let normalisation = description.normalisation;
    let answers = inference::classify(&model, &split, normalisation, &config, &device);
    let answers = pollster::block_on(answers).expect("a network that was read answers");
    assert_eq!(answers.len(), 1);
}

/// A settings file, its first line also as `--set`.
pub fn settings(data: &[u8]) {
    let Ok(text) = std::str::from_utf8(data) else {
        return;
    };
    let mut layers = Layers::default();
    let first = text.lines().next().unwrap_or_default();
    if let Err(error) = layers.assign(first) {
        assert!(!error.to_string().is_empty());
    }
    let mut layers = Layers::default();
    let overlaid = within(256 * text.len() + 8 * MIB, || {
        layers.overlay(text, &Origin::Set)
    });
    if let Err(error) = overlaid {
        assert!(!error.to_string().is_empty());
        return;
    }
    let config = match layers.resolve() {
        Ok(config) => config,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let steps = 60_000 * config.training.epochs;
    let schedule = Schedule::new(&config.training, steps);
    for step in [0, steps / 2, steps - 1] {
        let _ = schedule.learning_rate(step);
    }
    let mut again = Layers::default();
    again
        .overlay(&layers.to_toml(), &Origin::Set)
        .expect("resolved settings can be read");
    assert_eq!(again.resolve().expect("in range"), config);
}

/// A picture file.
pub fn picture(data: &[u8]) {
    for framing in [Framing::CentreOfMass, Framing::Whole, Framing::Crop] {
        let target = picture::Target {
            framing,
            ..picture::Target::MNIST
        };
        match within(1280 * MIB, || picture::prepare(data, &target, Count::Any)) {
            Ok(drawings) => {
                assert!(!drawings.is_empty());
                for drawing in drawings {
                    assert_eq!(drawing.pixels.len(), target.shape.bytes());
                }
            }
            Err(error) => assert!(!error.to_string().is_empty()),
        }
    }
}

/// A saved measurement or a file of a run folder; the first byte says which.
pub fn saved(data: &[u8]) {
    let Some((&choice, bytes)) = data.split_first() else {
        return;
    };
    let most = 256 * data.len() + 8 * MIB;
    match choice % 5 {
        0 => {
            let path = scratch("bench.json", bytes);
            let Ok(saved) = within(most, || compare::load(&path)) else {
                return;
            };
            let samples: usize = saved
                .rows
                .iter()
                .flat_map(|row| &row.samples_ms)
                .map(Vec::len)
                .sum();
            if samples < 100 {
                let rows = compare::compare(&saved.rows, &saved.work, &saved, 0.05);
                let _ = compare::slower_than(&rows, 5.0);
            }
            let formats = [
                report::Format::Text,
                report::Format::Csv,
                report::Format::Markdown,
            ];
            for format in formats {
                let _ = report::bench::render(&saved, format, &Look::plain());
            }
        }
        1 => {
            let path = scratch("metrics.jsonl", bytes);
            let _ = within(most, || metrics::read(&path));
        }
        2 => {
            let path = scratch("seeds.json", bytes);
            let read = within(most, || SeedsRecord::read(path.parent().expect("a folder")));
            fs::remove_file(&path).expect("removed");
            if let Ok(Some(mut record)) = read {
                let _ = report::seeds::seeds(&record, &Look::plain());
                let _ = page::comparison(&[], std::slice::from_ref(&record));
                record.summarise(0.5);
            }
        }
        kind => {
            // A run folder: its record, and beside a sound one its metrics or its worst pictures.
            let (name, with) = match kind {
                3 => ("run.json", None),
                _ => ("worst.json", Some(RUN)),
            };
            let path = scratch(name, bytes);
            let folder = path.parent().expect("a folder");
            if let Some(run) = with {
                fs::write(folder.join("run.json"), run).expect("written");
            }
            if let Ok(record) = within(most, || Record::read(folder)) {
                let _ = page::run(&record);
                if let Some(evaluation) = &record.run.evaluation {
                    for format in [Format::Text, Format::Csv, Format::Markdown, Format::Json] {
                        let _ = report::render(evaluation, format, &Look::plain());
                    }
                }
            }
            fs::remove_file(&path).expect("removed");
            let _ = fs::remove_file(folder.join("run.json"));
        }
    }
}

/// The record of a run on built-in digits.
const RUN: &str = include_str!("run.json");

/// Runs `work` and fails when it held more than `most` bytes at a time.
fn within<R>(most: usize, work: impl FnOnce() -> R) -> R {
    let (result, held) = memory::most_held(work);
    assert!(
        held <= most,
        "{held} bytes were held, at most {most} may be"
    );
    result
}

/// A file of these bytes, in a folder of this thread's own, in memory where the system has that.
fn scratch(name: &str, bytes: &[u8]) -> PathBuf {
    thread_local! {
        static FOLDER: TempDir = {
            let memory = Path::new("/dev/shm");
            match memory.is_dir() {
                true => tempfile::tempdir_in(memory),
                false => tempfile::tempdir(),
            }
            .expect("a folder")
        };
    }
    let path = FOLDER.with(|folder| folder.path().join(name));
    fs::write(&path, bytes).expect("written");
    path
}

/// The file with the checksum that a checkpoint of its contents has; `None` for no safetensors.
pub fn sealed(bytes: &[u8]) -> Option<Vec<u8>> {
    let (_, header) = SafeTensors::read_metadata(bytes).ok()?;
    let file = SafeTensors::deserialize(bytes).ok()?;
    let mut metadata: HashMap<String, String> = header.metadata().clone()?;
    metadata.remove("sha256");
    let mut names = file.names();
    names.sort();
    let mut hash = Sha256::new();
    let mut add = |bytes: &[u8]| {
        hash.update((bytes.len() as u64).to_le_bytes());
        hash.update(bytes);
    };
    let mut entries: Vec<_> = metadata.iter().collect();
    entries.sort();
    for (key, value) in entries {
        add(key.as_bytes());
        add(value.as_bytes());
    }
    let mut views = Vec::new();
    for name in names {
        let view = file.tensor(name).ok()?;
        add(name.as_bytes());
        add(view.data());
        views.push((name, view));
    }
    let sum: String = hash
        .finalize()
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    metadata.insert("sha256".into(), sum);
    safetensors::serialize(views, Some(metadata)).ok()
}
