//! Event files: the framing, the checksums and what the events say. That TensorBoard itself reads
//! them is in `tests/interop/tensorboard_events.py`.

use std::fs;
use std::path::{Path, PathBuf};

use gpu_mnist::evaluation::confusion::Confusion;
use gpu_mnist::runs::tensorboard::messages::{Event, event, value};
use gpu_mnist::runs::tensorboard::{EventWriter, confusion_picture};
use prost::Message;

use crate::support::{interop, program, write_dataset};

/// The events of a file; fails on a record that is not whole.
fn events(path: &Path) -> Vec<Event> {
    let bytes = fs::read(path).expect("read");
    let mut rest = bytes.as_slice();
    let mut found = Vec::new();
    while !rest.is_empty() {
        let length = u64::from_le_bytes(rest[..8].try_into().expect("8 bytes")) as usize;
        assert_eq!(checksum(&rest[..8]), rest[8..12], "checksum of the length");
        let data = &rest[12..12 + length];
        assert_eq!(checksum(data), rest[12 + length..16 + length], "checksum");
        found.push(Event::decode(data).expect("an event"));
        rest = &rest[16 + length..];
    }
    found
}

/// CRC-32C bit by bit, masked as the TFRecord format says.
fn checksum(bytes: &[u8]) -> [u8; 4] {
    let mut crc = u32::MAX;
    for &byte in bytes {
        crc ^= u32::from(byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0x82f6_3b78 & (crc & 1).wrapping_neg());
        }
    }
    (!crc)
        .rotate_right(15)
        .wrapping_add(0xa282_ead8)
        .to_le_bytes()
}

fn event_files(folder: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = fs::read_dir(folder)
        .expect("read")
        .map(|entry| entry.expect("an entry").path())
        .filter(|path| path.to_string_lossy().contains("tfevents"))
        .collect();
    found.sort();
    found
}

#[test]
fn the_checksum_of_this_test_is_the_known_one() {
    // CRC-32C of "123456789" is 0xe3069283.
    let masked = 0xe306_9283_u32.rotate_right(15).wrapping_add(0xa282_ead8);
    assert_eq!(checksum(b"123456789"), masked.to_le_bytes());
}

#[test]
fn a_file_holds_its_version_then_scalars_and_pictures() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut writer = EventWriter::create(folder.path(), 0).expect("created");
    writer
        .scalars(7, &[("a", 0.5), ("b", -2.0)])
        .expect("written");
    let counts = (0..10).map(|row| (0..10).map(|column| row * 10 + column).collect());
    let confusion = Confusion::new(counts.collect());
    writer.confusion(8, "c", &confusion).expect("written");
    let found = events(writer.path());
    assert_eq!(found.len(), 3);
    let version = event::What::FileVersion("brain.Event:2".into());
    assert_eq!(found[0].what, Some(version));
    let Some(event::What::Summary(summary)) = &found[1].what else {
        panic!("{:?}", found[1]);
    };
    let values: Vec<_> = summary
        .values
        .iter()
        .map(|value| (value.tag.as_str(), value.what.clone()))
        .collect();
    assert_eq!(found[1].step, 7);
    assert_eq!(values[0], ("a", Some(value::What::SimpleValue(0.5))));
    assert_eq!(values[1], ("b", Some(value::What::SimpleValue(-2.0))));
    let Some(event::What::Summary(summary)) = &found[2].what else {
        panic!("{:?}", found[2]);
    };
    let Some(value::What::Image(picture)) = &summary.values[0].what else {
        panic!("{summary:?}");
    };
    let decoded = image::load_from_memory(&picture.encoded).expect("a PNG");
    assert_eq!(decoded.width() as i32, picture.width);
    assert_eq!(decoded.height() as i32, picture.height);
    assert_eq!(decoded.to_rgb8(), confusion_picture(confusion.counts()));
}

/// A run that was killed before its first checkpoint starts again at step 0: what its old file has
/// of later steps is dropped, so that no curve runs backwards.
#[test]
fn a_second_file_of_a_folder_replaces_the_steps_of_the_first() {
    let folder = tempfile::tempdir().expect("a folder");
    let mut killed = EventWriter::create(folder.path(), 0).expect("created");
    killed.scalars(5, &[("a", 0.5)]).expect("written");
    let again = EventWriter::create(folder.path(), 0).expect("created");
    assert_ne!(again.path(), killed.path());
    let first = events(killed.path());
    assert!(
        !(first.iter()).any(|event| matches!(event.what, Some(event::What::SessionLog(_)))),
        "{first:?}"
    );
    let found = events(again.path());
    assert!(matches!(found[1].what, Some(event::What::SessionLog(_))));
    assert_eq!(found[1].step, 1);
}

#[test]
fn a_confusion_picture_shades_right_and_wrong_cells() {
    let mut counts = vec![vec![0; 10]; 10];
    counts[4][4] = 123_456_789;
    counts[4][9] = 1;
    counts[2][3] = 5;
    let picture = confusion_picture(&counts);
    let (width, height) = (picture.width() / 11, picture.height() / 11);
    let corner = |truth: u32, predicted: u32| {
        picture
            .get_pixel((predicted + 1) * width + 1, (truth + 1) * height + 1)
            .0
    };
    assert_eq!(corner(4, 4), [33, 102, 172]);
    assert_eq!(corner(2, 3), [178, 24, 43]);
    assert_eq!(corner(0, 0), [255, 255, 255]);
    assert_ne!(corner(4, 9), [255, 255, 255]);
}

#[test]
fn a_resumed_run_starts_a_new_file_that_replaces_later_steps() {
    let home = tempfile::tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 600, 100);
    let train = |arguments: &[&str]| {
        program(home)
            .args(["train", "--device", "cpu", "--tensorboard"])
            .args(arguments)
            .assert()
            .code(0);
    };
    let validation = "data.validation_size=100";
    train(&["--dataset", "digits", "--set", validation, "--out", "run"]);
    let run = home.join("run");
    let first = event_files(&run);
    assert_eq!(first.len(), 1);
    train(&["--resume", "run", "--epochs", "2"]);
    let second = event_files(&run);
    assert_eq!(second[0], first[0]);
    let found = events(&second[1]);
    // One epoch of 500 pictures is two steps.
    assert_eq!(found[1].step, 3);
    assert!(matches!(found[1].what, Some(event::What::SessionLog(_))));
    let tags: Vec<(i64, String)> = found
        .iter()
        .filter_map(|event| match &event.what {
            Some(event::What::Summary(summary)) => Some((event.step, summary)),
            _ => None,
        })
        .flat_map(|(step, summary)| {
            summary
                .values
                .iter()
                .map(move |value| (step, value.tag.clone()))
        })
        .collect();
    for tag in [
        "loss/train",
        "accuracy/train",
        "learning_rate",
        "loss/validation",
        "accuracy/validation",
        "confusion/validation",
        "loss/test",
        "accuracy/test",
        "confusion/test",
    ] {
        assert!(tags.contains(&(4, tag.into())), "{tag}: {tags:?}");
    }
    interop(home, "tensorboard_events.py", &["run"]);
}
