//! The forms in which tables and arrays come.

use std::fs;

use super::tables::{COLOUR, images, labels, npy, npz, read, records, refused, table};
use super::{GREY, gzip, pattern, read_set};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder")
}

#[test]
fn columns_of_pixels_are_ordered_by_their_numbers() {
    let folder = folder();
    let split = pattern(GREY, 2, 20);
    let expected = folder.path().join("expected.csv");
    fs::write(
        &expected,
        table(&split, "", |label, row| format!("{label},{row}")),
    )
    .expect("written");
    let expected = read(&expected).train;
    let by_number: Vec<String> = (0..784).map(|at| format!("pixel{at}")).collect();
    let by_place: Vec<String> = (0..784)
        .map(|at| format!("{}x{}", at / 28 + 1, at % 28 + 1))
        .collect();
    for names in [by_number, by_place] {
        let mut order: Vec<usize> = (0..784).collect();
        order.sort_by_key(|&at| &names[at]);
        let header: Vec<&str> = order.iter().map(|&at| &names[at][..]).collect();
        let header = format!("label,{}\n", header.join(","));
        let text = table(&split, &header, |label, row| {
            let pixels: Vec<&str> = row.split(',').collect();
            let pixels: Vec<&str> = order.iter().map(|&at| pixels[at]).collect();
            format!("{label},{}", pixels.join(","))
        });
        let path = folder.path().join("sorted.csv");
        fs::write(&path, text).expect("written");
        assert_eq!(read(&path).train, expected);
    }
}

#[test]
fn tables_are_read_in_the_forms_that_programs_write() {
    let folder = folder();
    let split = pattern(GREY, 2, 20);
    let plain = table(&split, "", |label, row| format!("{label},{row}"));
    let pixels: Vec<String> = (0..784).map(|at| format!("pixel{at}")).collect();
    let pixels = pixels.join(",");
    let header = format!("label,{pixels}\n");
    let with_header = format!("{header}{plain}");
    let numbered = |name: &str| {
        let mut number = 900;
        table(&split, &format!("{name},{header}"), |label, row| {
            number += 1;
            format!("{number},{label},{row}")
        })
    };
    let quoted = |text: &str| {
        let lines = text.lines().map(|line| {
            let fields: Vec<String> = line
                .split(',')
                .map(|field| format!("\"{field}\""))
                .collect();
            fields.join(",")
        });
        lines.collect::<Vec<_>>().join("\n")
    };
    let forms: Vec<(&str, Vec<u8>)> = vec![
        ("semicolons", with_header.replace(',', ";").into()),
        ("tabs", with_header.replace(',', "\t").into()),
        ("quoted", quoted(&with_header).into()),
        ("blank", with_header.replace('\n', "\n\n").into()),
        ("spaces", format!("{with_header}   \n").into()),
        ("trailing", with_header.replace('\n', ",\n").into()),
        (
            "trailing rows",
            format!("{header}{}", plain.replace('\n', ",\n")).into(),
        ),
        ("packed", gzip(with_header.as_bytes())),
        ("unnamed", numbered("").into()),
        ("id", numbered("id").into()),
        ("index", numbered("index").into()),
        (
            "comments",
            format!("# made by hand, of ink\n# and more\n{with_header}").into(),
        ),
        ("old line ends", with_header.replace('\n', "\r").into()),
        ("other line ends", with_header.replace('\n', "\r\n").into()),
        ("mark", format!("\u{feff}{with_header}").into()),
    ];
    let expected = folder.path().join("expected.csv");
    fs::write(&expected, plain.as_bytes()).expect("written");
    let expected = read(&expected);
    for (form, bytes) in forms {
        let path = folder.path().join("form.csv");
        fs::write(&path, bytes).expect("written");
        let loaded = match read_set(&path) {
            Ok(found) => found.loaded,
            Err(error) => panic!("{form}: {error}"),
        };
        assert_eq!(loaded.set.train, expected.train, "{form}");
        assert_eq!(loaded.set.test, expected.test, "{form}");
        assert_eq!(loaded.warnings, [""; 0], "{form}");
    }
    // A folder of packed ones.
    let both = folder.path().join("both");
    fs::create_dir(&both).expect("made");
    for part in ["train", "test"] {
        let path = both.join(format!("{part}.csv.gz"));
        fs::write(path, gzip(with_header.as_bytes())).expect("written");
    }
    assert_eq!(read(&both).test.len(), 20);
    // Kaggle's own test.csv, numbered.
    let mut number = 0;
    let unlabelled = table(&split, &format!("id,{pixels}\n"), |_, row| {
        number += 1;
        format!("{number},{row}")
    });
    fs::write(both.join("train.csv.gz"), gzip(numbered("id").as_bytes())).expect("written");
    fs::write(both.join("test.csv.gz"), gzip(unlabelled.as_bytes())).expect("written");
    let loaded = read_set(&both).expect("a set").loaded;
    assert!(loaded.notes[0].contains("has no labels and is left out"));
    // A label with what parts the values, and `#` before one.
    let path = folder.path().join("words.csv");
    let words = ["\"cat, black\"", "#2"];
    let text = table(&split, "", |label, row| {
        format!("{},{row}", words[usize::from(label)])
    });
    fs::write(&path, text).expect("written");
    let set = read(&path);
    assert_eq!(set.description.class_names, ["#2", "cat, black"]);
    assert_eq!(set.train.len() + set.test.len(), 20);
}

