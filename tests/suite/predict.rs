//! `predict` end to end: accuracy on scaled pictures, bad files among good ones, its outputs.

use std::fs;
use std::path::Path;

use gpu_mnist::data::{Split, synthetic};

const SIDE: usize = synthetic::SHAPE.width;
use image::imageops::{self, FilterType};
use image::{GrayImage, Luma};
use predicates::str::contains;
use serde_json::Value;
use tempfile::{TempDir, tempdir};

use crate::paper;
use crate::support::{program, write_dataset};

/// A folder with `run`, trained on built-in digits for a second.
fn home_with_run() -> TempDir {
    let home = tempdir().expect("a folder");
    // With a tenth held out, as by default: the scale of what is familiar comes from those.
    write_dataset(&home.path().join("digits"), 8000, 100);
    program(home.path())
        .args([
            "train",
            "--dataset",
            "digits",
            "--device",
            "cpu",
            "--out",
            "run",
        ])
        .args(["--epochs", "4"])
        .assert()
        .code(0);
    home
}

/// Picture `index` of `split`, black on white, scaled to 140 pixels on a page of 200.
fn save(split: &Split, index: usize, path: &Path) {
    let pixels: Vec<u8> = split
        .image(index)
        .expect("there")
        .iter()
        .map(|v| 255 - v)
        .collect();
    let small = GrayImage::from_vec(SIDE as u32, SIDE as u32, pixels).expect("28x28");
    let large = imageops::resize(&small, 140, 140, FilterType::CatmullRom);
    let mut page = GrayImage::from_pixel(200, 200, Luma([255]));
    imageops::replace(&mut page, &large, 30, 30);
    page.save(path).expect("written");
}

fn lines(bytes: &[u8]) -> Vec<Value> {
    let text = String::from_utf8_lossy(bytes);
    let lines = text.lines();
    lines
        .map(|line| serde_json::from_str(line).expect("JSON a line"))
        .collect()
}

#[test]
fn scaled_pictures_on_a_page_are_read() {
    let home = home_with_run();
    let split = synthetic::draw(7, 1, 100);
    for index in 0..100 {
        save(&split, index, &home.path().join(format!("{index:02}.png")));
    }
    let files = (0..100).map(|index| format!("{index:02}.png"));
    let output = program(home.path())
        .args(["predict", "--run", "run", "--device", "cpu", "--json"])
        .args(["--threshold", "inf"])
        .args(files)
        .assert()
        .code(0)
        .get_output()
        .clone();
    let answers = lines(&output.stdout);
    assert_eq!(answers.len(), 100);
    let by_format = program(home.path())
        .args(["predict", "--run", "run", "--device", "cpu"])
        .args(["--format", "json", "--threshold", "inf", "00.png"])
        .assert()
        .code(0);
    let by_format = lines(&by_format.get_output().stdout);
    assert_eq!(by_format.len(), 1);
    assert_eq!(by_format[0]["class"], answers[0]["class"]);
    let right = answers
        .iter()
        .zip(&split.labels)
        .filter(|(answer, label)| answer["class"] == **label)
        .count();
    assert!(right >= 90, "{right} of 100");
    let top = answers[0]["top"].as_array().expect("a list");
    let probabilities: Vec<f64> = top
        .iter()
        .map(|guess| guess["probability"].as_f64().expect("a number"))
        .collect();
    assert_eq!(probabilities.len(), 3);
    assert!(probabilities.is_sorted_by(|a, b| a >= b));
    assert!(probabilities.iter().sum::<f64>() <= 1.0 + 1e-9);
}

