//! A folder with runs, sets and files that are as they should be, and many that are not.

use std::fs;
use std::io::Write;
use std::path::Path;

use flate2::Compression;
use flate2::write::GzEncoder;
use image::{GrayImage, Luma};
use zip::write::SimpleFileOptions;

use crate::support::{program, write_dataset};

const LABELS: &str = "train-labels-idx1-ubyte";
const IMAGES: &str = "train-images-idx3-ubyte";

/// Settings for trainings that take a tenth of a second.
const SMALL: &str = "\
[data]
set = \"digits\"
validation_size = 100
[device]
kind = \"cpu\"
[model]
layers = [{ convolution = 8, kernel = 3, pool = 2 }, { linear = 16 }]
";

pub fn make(home: &Path) {
    let write = |name: &str, bytes: &[u8]| {
        let path = home.join(name);
        fs::create_dir_all(path.parent().expect("a folder")).expect("made");
        fs::write(path, bytes).expect("written");
    };
    write("small.toml", SMALL.as_bytes());
    write_dataset(&home.join("digits"), 600, 100);
    idx(home, &write);
    folders(home, &write);
    arrays(home, &write);
    pictures(home, &write);
    specs(&write);
    runs(home, &write);
}

type Put<'a> = &'a dyn Fn(&str, &[u8]);

/// The four files, one of them spoilt.
fn idx(home: &Path, write: Put<'_>) {
    write_dataset(&home.join("good"), 60, 20);
    let images = fs::read(home.join("good").join(IMAGES)).expect("read");
    let labels = fs::read(home.join("good").join(LABELS)).expect("read");
    let spoilt = |name: &str, file: &str, bytes: &[u8]| {
        write_dataset(&home.join(name), 60, 20);
        write(&format!("{name}/{file}"), bytes);
    };
    let packed = |bytes: &[u8]| {
        let mut packer = GzEncoder::new(Vec::new(), Compression::default());
        packer.write_all(bytes).expect("packed");
        packer.finish().expect("packed")
    };
    let in_gzip = |name: &str, bytes: &[u8]| {
        spoilt(name, &format!("{LABELS}.gz"), bytes);
        fs::remove_file(home.join(name).join(LABELS)).expect("removed");
    };
    let with = |place: usize, byte: u8, bytes: &[u8]| {
        let mut bytes = bytes.to_vec();
        bytes[place] = byte;
        bytes
    };
    let sized = |count: u32, rest: &[u8]| [&labels[..4], &count.to_be_bytes(), rest].concat();
    spoilt("idx-empty", LABELS, b"");
    spoilt("idx-header", LABELS, &labels[..6]);
    spoilt("idx-web-page", LABELS, b"<!DOCTYPE html><html></html>");
    spoilt("idx-swapped", LABELS, &images);
    spoilt(
        "idx-little",
        LABELS,
        &[&[1, 8, 0, 0, 60, 0, 0, 0], &labels[8..]].concat(),
    );
    spoilt("idx-floats", IMAGES, &with(2, 0x0d, &images));
    spoilt("idx-none", LABELS, &sized(0, b""));
    spoilt("idx-short", LABELS, &labels[..60]);
    spoilt("idx-long", LABELS, &[&labels[..], b"xx"].concat());
    spoilt("idx-fewer", LABELS, &sized(50, &labels[8..58]));
    spoilt(
        "idx-label",
        LABELS,
        &[&labels[..2], &[0x0c, 1, 0, 0, 0, 60], &[0xff; 240]].concat(),
    );
    spoilt("idx-classes", "classes.txt", b"a\nb\n");
    spoilt("idx-one", LABELS, &[&labels[..8], &[0; 60]].concat());
    spoilt(
        "idx-one",
        "t10k-labels-idx1-ubyte",
        &[&labels[..4], &[0, 0, 0, 20], &[0; 20]].concat(),
    );
    write_dataset(&home.join("idx-missing"), 60, 20);
    fs::remove_file(home.join("idx-missing").join(LABELS)).expect("removed");
    write_dataset(&home.join("idx-folder"), 60, 20);
    fs::create_dir(home.join("idx-folder/classes.txt")).expect("made");
    // Images in a row, in two colours, labels in rows, and two sets in a folder.
    let pixels = &images[16..];
    let flat = [&[0, 0, 8, 2, 0, 0, 0, 60, 0, 0, 3, 16][..], pixels].concat();
    spoilt("idx-flat", IMAGES, &flat);
    let deep = [
        &[0, 0, 8, 4][..],
        &images[4..16],
        &[0, 0, 0, 2],
        pixels,
        pixels,
    ]
    .concat();
    spoilt("idx-deep", IMAGES, &deep);
    let rows = [&[0, 0, 8, 2, 0, 0, 0, 60, 0, 0, 0, 2][..], &[1; 120]].concat();
    spoilt("idx-rows", LABELS, &rows);
    for name in ["a", "b"] {
        for file in fs::read_dir(home.join("good")).expect("read").flatten() {
            let bytes = fs::read(file.path()).expect("read");
            let file = file.file_name().into_string().expect("a name");
            write(&format!("idx-two/{name}-{file}"), &bytes);
        }
    }
    let small: Vec<u8> = [&images[..8], &[0, 0, 0, 4, 0, 0, 0, 4], &[7; 960]].concat();
    spoilt("idx-small", IMAGES, &small);
    let other: Vec<u8> = [
        &images[..4],
        &[0, 0, 0, 20, 0, 0, 0, 32, 0, 0, 0, 32],
        &[7; 20480],
    ]
    .concat();
    spoilt("idx-shape", "t10k-images-idx3-ubyte", &other);
    let gzip = packed(&labels);
    in_gzip("gzip-cut", &gzip[..gzip.len() - 12]);
    let sum = gzip.len() - 8;
    in_gzip("gzip-sum", &with(sum, gzip[sum] ^ 1, &gzip));
    in_gzip("gzip-more", &[&gzip[..], b"zz"].concat());
    in_gzip(
        "gzip-corrupt",
        &[&gzip[..10], &[0xff; 40], &gzip[10..]].concat(),
    );
    for name in ["two/a", "two/b"] {
        write_dataset(&home.join(name), 60, 20);
    }
}

