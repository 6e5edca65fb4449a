//! Folders of image files, and archives of them: classes, splits, odd files, what is kept, and the
//! commands from training to prediction.

use std::cell::Cell;
use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use gpu_mnist::config::{BrokenFiles, Colour, ImageSize};
use gpu_mnist::data::formats::{self, Reading};
use gpu_mnist::data::idx::images_file;
use gpu_mnist::data::image_set::Framing;
use gpu_mnist::data::split::hold_out;
use gpu_mnist::data::{DataError, ImageSet, ReadOptions, verify};
use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};
use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use sha2::{Digest, Sha256};
use tempfile::TempDir;

use super::read_set;
use crate::support::program;

const SIDE: u32 = 12;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// A photograph-like image: no plain background, a colour of its class, another one a number.
pub fn photograph(class: u32, number: u32, side: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        let noise = (x * 31 + y * 17 + number * 7 + x * y * 3) % 64;
        let mut pixel = [60 + noise as u8, 60 + noise as u8, 60 + noise as u8];
        pixel[(class % 3) as usize] += 100;
        Rgb(pixel)
    })
}

fn save(path: &Path, image: &DynamicImage, format: ImageFormat) {
    fs::create_dir_all(path.parent().expect("below a folder")).expect("made");
    image.save_with_format(path, format).expect("saved");
}

pub fn save_png(path: &Path, image: RgbImage) {
    save(path, &image.into(), ImageFormat::Png);
}

/// So many images of each class.
pub fn write_classes(folder: &Path, classes: &[&str], count: u32) {
    for (class, name) in (0..).zip(classes) {
        for number in 0..count {
            let path = folder.join(name).join(format!("{number}.png"));
            save_png(&path, photograph(class, number, SIDE));
        }
    }
}

fn read_with(path: &Path, change: impl FnOnce(&mut ReadOptions)) -> Result<ImageSet, DataError> {
    let mut reading = Reading::default();
    change(&mut reading.options);
    formats::read(path, &reading).map(|found| found.loaded.set)
}

pub fn said(path: &Path) -> String {
    let loaded = read_set(path).expect("a set").loaded;
    [loaded.notes, loaded.warnings].concat().join("\n")
}

/// `web/tests/page/own_images.spec.js` has the same images and the same hash: the page scales alike.
#[test]
fn scaled_images_are_those_that_the_page_makes() {
    let folder = folder();
    let waves = |width, height| {
        RgbImage::from_fn(width, height, |x, y| {
            let values = [x * 7 + y * 13, x * y, x * 3 + 5 * y];
            Rgb(values.map(|value| (value % 256) as u8))
        })
    };
    save_png(&folder.path().join("train/a/1.png"), waves(50, 41));
    save_png(&folder.path().join("train/b/1.png"), waves(7, 6));
    save_png(&folder.path().join("test/a/1.png"), waves(50, 41));
    let train = read_set(folder.path()).expect("a set").loaded.set.train;
    let file = images_file(train.shape, &train.images);
    let hash: String = Sha256::digest(&file)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect();
    assert_eq!(
        hash,
        "65594fe11800b8b88177b06f1f61e34bf1c8e19bc7fc74f0df15dc9f5f8dc6eb"
    );
}

#[test]
fn classes_are_sorted_as_people_count_and_keep_every_pixel() {
    let folder = folder();
    write_classes(folder.path(), &["10", "9", "2"], 5);
    let set = read_set(folder.path()).expect("a set").loaded.set;
    assert_eq!(set.description.class_names, ["2", "9", "10"]);
    assert_eq!(set.description.shape.to_string(), "12x12x3");
    assert_eq!(set.description.framing, Framing::Crop);
    assert_eq!(
        (set.train.len(), set.test.len()),
        (12, 3),
        "a fifth of each"
    );
    let sources = set.sources.as_ref().expect("files");
    for index in 0..set.train.len() {
        let path = &sources.train[index];
        let file = image::open(folder.path().join(path))
            .expect("there")
            .into_rgb8();
        assert_eq!(set.train.image(index), Some(&file.as_raw()[..]), "{path}");
        let class = path.split('/').next().expect("a class");
        let label = usize::from(set.train.labels[index]);
        assert_eq!(set.description.class_names[label], class);
    }
    for index in 0..set.test.len() {
        let file = image::open(folder.path().join(&sources.test[index])).expect("there");
        assert_eq!(set.test.image(index), Some(&file.into_rgb8().as_raw()[..]));
    }
}