#[test]
fn a_bad_file_among_good_ones_is_reported_and_the_others_are_done() {
    let home = home_with_run();
    let split = synthetic::draw(7, 1, 2);
    save(&split, 0, &home.path().join("good.png"));
    save(&split, 1, &home.path().join("fine.png"));
    fs::write(home.path().join("bad.png"), b"no picture").expect("written");
    let predict = [
        "predict",
        "--run",
        "run",
        "--device",
        "cpu",
        "--threshold",
        "inf",
    ];
    let files = ["good.png", "bad.png", "nowhere.png", "fine.png"];
    let output = program(home.path())
        .args(predict)
        .args(files)
        .arg("--json")
        .assert()
        .code(4)
        .stderr(contains("bad.png: no PNG, JPEG"))
        .stderr(contains("nowhere.png: could not be read"))
        .stderr(contains("2 of 4 images"))
        .get_output()
        .clone();
    let answers = lines(&output.stdout);
    let named: Vec<&str> = answers
        .iter()
        .filter_map(|line| line["file"].as_str())
        .collect();
    assert_eq!(named, files);
    assert!(answers[1]["error"].is_string() && answers[2]["error"].is_string());
    assert!(answers[3]["class"].is_u64());

    let bytes = fs::read(home.path().join("good.png")).expect("read");
    let shown = program(home.path())
        .args(predict)
        .args(["-", "--show"])
        .write_stdin(bytes)
        .assert()
        .code(0)
        .stdout(contains("stdin:\n+---"))
        .get_output()
        .clone();
    let text = String::from_utf8(shown.stdout).expect("text");
    // The picture with the drawing's box in it, what is read, and what the network saw.
    assert!(
        text.lines()
            .nth(1)
            .is_some_and(|line| line.starts_with("+---")),
        "{text}"
    );
    assert!(text.lines().count() > SIDE + 10, "{text}");
    assert!(text.contains('█') && !text.contains('\x1b'), "{text}");
}

#[test]
fn without_a_run_a_built_in_network_reads_digits() {
    let home = tempdir().expect("a folder");
    let split = synthetic::draw(7, 1, 50);
    for index in 0..50 {
        save(&split, index, &home.path().join(format!("{index:02}.png")));
    }
    let output = program(home.path())
        .args(["predict", "--device", "cpu", "--json", "."])
        .assert()
        .stderr(contains(
            "run: none in runs/, so the built-in network for handwritten digits reads this",
        ))
        .get_output()
        .stdout
        .clone();
    let right = (lines(&output).iter().zip(&split.labels))
        .filter(|(line, label)| line["text"] == label.to_string())
        .count();
    assert!(right >= 45, "{right} of 50");
    program(home.path())
        .args(["predict", "--run", "runs/none", "00.png"])
        .assert()
        .code(4);
}

#[test]
fn a_folder_is_read_whole_in_the_order_that_people_count() {
    let home = home_with_run();
    let photos = home.path().join("photos");
    for folder in ["b", ".hidden", "__MACOSX"] {
        fs::create_dir_all(photos.join(folder)).expect("made");
    }
    let split = synthetic::draw(7, 1, 4);
    for (index, name) in ["10.png", "9.PNG", "b/2.png", "a, b.png"]
        .into_iter()
        .enumerate()
    {
        save(&split, index, &photos.join(name));
    }
    fs::write(photos.join("b/broken.jpg"), b"no picture").expect("written");
    for other in ["notes.txt", ".hidden/1.png", "__MACOSX/1.png", ".DS_Store"] {
        fs::write(photos.join(other), b"no picture").expect("written");
    }
    let predict = [
        "predict",
        "--run",
        "run",
        "--device",
        "cpu",
        "--threshold",
        "inf",
    ];
    let output = program(home.path())
        .args(predict)
        .args(["photos", "--csv"])
        .assert()
        .code(4)
        .stderr(contains(
            "photos: left out 1 file whose name is not that of an image",
        ))
        .stderr(contains("1 of 5 images"))
        .get_output()
        .clone();
    let mut reader = csv::Reader::from_reader(&output.stdout[..]);
    let header = reader.headers().expect("a header").clone();
    assert_eq!(
        &header.iter().collect::<Vec<_>>()[..5],
        ["file", "drawing", "class", "label", "probability"]
    );
    let rows: Vec<csv::StringRecord> = reader.records().map(|row| row.expect("a row")).collect();
    let files: Vec<String> = rows.iter().map(|row| row[0].replace('\\', "/")).collect();
    let expected = ["9.PNG", "10.png", "a, b.png", "b/2.png", "b/broken.jpg"];
    assert_eq!(files, expected.map(|name| format!("photos/{name}")));
    let probability: f64 = rows[0][4].parse().expect("a number");
    assert!((0.0..=1.0).contains(&probability), "{probability}");
    assert_eq!((&rows[0][1], &rows[0][11]), ("1", ""));
    assert!(
        rows[4][2].is_empty() && rows[4][11].contains("no PNG"),
        "{:?}",
        rows[4]
    );

    fs::create_dir(home.path().join("empty")).expect("made");
    program(home.path())
        .args(predict)
        .arg("empty")
        .assert()
        .code(4)
        .stderr(contains("empty: no PNG, JPEG, BMP, GIF or WebP image"));
}