/// Folders of images, and archives of them.
fn folders(home: &Path, write: Put<'_>) {
    let png = |shade: u8| {
        let image = GrayImage::from_fn(20, 20, |x, y| Luma([shade ^ (x * y) as u8]));
        let mut bytes = std::io::Cursor::new(Vec::new());
        image
            .write_to(&mut bytes, image::ImageFormat::Png)
            .expect("a PNG");
        bytes.into_inner()
    };
    let pets = |folder: &str, images: u8| {
        for (class, shade) in [("cat", 0), ("dog", 90)] {
            for image in 0..images {
                write(
                    &format!("{folder}/{class}/{image}.png"),
                    &png(shade + image),
                );
            }
        }
    };
    pets("pets", 10);
    pets("lone", 1);
    pets("broken", 10);
    write("broken/cat/cut.png", &png(3)[..60]);
    for class in ["cat", "dog"] {
        write(&format!("all-broken/{class}/1.png"), &png(3)[..60]);
        write(&format!("broken-train/train/{class}/1.png"), &png(3)[..60]);
        write(&format!("broken-train/test/{class}/1.png"), &png(3));
        write(&format!("no-images/{class}/notes.txt"), b"notes");
    }
    pets("untrained/test", 3);
    pets("untrained/val", 3);
    for class in 0..1003 {
        write(&format!("many/{class}/1.png"), b"x");
    }
    write("flat/1.png", &png(1));
    fs::create_dir_all(home.join("empty")).expect("made");
    write("text/readme.txt", b"hi");
    write("notes.txt", b"hi");
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for name in ["im/cat/1.png", "im/dog/1.png"] {
        zip.start_file(name, SimpleFileOptions::default())
            .expect("begun");
        zip.write_all(&png(5)).expect("written");
    }
    let zip = zip.finish().expect("a zip").into_inner();
    write("cut.zip", &zip[..zip.len() / 2]);
    let record = [&[3u8][..], &[9; 3072]].concat();
    write("cifar/data_batch_1.bin", &record.repeat(4));
    write("cifar/test_batch.bin", &record.repeat(2));
    write("cifar-cut/data_batch_1.bin", &record.repeat(3)[..9000]);
    write("cifar-cut/test_batch.bin", &record.repeat(2));
    write(
        "cifar-label/data_batch_1.bin",
        &[&[99u8][..], &[9; 3072]].concat(),
    );
    write("cifar-test/test_batch.bin", &record.repeat(2));
    write("cifar-both/data_batch_1.bin", &record.repeat(2));
    write(
        "cifar-both/train.bin",
        &[&[1u8, 2][..], &[9; 3072]].concat().repeat(2),
    );
}