/// The same test images for every seed of a run; others where `data.test_seed` says so.
#[test]
fn test_images_are_held_out_of_each_class() {
    let labels: Vec<u16> = (0..100).map(|index| u16::from(index % 10 == 0)).collect();
    let (train, test) = hold_out(&labels, 3, 0.2, 0);
    let of = |places: &[usize], label| places.iter().filter(|&&at| labels[at] == label).count();
    assert_eq!((of(&test, 0), of(&test, 1)), (18, 2));
    assert_eq!(train.len() + test.len(), 100);
    assert!(!train.iter().any(|place| test.contains(place)));
    assert_eq!(hold_out(&labels, 3, 0.2, 0), (train, test.clone()));
    assert_ne!(hold_out(&labels, 3, 0.2, 1).1, test);
    // Of two images one tests, the only one trains.
    assert_eq!(hold_out(&[0, 0, 1], 2, 0.01, 0).1.len(), 1);
    assert_eq!(hold_out(&[0, 0, 1], 2, 0.9, 0).0.len(), 2);

    let folder = folder();
    write_classes(folder.path(), &["a", "b"], 10);
    let tested = |seed, fraction| {
        let set = read_with(folder.path(), |options| {
            options.test_seed = seed;
            options.test_fraction = fraction;
        });
        set.expect("a set").sources.expect("files").test.clone()
    };
    assert_eq!(tested(0, 0.2), tested(0, 0.2));
    assert_ne!(tested(0, 0.2), tested(1, 0.2));
    assert_eq!(tested(0, 0.5).len(), 10);
}

#[test]
fn splits_are_known_by_their_folders() {
    let folder = folder();
    let at = folder.path();
    write_classes(&at.join("Train"), &["cat", "dog"], 4);
    write_classes(&at.join("validation"), &["cat", "dog"], 2);
    // Without a test folder the validation images judge the end.
    let set = read_set(at).expect("a set").loaded.set;
    assert_eq!((set.train.len(), set.test.len()), (8, 4));
    assert!(set.valid.is_none());
    assert!(said(at).contains("the images of the validation folder are used to test"));

    write_classes(&at.join("test"), &["cat", "dog"], 3);
    let set = read_set(at).expect("a set").loaded.set;
    assert_eq!((set.train.len(), set.test.len()), (8, 6));
    assert_eq!(set.valid.as_ref().map(|valid| valid.len()), Some(4));
    let sources = set.sources.as_ref().expect("files");
    assert!(
        sources
            .valid
            .iter()
            .all(|path| path.starts_with("validation/"))
    );
    assert!(sources.test.iter().all(|path| path.starts_with("test/")));
    let labels: Vec<u16> = (0..4).filter_map(|index| set.test.label(index)).collect();
    assert_eq!(labels, [0, 1, 0, 1], "classes take turns");

    // Only images to train on: a fifth of them tests.
    fs::remove_dir_all(at.join("test")).expect("removed");
    fs::remove_dir_all(at.join("validation")).expect("removed");
    let set = read_set(at).expect("a set").loaded.set;
    assert_eq!(set.train.len() + set.test.len(), 8);

    // A class may be called so, too.
    let vehicles = self::folder();
    write_classes(vehicles.path(), &["train", "car"], 3);
    let set = read_set(vehicles.path()).expect("a set").loaded.set;
    assert_eq!(set.description.class_names, ["car", "train"]);
    // One folder of classes below another folder.
    let below = self::folder();
    write_classes(&below.path().join("downloads/images"), &["a", "b"], 3);
    let found = read_set(below.path()).expect("a set");
    assert_eq!(found.path, below.path().join("downloads/images"));
}