/// The answers to these photographs, and the exit code.
fn answers(home: &Path, photographs: &[image::RgbImage], flags: &[&str]) -> (Vec<Value>, i32) {
    let folder = home.join("photographs");
    fs::create_dir_all(&folder).expect("made");
    let files: Vec<std::path::PathBuf> = photographs
        .iter()
        .enumerate()
        .map(|(index, photograph)| {
            let file = folder.join(format!("{index:03}.png"));
            photograph.save(&file).expect("written");
            file
        })
        .collect();
    let output = program(home)
        .args(["predict", "--run", "run", "--device", "cpu", "--json"])
        .args(flags)
        .args(files)
        .output()
        .expect("run");
    let code = output.status.code().expect("a code");
    (lines(&output.stdout), code)
}

#[test]
fn what_is_no_digit_is_flagged_and_the_exit_code_says_so() {
    let home = home_with_run();
    let crosses: Vec<_> = (0..12)
        .map(|index| {
            let mut stream = paper::stream(31, index);
            paper::without_digit(paper::Other::Scribble, &mut stream)
        })
        .collect();
    let (found, code) = answers(home.path(), &crosses, &[]);
    let unsure = |found: &[Value]| {
        found
            .iter()
            .filter(|answer| answer["unsure"] == true)
            .count()
    };
    // 7 with this small network; a network of MNIST flags 84 % of such scribbles.
    assert!(unsure(&found) >= 6, "{} of 12", unsure(&found));
    assert_eq!(code, 6);
    for answer in &found {
        for drawing in answer["drawings"].as_array().expect("drawings") {
            let score = drawing["score"].as_f64().expect("a score");
            assert_eq!(drawing["unsure"], score > 1.0);
        }
    }
    let (found, code) = answers(home.path(), &crosses, &["--threshold", "inf"]);
    assert_eq!((unsure(&found), code), (0, 0));
}

#[test]
fn several_digits_are_read_in_order_with_their_boxes() {
    let home = home_with_run();
    let split = synthetic::draw(17, 1, 60);
    let mut rows = Vec::new();
    let mut expected = Vec::new();
    for index in 0..20 {
        let picks = [3 * index, 3 * index + 1, 3 * index + 2];
        let images: Vec<&[u8]> = picks
            .iter()
            .map(|&at| split.image(at).expect("there"))
            .collect();
        let mut stream = paper::stream(77, index);
        let page = paper::row(&images, &mut stream);
        rows.push(paper::photographed(&page, paper::Paper::Plain, &mut stream));
        expected.push(picks.map(|at| split.labels[at].to_string()).concat());
    }
    let (found, _) = answers(home.path(), &rows, &[]);
    let whole = found
        .iter()
        .zip(&expected)
        .filter(|(answer, text)| answer["text"] == ***text);
    assert!(whole.count() >= 12, "{found:?}");
    let several = found.iter().filter(|answer| {
        answer["drawings"].as_array().map(Vec::len) == Some(3) && answer.get("class").is_none()
    });
    assert!(several.count() >= 18);
    for answer in &found {
        let lefts: Vec<u64> = answer["drawings"]
            .as_array()
            .expect("drawings")
            .iter()
            .map(|drawing| drawing["box"]["left"].as_u64().expect("a number"))
            .collect();
        assert!(lefts.is_sorted());
    }
    let (single, _) = answers(home.path(), &rows[..2], &["--single"]);
    assert!(single.iter().all(|answer| answer["class"].is_u64()));
}

/// The folder of the official data sets, where it is at hand.
fn real_data(test: &str) -> Option<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data");
    let there = folder.join("mnist").is_dir();
    if !there {
        let mut stderr = std::io::stderr();
        let _ = std::io::Write::write_all(
            &mut stderr,
            format!("SKIPPED {test}: no {}\n", folder.display()).as_bytes(),
        );
    }
    there.then_some(folder)
}

/// A gzip file of the official sets without its header.
fn unpacked(path: &Path, header: usize) -> Vec<u8> {
    let mut bytes = Vec::new();
    let file = fs::File::open(path).expect("there");
    std::io::Read::read_to_end(&mut flate2::read::GzDecoder::new(file), &mut bytes).expect("gzip");
    bytes.split_off(header)
}