/// NPZ and CSV.
fn arrays(home: &Path, write: Put<'_>) {
    let npy = |kind: &str, shape: &str, bytes: &[u8]| {
        let mut header =
            format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': ({shape}), }}");
        while (header.len() + 11) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let length = (header.len() as u16).to_le_bytes();
        [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), bytes].concat()
    };
    let npz = |name: &str, images: Vec<u8>, labels: Vec<u8>| {
        let file = fs::File::create(home.join(name)).expect("made");
        let mut zip = zip::ZipWriter::new(file);
        for (name, bytes) in [("train_images.npy", images), ("train_labels.npy", labels)] {
            zip.start_file(name, SimpleFileOptions::default())
                .expect("begun");
            zip.write_all(&bytes).expect("written");
        }
        zip.finish().expect("a zip");
    };
    let images = || npy("|u1", "4, 8, 8", &[7; 256]);
    let labels = || npy("|u1", "4,", &[0, 1, 0, 1]);
    npz("kind.npz", images(), npy("<c8", "4,", &[0; 32]));
    npz("labels.npz", images(), npy("|u1", "4, 2", &[0; 8]));
    npz("negative.npz", images(), npy("|i1", "4,", &[0, 0xff, 0, 1]));
    npz("shape.npz", npy("|u1", "4, 8", &[7; 32]), labels());
    npz("pixels.npz", npy("<i2", "4, 8, 8", &[0x7f; 512]), labels());
    npz("fewer.npz", images(), npy("|u1", "3,", &[0, 1, 0]));
    npz(
        "none.npz",
        npy("|u1", "0, 8, 8", b""),
        npy("|u1", "0,", b""),
    );
    npz("no-array.npz", b"hello".to_vec(), labels());
    npz("longer.npz", images(), npy("|u1", "4,", &[0, 1, 0, 1, 1]));
    let whole = fs::read(home.join("kind.npz")).expect("read");
    write("cut.npz", &whole[..whole.len() / 2]);
    let file = fs::File::create(home.join("names.npz")).expect("made");
    let mut zip = zip::ZipWriter::new(file);
    zip.start_file("foo.npy", SimpleFileOptions::default())
        .expect("begun");
    zip.write_all(&images()).expect("written");
    zip.finish().expect("a zip");
    let header = |first: &str, pixels: usize| {
        let names: Vec<String> = (0..pixels).map(|pixel| format!("pixel{pixel}")).collect();
        format!("{first}{}\n", names.join(","))
    };
    let row = |label: &str, pixels: usize| format!("{label}{}\n", vec!["7"; pixels].join(","));
    let table = |name: &str, text: String| write(name, text.as_bytes());
    table("unlabelled.csv", header("", 64) + &row("", 64).repeat(3));
    table(
        "oblong.csv",
        header("label,", 72) + &row("1,", 72) + &row("2,", 72),
    );
    table(
        "labels.csv",
        header("label,", 64) + &row("1,", 64) + &row("-5,", 64),
    );
    table(
        "ragged.csv",
        header("label,", 64)
            + &row("1,", 64).repeat(4)
            + &row("2,", 64).repeat(4)
            + &row("2,", 60).repeat(8),
    );
    table(
        "half-labelled.csv",
        header("label,", 64)
            + &row("1,", 64).repeat(4)
            + &row("2,", 64).repeat(4)
            + &row(",", 64).repeat(8),
    );
    let many: String = (0..1200)
        .map(|class| row(&format!("c{class},"), 64))
        .collect();
    table("many.csv", header("label,", 64) + &many);
}

fn pictures(home: &Path, write: Put<'_>) {
    let save = |name: &str, shade: &dyn Fn(u32, u32) -> u8| {
        let image = GrayImage::from_fn(60, 60, |x, y| Luma([shade(x, y)]));
        image.save(home.join("pictures").join(name)).expect("saved");
    };
    fs::create_dir_all(home.join("pictures")).expect("made");
    let stroke = |x: u32, y: u32| {
        if (28..33).contains(&x) && (10..50).contains(&y) {
            0
        } else {
            255
        }
    };
    save("one.png", &stroke);
    save("white.png", &|_, _| 255);
    save("faint.png", &|x, _| 200 + u8::from(x > 30));
    save("half.png", &|x, _| if x < 30 { 0 } else { 255 });
    let checks = GrayImage::from_fn(400, 400, |x, y| {
        let is_mark = x % 40 > 15 && x % 40 < 24 && y % 40 > 15 && y % 40 < 24;
        Luma([if is_mark { 0 } else { 255 }])
    });
    checks.save(home.join("pictures/marks.png")).expect("saved");
    let edges = GrayImage::from_fn(60, 60, |x, y| Luma([if x < 3 || y > 56 { 0 } else { 255 }]));
    edges.save(home.join("pictures/edges.png")).expect("saved");
    let one = fs::read(home.join("pictures/one.png")).expect("read");
    write("pictures/cut.png", &one[..one.len() / 2]);
    write("pictures/empty.png", b"");
    write("pictures/text.png", b"hello");
    write("pictures/a.pdf", b"%PDF-1.4\n");
    let mut huge = one.clone();
    huge[16..24].copy_from_slice(&[0, 0, 0xea, 0x60, 0, 0, 0xea, 0x60]);
    let sum = crc32(&huge[12..29]).to_be_bytes();
    huge[29..33].copy_from_slice(&sum);
    write("pictures/huge.png", &huge);
}