#[test]
fn what_lies_between_images_is_left_out_and_said() {
    let folder = folder();
    let at = folder.path();
    write_classes(at, &["Katze mit Hut", "собака", "犬"], 4);
    write_classes(at, &["single"], 1);
    save_png(&at.join("犬/nested/deeper/9.png"), photograph(2, 9, SIDE));
    fs::create_dir(at.join("empty")).expect("made");
    fs::create_dir(at.join("__MACOSX")).expect("made");
    for (name, bytes) in [
        ("犬/broken.png", &b"\x89PNG\r\n\x1a\nbroken"[..]),
        ("犬/notes.txt", b"not an image"),
        ("犬/Thumbs.db", b"x"),
        ("犬/.hidden.png", b"x"),
        ("__MACOSX/a.png", b"x"),
        ("readme.md", b"in no folder of a class"),
    ] {
        fs::write(at.join(name), bytes).expect("written");
    }
    let set = read_set(at).expect("a set").loaded.set;
    assert_eq!(
        set.description.class_names,
        ["Katze mit Hut", "single", "собака", "犬"]
    );
    assert_eq!(set.train.len() + set.test.len(), 4 + 1 + 4 + 5);
    let single: Vec<usize> = [set.train.class_counts(), set.test.class_counts()]
        .iter()
        .map(|counts| counts[1])
        .collect();
    assert_eq!(single, [1, 0], "the only image trains");
    let said = said(at);
    for words in [
        "1 of 15 image files cannot be read and is left out:\n  犬/broken.png: damaged",
        "1 file that is not an image is left out",
        "empty folders, left out as classes: empty",
        "1 file lies in no folder of a class",
        "3 of 14 are held out to test",
    ] {
        assert!(said.contains(words), "`{words}` in {said}");
    }
}

/// Nothing is left to validate or test on, so nothing advises to evaluate.
#[test]
fn a_set_without_an_image_to_spare_is_trained_on_and_not_evaluated() {
    let home = folder();
    write_classes(&home.path().join("few"), &["a, b", "c"], 1);
    program(home.path())
        .args([
            "train",
            "--dataset",
            "few",
            "--epochs",
            "1",
            "--device",
            "cpu",
        ])
        .args(["--out", "run"])
        .assert()
        .code(0)
        .stderr(contains("2 classes: \"a, b\" 1, c 1"))
        .stdout(
            contains("trained, without validation, on few")
                .and(contains("there are no images"))
                .and(contains("gpu-mnist predict --run run IMAGE.png")),
        );
    program(home.path())
        .args(["data", "suspects", "run", "--device", "cpu"])
        .assert()
        .code(2)
        .stderr(contains("no test or validation images to look at"));
}

#[test]
fn broken_files_are_counted_and_the_setting_says_how_many_may_be() {
    let folder = folder();
    write_classes(folder.path(), &["a", "b"], 6);
    for index in 0..12 {
        let path = folder.path().join(format!("a/broken{index:02}.jpg"));
        fs::write(path, b"").expect("written");
    }
    let read = |allowed| read_with(folder.path(), |options| options.broken = allowed);
    let text = read(BrokenFiles::Few)
        .expect_err("half of them")
        .to_string();
    assert!(
        text.contains("12 of 24 image files cannot be read"),
        "{text}"
    );
    assert!(
        text.contains("broken09.jpg: empty (0 bytes)\n  and 2 more"),
        "{text}"
    );
    assert!(text.contains("--set data.broken=any"), "{text}");
    assert_eq!(read(BrokenFiles::Any).expect("the rest").train.len(), 10);
    fs::remove_file(folder.path().join("a/broken00.jpg")).expect("removed");
    fs::remove_file(folder.path().join("a/broken01.jpg")).expect("removed");
    assert_eq!(read(BrokenFiles::Few).expect("ten may be").train.len(), 10);
    let text = read(BrokenFiles::None).expect_err("refused").to_string();
    assert!(text.contains("10 of 22"), "{text}");
    assert!(text.contains("a training leaves out a few"), "{text}");
    let text = verify::verify(folder.path())
        .expect_err("not sound")
        .to_string();
    assert!(text.contains("10 of 22"), "{text}");
}