#[test]
fn tables_that_cannot_be_read_say_where_and_why() {
    let folder = folder();
    let path = folder.path().join("table.csv");
    let split = pattern(GREY, 2, 10);
    let plain = table(&split, "", |label, row| format!("{label},{row}"));
    let wide: Vec<u8> = plain.encode_utf16().flat_map(u16::to_le_bytes).collect();
    for (bytes, words) in [
        (
            [&[0xffu8, 0xfe][..], &wide].concat(),
            "is written in UTF-16; save the table as UTF-8",
        ),
        (b"# nothing\n".to_vec(), "holds no rows"),
        (
            b"name,size\ncat,3\n".to_vec(),
            "line 1: 2 values in a row, and the smallest images have 64 pixels",
        ),
        (
            table(&split, "", |label, row| {
                format!("{label},{}", row.replace(",7,", ",0.5,"))
            })
            .into_bytes(),
            "10 of 10 rows cannot be read; none is left",
        ),
    ] {
        fs::write(&path, bytes).expect("written");
        let text = refused(&path);
        assert!(text.contains(words), "`{words}` in {text}");
    }
}

#[test]
fn arrays_of_halves_and_words_are_read() {
    let folder = folder();
    let split = pattern(GREY, 2, 20);
    let expected = npz(
        folder.path(),
        "bytes",
        &[("x", images(&split)), ("y", labels(&split))],
    );
    let expected = read(&expected);
    let half = |value: u8| half::f16::from_f32(f32::from(value) / 255.0).to_le_bytes();
    let halves: Vec<u8> = split.images.iter().flat_map(|&value| half(value)).collect();
    let words = ["cat", "dög"];
    let word = |label: &u16| words[usize::from(*label)];
    let letters = |label: &u16| -> Vec<u8> {
        let letters = word(label).chars().chain(['\0']).map(u32::from);
        letters.flat_map(u32::to_le_bytes).collect()
    };
    let bytes = |label: &u16| -> Vec<u8> {
        let mut bytes = word(label).as_bytes().to_vec();
        bytes.resize(5, 0);
        bytes
    };
    let wide: Vec<u8> = split.labels.iter().flat_map(letters).collect();
    let narrow: Vec<u8> = split.labels.iter().flat_map(bytes).collect();
    for array in [
        npy("<U4", false, &[20], &wide),
        npy("|S5", false, &[20], &narrow),
    ] {
        let path = npz(
            folder.path(),
            "halves",
            &[
                ("x", npy("<f2", false, &[20, 28, 28], &halves)),
                ("y", array),
            ],
        );
        let set = read(&path);
        assert_eq!(set.description.class_names, words);
        assert_eq!(set.train, expected.train);
    }
    let text = refused(&npz(
        folder.path(),
        "swapped",
        &[
            ("x", npy("|S5", false, &[20, 1, 1], &narrow)),
            ("y", labels(&split)),
        ],
    ));
    assert!(text.contains("holds words in place of pixels"), "{text}");
}

#[test]
fn test_images_without_labels_are_said_to_be_left_out() {
    let folder = folder();
    let split = pattern(GREY, 2, 20);
    let path = npz(
        folder.path(),
        "set",
        &[
            ("train_images", images(&split)),
            ("train_labels", labels(&split)),
            ("test_images", images(&split)),
        ],
    );
    let notes = read_set(&path).expect("a set").loaded.notes;
    assert_eq!(notes[0], "test_images has no test_labels and is left out");
}

#[test]
fn files_of_cifar_that_are_missing_are_named() {
    let folder = folder();
    let split = pattern(COLOUR, 10, 20);
    for name in [
        "data_batch_1",
        "data_batch_2",
        "data_batch_4",
        "data_batch_5",
    ] {
        let path = folder.path().join(format!("{name}.bin"));
        fs::write(path, records(&split, false)).expect("written");
    }
    let said = |missing: &str| {
        let warnings = read_set(folder.path()).expect("a set").loaded.warnings;
        let words = format!("without {missing}:");
        assert!(
            warnings.iter().any(|text| text.contains(&words)),
            "{warnings:?}"
        );
    };
    said("data_batch_3.bin, test_batch.bin");
    fs::write(folder.path().join("test_batch.bin"), records(&split, false)).expect("written");
    said("data_batch_3.bin");
}