fn crc32(bytes: &[u8]) -> u32 {
    let mut sum = flate2::Crc::new();
    sum.update(bytes);
    sum.sum()
}

/// Files of settings, and of sweeps.
fn specs(write: Put<'_>) {
    for (name, text) in [
        ("cut.toml", "a=\n"),
        ("unknown.toml", "[training]\nepoch = 3\n"),
        ("zeros.toml", "\0\0\0"),
        ("key.toml", "metod = \"grid\"\n"),
        ("method.toml", "method = \"grit\"\n"),
        ("kind.toml", "method = 3\n"),
        ("trials.toml", "trials = 0\n"),
        ("table.toml", "over = 3\n"),
        ("over.toml", "[over]\ntraining.learning_rate = \"3..1\"\n"),
        ("bench.json", "{}"),
        ("comparison.html", "mine"),
        ("old.json", "{\"format\": \"gpu-mnist bench 0\"}"),
        (
            "weights.toml",
            "data.set = \"digits\"\n[model]\nlayers = [{ linear = 16384 }, { linear = 16384 }]\n",
        ),
    ] {
        write(name, text.as_bytes());
    }
    let layers = vec!["{ linear = 3 }"; 101].join(", ");
    write(
        "layers.toml",
        format!("[model]\nlayers = [{layers}]\n").as_bytes(),
    );
    // The header of a file of weights, with nothing in it.
    write("empty.safetensors", b"\x02\0\0\0\0\0\0\0{}");
    write("big.toml", &vec![b'#'; 65 << 20]);
}

/// Runs of every kind, and damaged ones.
fn runs(home: &Path, write: Put<'_>) {
    let run = |line: &str| {
        let words = super::words(line);
        program(home).args(words).assert().success();
    };
    run("train --config small.toml --out one");
    run("train --config small.toml --out seeds --seeds 2");
    run("train --config small.toml --dataset pets --set data.validation_size=4 --out pets-run");
    run("train --config small.toml --dataset good --set data.validation_size=10 --out moved");
    run("train --config small.toml --dataset lone --set data.validation_size=0 --out lone-run");
    fs::remove_dir_all(home.join("good")).expect("removed");
    run("sweep --config small.toml --over training.learning_rate=[0.001,0.002] --out sweep");
    run(
        "sweep plan --config small.toml --over training.learning_rate=[0.001,0.002,0.003,0.004] --method halving --eta 2 --out plan",
    );
    for (from, to, spoil) in [
        ("one", "no-record", "run.json"),
        ("one", "no-weights", "model.safetensors"),
        ("one", "no-settings", "settings.toml"),
        ("one", "cut-weights", "model.safetensors"),
        ("seeds", "cut-seeds", "seeds.json"),
        ("sweep", "cut-sweep", "sweep.json"),
        ("one", "cut-checkpoint", "checkpoints"),
        ("sweep", "no-trial", "trial-1"),
        ("plan", "quo\"ted", "logs"),
    ] {
        copy(&home.join(from), &home.join(to));
        let path = home.join(to).join(spoil);
        match (to, path.is_dir()) {
            ("cut-checkpoint", _) => {
                let newest = fs::read_dir(&path)
                    .expect("read")
                    .map(|entry| entry.expect("read").path());
                for file in newest {
                    fs::write(file, b"cut").expect("written");
                }
            }
            ("no-trial", _) => fs::remove_dir_all(&path).expect("removed"),
            ("no-weights" | "no-settings", _) => fs::remove_file(&path).expect("removed"),
            (_, false) if path.is_file() => write(&format!("{to}/{spoil}"), b"{\n"),
            _ => {}
        }
    }
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).expect("made");
    for entry in fs::read_dir(from).expect("read") {
        let path = entry.expect("read").path();
        let copied = to.join(path.file_name().expect("a name"));
        match path.is_dir() {
            true => copy(&path, &copied),
            false => drop(fs::copy(&path, &copied).expect("copied")),
        }
    }
}