#[test]
fn sizes_colours_depths_and_transparency_may_differ() {
    let folder = folder();
    let at = folder.path();
    let grey = |side| ImageBuffer::from_fn(side, side, |x, y| Luma([(x * y * 5 % 200) as u8 + 20]));
    for (name, image, format) in [
        (
            "a/large.jpg",
            photograph(0, 1, 90).into(),
            ImageFormat::Jpeg,
        ),
        ("a/grey.bmp", DynamicImage::from(grey(20)), ImageFormat::Bmp),
        (
            "a/deep.png",
            DynamicImage::from(ImageBuffer::from_fn(16, 16, |x, y| {
                Luma([(x * 4000 + y * 90) as u16])
            })),
            ImageFormat::Png,
        ),
        (
            "b/clear.png",
            DynamicImage::from(RgbaImage::from_fn(40, 30, |x, _| {
                Rgba([200, 30, 30, if x < 20 { 0 } else { 255 }])
            })),
            ImageFormat::Png,
        ),
        ("b/wide.gif", photograph(1, 2, 24).into(), ImageFormat::Gif),
        ("b/web.webp", photograph(1, 3, 33).into(), ImageFormat::WebP),
    ] {
        save(&at.join(name), &image, format);
    }
    let shape = |size, colour| {
        let set = read_with(at, |options| {
            options.size = size;
            options.colour = colour;
        });
        set.expect("a set").description.shape.to_string()
    };
    assert_eq!(shape(ImageSize::AUTO, Colour::Auto), "32x32x3");
    assert_eq!(shape(ImageSize::Square(24), Colour::Grey), "24x24");
    assert_eq!(shape(ImageSize::Sides([8, 20]), Colour::Rgb), "8x20x3");
    assert!(said(at).contains("16 to 90"), "{}", said(at));

    // All of one size that is too large, and grey in every pixel.
    let common = self::folder();
    for class in ["a", "b"] {
        for index in 0..3 {
            let path = common.path().join(format!("{class}/{index}.png"));
            save(&path, &DynamicImage::from(grey(200)), ImageFormat::Png);
        }
    }
    let set = read_set(common.path()).expect("a set").loaded.set;
    assert_eq!(set.description.shape.to_string(), "32x32");
    // And what predict makes of such a file is the image that was trained on.
    let file = common
        .path()
        .join(&set.sources.as_ref().expect("files").train[0]);
    let target = set.description.target();
    let bytes = fs::read(file).expect("there");
    let drawn = gpu_mnist::picture::prepare(&bytes, &target, gpu_mnist::picture::Count::Any);
    let drawn = drawn.expect("a picture");
    assert_eq!(set.train.image(0), Some(&drawn[0].pixels[..]));
}

#[test]
fn archives_are_read_as_the_folders_they_hold() {
    let folder = folder();
    let at = folder.path().join("pets");
    write_classes(&at.join("train"), &["cat", "dog"], 4);
    write_classes(&at.join("test"), &["cat", "dog"], 2);
    // A name that only a long header holds.
    let long = format!("train/cat/{}.png", "n".repeat(150));
    save_png(&at.join(&long), photograph(0, 50, SIDE));
    let mut expected = read_set(&at).expect("a set").loaded.set;

    let packed = folder.path().join("packed.any");
    let file = fs::File::create(&packed).expect("made");
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    tar.append_dir_all("./pets", &at).expect("packed");
    tar.into_inner()
        .and_then(GzEncoder::finish)
        .expect("packed");

    let zipped = folder.path().join("zipped.any");
    let mut zip = zip::ZipWriter::new(fs::File::create(&zipped).expect("made"));
    let options = zip::write::SimpleFileOptions::default();
    let sources = expected.sources.as_ref().expect("files");
    for path in sources.train.iter().chain(&sources.test) {
        zip.start_file(format!("pets/{path}"), options)
            .expect("packed");
        let bytes = fs::read(at.join(path)).expect("there");
        zip.write_all(&bytes).expect("packed");
    }
    zip.finish().expect("packed");

    for archive in [&packed, &zipped] {
        let set = read_set(archive).expect("a set").loaded.set;
        expected.description.name.clone_from(&set.description.name);
        assert_eq!(set.description, expected.description);
        assert_eq!((&set.train, &set.test), (&expected.train, &expected.test));
    }
    // Cut short, an archive is no smaller set.
    let bytes = fs::read(&packed).expect("there");
    fs::write(&packed, &bytes[..bytes.len() - 200]).expect("written");
    let text = read_set(&packed).expect_err("cut short").to_string();
    assert!(text.contains("cannot be read"), "{text}");
}

#[test]
fn a_set_that_is_too_large_is_refused_before_anything_is_decoded() {
    let folder = folder();
    fs::create_dir_all(folder.path().join("a")).expect("made");
    fs::create_dir_all(folder.path().join("b")).expect("made");
    let image = photograph(0, 0, 128);
    for class in ["a", "b"] {
        save_png(&folder.path().join(class).join("0.png"), image.clone());
    }
    // More than 2 GiB at 128x128 in colour.
    for number in 0..43_700 {
        fs::write(folder.path().join(format!("a/{number}.jpg")), b"").expect("written");
    }
    let text = read_set(folder.path()).expect_err("too large").to_string();
    assert!(
        text.contains("43702 images of 128x128x3 take 2.1 GB"),
        "{text}"
    );
    assert!(text.contains("data.size"), "{text}");
}