/// MNIST's test digits on paper of every kind, `count` of each, by a network of the default recipe:
/// the share read right and the share flagged.
fn read_from_paper(data: &Path, count: usize) -> Vec<(String, f64, f64)> {
    let home = tempdir().expect("a folder");
    program(home.path())
        .args([
            "train",
            "--dataset",
            "mnist",
            "--device",
            "cpu",
            "--out",
            "run",
            "--data-dir",
        ])
        .arg(data)
        .assert()
        .code(0);
    let images = unpacked(&data.join("mnist/t10k-images-idx3-ubyte.gz"), 16);
    let labels = unpacked(&data.join("mnist/t10k-labels-idx1-ubyte.gz"), 8);
    let digit = |at: usize| &images[784 * at..784 * (at + 1)];
    let mut table = Vec::new();
    let mut judge = |name: &str, photographs: Vec<image::RgbImage>, texts: Vec<String>| {
        let (found, _) = answers(home.path(), &photographs, &[]);
        let right = found
            .iter()
            .zip(&texts)
            .filter(|(answer, text)| answer["text"] == ***text);
        let flagged = found
            .iter()
            .filter(|answer| answer["unsure"] == true || answer["error"].is_string());
        let share = |part: usize| part as f64 / count as f64;
        let row = (
            name.to_string(),
            share(right.count()),
            share(flagged.count()),
        );
        println!(
            "| {} | {:.1} % | {:.1} % |",
            row.0,
            100.0 * row.1,
            100.0 * row.2
        );
        table.push(row);
    };
    for (paper, name) in paper::PAPERS {
        let photographs = (0..count).map(|index| {
            let mut stream = paper::stream(400 + paper as u64, index);
            let page = paper::digit(digit(index), &mut stream);
            paper::photographed(&page, paper, &mut stream)
        });
        let texts = labels[..count].iter().map(u8::to_string).collect();
        judge(name, photographs.collect(), texts);
    }
    let numbers: Vec<Vec<usize>> = (0..count)
        .map(|index| {
            (0..2 + index % 4)
                .map(|at| (index * 5 + at) % labels.len())
                .collect()
        })
        .collect();
    let rows = numbers.iter().enumerate().map(|(index, number)| {
        let mut stream = paper::stream(450, index);
        let images: Vec<&[u8]> = number.iter().map(|&at| digit(at)).collect();
        let page = paper::row(&images, &mut stream);
        paper::photographed(&page, paper::Paper::Plain, &mut stream)
    });
    let texts = numbers
        .iter()
        .map(|number| number.iter().map(|&at| labels[at].to_string()).collect());
    judge("two to five digits", rows.collect(), texts.collect());
    for (other, name) in paper::OTHERS {
        let photographs = (0..count).map(|index| {
            let mut stream = paper::stream(500 + other as u64, index);
            paper::without_digit(other, &mut stream)
        });
        judge(name, photographs.collect(), vec![String::new(); count]);
    }
    table
}

#[test]
fn mnist_digits_on_paper_are_read() {
    let Some(data) = real_data("mnist_digits_on_paper_are_read") else {
        return;
    };
    // Of 25 each, a few less than of 200: `every_kind_of_paper` has the figures.
    for (name, right, flagged) in read_from_paper(&data, 25) {
        let least = match name.as_str() {
            "plain" | "shadow" | "ruled" | "squared" | "perspective" | "blur" | "dark edge" => 0.88,
            "noise" | "thin pen" | "thick pen" | "two to five digits" => 0.8,
            "marker" => 0.6,
            _ => {
                // Those that networks differ most in.
                let least = match &name[..] {
                    "letters" => 0.75,
                    _ => 0.85,
                };
                assert!(flagged >= least, "{name}: {flagged} flagged or refused");
                continue;
            }
        };
        assert!(right >= least, "{name}: {right} read right");
    }
}

/// The table of docs/pictures.md: `cargo test --release --test suite -- --ignored --nocapture
/// every_kind_of_paper`.
#[test]
#[ignore = "minutes: it prints the table of docs/pictures.md"]
fn every_kind_of_paper() {
    let Some(data) = real_data("every_kind_of_paper") else {
        return;
    };
    let table = read_from_paper(&data, 200);
    for (name, right, _) in &table {
        match name.as_str() {
            "plain" | "shadow" | "ruled" | "squared" => assert!(*right >= 0.96, "{name}: {right}"),
            "dark edge" => assert!(*right >= 0.95, "{name}: {right}"),
            "two to five digits" => assert!(*right >= 0.9, "{name}: {right}"),
            _ => {}
        }
    }
}