/// The second time nothing is decoded; a damaged entry counts as none; of many the last are kept.
#[test]
fn decoded_images_are_kept() {
    let folder = folder();
    let cache = self::folder();
    write_classes(&folder.path().join("set"), &["a", "b"], 5);
    let decoded = Cell::new(0);
    let read = || {
        let counted = std::sync::atomic::AtomicUsize::new(0);
        let progress = |done: usize, _: usize| {
            counted.store(done, std::sync::atomic::Ordering::Relaxed);
        };
        let reading = Reading {
            cache: Some(cache.path().to_owned()),
            progress: &progress,
            ..Reading::default()
        };
        let found = formats::read(&folder.path().join("set"), &reading).expect("a set");
        decoded.set(counted.into_inner());
        found.loaded
    };
    let kept = || {
        let entries = fs::read_dir(cache.path()).expect("there");
        entries
            .map(|entry| entry.expect("there").path())
            .collect::<Vec<_>>()
    };
    let first = read();
    assert_eq!((decoded.get(), kept().len()), (10, 1));
    let second = read();
    assert_eq!(decoded.get(), 0, "from the cache");
    assert_eq!(first.set, second.set);
    assert_eq!(first.notes, second.notes);
    // Any changed byte is seen, and so is a cut file.
    let file = kept().remove(0);
    let whole = fs::read(&file).expect("there");
    for (place, length) in [
        (9, whole.len()),
        (whole.len() / 2, whole.len()),
        (0, 40),
        (0, 3),
    ] {
        let mut bytes = whole[..length].to_vec();
        bytes[if length < whole.len() { 0 } else { place }] ^= 1;
        fs::write(&file, bytes).expect("written");
        assert_eq!(read().set, first.set);
        assert_eq!(decoded.get(), 10, "byte {place} of {length}");
    }
    for number in 5..10 {
        save_png(
            &folder.path().join(format!("set/a/{number}.png")),
            photograph(0, number, SIDE),
        );
        read();
        assert_eq!(decoded.get(), number as usize + 6, "another file");
    }
    assert_eq!(kept().len(), 4);
}

/// What is kept of an archive is found without unpacking it: by its place, length and date.
#[test]
fn a_kept_archive_is_not_unpacked_again() {
    let folder = folder();
    let cache = self::folder();
    let at = folder.path().join("set");
    write_classes(&at, &["a", "b"], 5);
    let packed = folder.path().join("set.tar.gz");
    let file = fs::File::create(&packed).expect("made");
    let mut tar = tar::Builder::new(GzEncoder::new(file, Compression::fast()));
    tar.append_dir_all("set", &at).expect("packed");
    tar.into_inner()
        .and_then(GzEncoder::finish)
        .expect("packed");
    let read = || {
        let reading = Reading {
            cache: Some(cache.path().to_owned()),
            ..Reading::default()
        };
        formats::read(&packed, &reading).map(|found| found.loaded.set)
    };
    let first = read().expect("a set");
    // The checksum of what is packed: only who unpacks all of it sees that.
    let date = fs::metadata(&packed).and_then(|file| file.modified());
    let date = date.expect("a date");
    let mut bytes = fs::read(&packed).expect("there");
    let end = bytes.len() - 6;
    bytes[end] ^= 1;
    fs::write(&packed, bytes).expect("written");
    let file = fs::File::options().write(true).open(&packed);
    let file = file.expect("there");
    file.set_modified(date).expect("dated");
    assert_eq!(read().expect("kept"), first);
    let later = date + std::time::Duration::from_secs(1);
    file.set_modified(later).expect("dated");
    let text = read().expect_err("another archive").to_string();
    assert!(text.contains("cannot be read"), "{text}");
}

/// Nobody may ever write into a pipe that lies among the files.
#[cfg(unix)]
#[test]
fn a_pipe_among_the_files_is_passed_over() {
    let folder = folder();
    let at = folder.path().to_owned();
    write_classes(&at.join("set"), &["a", "b"], 5);
    for place in ["pipe", "set/pipe", "set/a/0pipe.png"] {
        let made = std::process::Command::new("mkfifo")
            .arg(at.join(place))
            .status();
        assert!(made.expect("mkfifo").success());
    }
    let (tell, told) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(read_set(&at).map(|found| found.loaded.set.train.len())));
    let read = told.recv_timeout(std::time::Duration::from_secs(60));
    assert_eq!(read.expect("an end").expect("a set"), 8);
}

#[test]
fn reading_ends_when_it_is_cancelled() {
    let folder = folder();
    write_classes(folder.path(), &["a", "b"], 3);
    let reading = Reading {
        cancelled: &|| true,
        ..Reading::default()
    };
    let error = formats::read(folder.path(), &reading).expect_err("cancelled");
    assert!(matches!(error, DataError::Cancelled { .. }), "{error}");
}

/// From a folder to a classifier: every command works on it, and the second start decodes nothing.
#[test]
fn the_commands_take_a_folder_of_images() {
    let home = folder();
    let at = home.path();
    write_classes(&at.join("my images"), &["red", "green", "blue"], 30);
    fs::write(at.join("my images/red/broken.jpg"), b"\xff\xd8\xff").expect("written");
    let train = |more: &[&str]| {
        let mut command = program(at);
        command.args(["train", "--dataset", "my images", "--device", "cpu"]);
        command.args([
            "--set",
            "model.layers=[{convolution=4,kernel=3,pool=2},{linear=16}]",
            "--batch-size",
            "16",
        ]);
        command.args(more);
        command
    };
    train(&["--epochs", "4", "--out", "run"])
        .assert()
        .success()
        .stderr(
            contains("images in folders: 72 images to train on, 18 to test, 12x12x3, 3 classes: blue 24, green 24, red 24")
                .and(contains("1 of 91 image files cannot be read and is left out"))
                .and(contains("red/broken.jpg")),
        )
        .stdout(contains("red"));
    train(&["--epochs", "1", "--out", "again", "--seed", "7"])
        .assert()
        .success()
        .stderr(contains("decoded images from"));
    // The seed of a run does not change what tests it.
    program(at)
        .args(["evaluate", "run", "again", "--device", "cpu"])
        .assert()
        .success();
    program(at)
        .args(["evaluate", "run", "--device", "cpu"])
        .assert()
        .success()
        .stdout(contains("18"));
    program(at)
        .args(["predict", "--run", "run", "--device", "cpu"])
        .arg("my images/green/3.png")
        .assert()
        .stdout(contains("green"));
    program(at).args(["report", "run"]).assert().success();
    program(at)
        .args([
            "train", "--resume", "run", "--epochs", "5", "--device", "cpu",
        ])
        .assert()
        .success();
    program(at)
        .args(["data", "verify", "my images"])
        .assert()
        .code(4)
        .stderr(contains("red/broken.jpg"));
    fs::remove_file(at.join("my images/red/broken.jpg")).expect("removed");
    program(at)
        .args(["data", "verify", "my images", "--json"])
        .assert()
        .success()
        .stdout(contains("\"format\":\"images in folders\""));
    // Other images are refused, whatever the folder is called.
    save_png(&at.join("my images/red/new.png"), photograph(0, 77, SIDE));
    program(at)
        .args(["evaluate", "run", "--device", "cpu"])
        .assert()
        .code(4);
}

/// Archives and tables that are damaged anywhere are read or refused, without a panic.
#[test]
fn damaged_archives_are_judged() {
    let folder = folder();
    let at = folder.path().join("set");
    write_classes(&at, &["a", "b"], 2);
    let mut files: Vec<Vec<u8>> = Vec::new();
    let mut tar = tar::Builder::new(Vec::new());
    tar.append_dir_all("set", &at).expect("packed");
    files.push(tar.into_inner().expect("packed"));
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed.write_all(&files[0]).expect("packed");
    files.push(packed.finish().expect("packed"));
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["a/0.png", "b/0.png", "train_images.npy"] {
        let options = zip::write::SimpleFileOptions::default();
        zip.start_file(name, options).expect("packed");
        let bytes =
            fs::read(at.join(name)).unwrap_or_else(|_| b"\x93NUMPY\x01\x00v\x00{'descr'".to_vec());
        zip.write_all(&bytes).expect("packed");
    }
    files.push(zip.finish().expect("packed").into_inner());
    let path = folder.path().join("damaged");
    let mut state = 1u64;
    for whole in files {
        for _ in 0..150 {
            let mut bytes = whole.clone();
            for _ in 0..3 {
                state = state
                    .wrapping_mul(6_364_136_223_846_793_005)
                    .wrapping_add(1);
                let place = (state >> 33) as usize % bytes.len();
                bytes[place] = (state >> 20) as u8;
            }
            bytes.truncate(bytes.len() - (state >> 40) as usize % 600);
            fs::write(&path, &bytes).expect("written");
            if let Err(error) = read_set(&path) {
                assert!(!error.to_string().is_empty());
            }
        }
    }
}
