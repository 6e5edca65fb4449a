//! What is printed fits the terminal: no line is wider than it, nothing that counts is left out.

use console::measure_text_width;
use gpu_mnist::checks::{Finding, Group};
use gpu_mnist::evaluation::confusion::Confusion;
use gpu_mnist::evaluation::divergence::divergence;
use gpu_mnist::evaluation::{Evaluation, First};
use gpu_mnist::report::doctor::{self, Examined};
use gpu_mnist::report::look::Look;
use gpu_mnist::report::table::{Table, left, right};
use gpu_mnist::report::text::wrapped;
use gpu_mnist::report::{Format, render};
use gpu_mnist::wording::count;
use proptest::prelude::*;
use tempfile::tempdir;

use crate::support::{program, write_dataset};

const STATISTICS: [&str; 4] = ["TP", "TN", "FP", "FN"];
/// Titles where there is room, and where there is not.
const RATES: [(&str, &str); 5] = [
    ("Precision", "Prec."),
    ("Recall", "Recall"),
    ("Specificity", "Spec."),
    ("F1", "F1"),
    ("Accuracy", "Acc."),
];

fn look(width: usize, details: bool) -> Look {
    Look {
        width,
        details,
        ..Look::plain()
    }
}

/// Of `classes` classes with names of up to `length` columns, each often read as the next.
fn evaluation(classes: usize, length: usize) -> Evaluation {
    let counts = (0..classes).map(|label| {
        (0..classes)
            .map(|predicted| match (predicted + classes - label) % classes {
                0 => 900 + label as u64,
                1 => 10 + label as u64,
                other => (other % 7 == 0) as u64,
            })
            .collect()
    });
    let name = |class: usize| {
        let name = format!("{class} a class whose name is rather long, and ends in {class}");
        name.chars().take(length).collect()
    };
    let labels: Vec<String> = (0..classes).map(name).collect();
    let first = First {
        predicted: (0..30).map(|image| (image * 7 % classes) as _).collect(),
        actual: (0..30)
            .map(|image| (image * 7 % classes.min(25)) as _)
            .collect(),
    };
    Evaluation::from_counts(Confusion::new(counts.collect()), 0.25, first, &labels)
}

fn widest(text: &str) -> usize {
    text.lines().map(measure_text_width).max().unwrap_or(0)
}

#[test]
fn an_evaluation_fits_and_keeps_every_statistic() {
    for classes in [2, 10, 20, 21, 47, 300] {
        let lengths = if classes < 300 {
            &[1, 12, 25, 60][..]
        } else {
            &[25]
        };
        for &length in lengths {
            for (width, details) in [
                (80, false),
                (80, true),
                (100, false),
                (120, false),
                (60, true),
            ] {
                let found = evaluation(classes, length);
                let text = render(&found, Format::Text, &look(width, details)).expect("text");
                let context = format!("{classes} classes, {length}, {width}:\n{text}");
                assert!(widest(&text) <= width, "{context}");
                let words: Vec<&str> = text.split_whitespace().collect();
                for statistic in STATISTICS {
                    assert!(words.contains(&statistic), "{statistic}, {context}");
                }
                for (long, short) in RATES {
                    let there = words.contains(&long) || words.contains(&short);
                    assert!(there, "{long}, {context}");
                }
                for part in [
                    "Most frequent confusions",
                    "macro mean",
                    "beside their labels",
                ] {
                    assert!(text.contains(part), "{part}, {context}");
                }
                if classes <= 20 || details {
                    assert!(text.contains("Confusion matrix (rows: labels"), "{context}");
                    // Each class has its row, however its name is cut.
                    let of = &found.classes[classes - 1];
                    assert!(words.contains(&of.tn.to_string().as_str()), "{context}");
                } else {
                    assert!(
                        text.contains("The 20 classes with the lowest F1"),
                        "{context}"
                    );
                    let left = count(classes - 20, "more class");
                    let more = format!("{left} with --details");
                    assert!(text.contains(&more), "{context}");
                }
            }
        }
    }
}

#[test]
fn the_worst_of_many_classes_are_shown() {
    let mut counts = vec![vec![0; 47]; 47];
    for (class, row) in counts.iter_mut().enumerate() {
        row[class] = 100;
    }
    counts[40][40] = 1;
    counts[40][3] = 99;
    let first = First {
        predicted: vec![46],
        actual: vec![46],
    };
    let labels: Vec<String> = (0..47).map(|class| format!("kind-{class}")).collect();
    let found = Evaluation::from_counts(Confusion::new(counts), 0.1, first, &labels);
    let text = render(&found, Format::Text, &Look::plain()).expect("text");
    let order: Vec<usize> = ["kind-40 ", "kind-3 ", "kind-0 "]
        .iter()
        .map(|name| text.find(name).unwrap_or_else(|| panic!("{name}: {text}")))
        .collect();
    assert!(order.is_sorted(), "{text}");
    assert!(!text.contains("kind-46 "), "{text}");
    assert!(text.contains("kind-40 read as kind-3: 99 times"), "{text}");
}

#[test]
fn titles_are_long_where_there_is_room() {
    let found = evaluation(10, 10);
    let wide = render(&found, Format::Text, &look(120, false)).expect("text");
    assert!(
        wide.contains("Specificity") && wide.contains("Images"),
        "{wide}"
    );
    let narrow = render(&found, Format::Text, &Look::plain()).expect("text");
    assert!(narrow.contains("Spec."), "{narrow}");
}

#[test]
fn colours_take_no_room_and_are_none_without_a_terminal() {
    let found = evaluation(10, 12);
    let plain = render(&found, Format::Text, &Look::plain()).expect("text");
    let colour = Look {
        colour: true,
        ..Look::plain()
    };
    let coloured = render(&found, Format::Text, &colour).expect("text");
    assert!(coloured.contains("\x1b[") && !plain.contains('\x1b'));
    assert_eq!(console::strip_ansi_codes(&coloured), plain);
}

proptest! {
    /// Whatever the cells, a table is no wider than it may be, and in parts it loses no column.
    #[test]
    fn a_table_fits_any_width(
        cells in prop::collection::vec("[a-z0-9äß字]{0,24}", 24),
        width in 24usize..200,
    ) {
        let mut table = Table::new([
            left("Name").least(8),
            left("Path").least(6).keeps_end(),
            right("One"),
            right("A longer title").short("Two"),
            right("Three"),
            right("Four"),
        ]);
        for row in cells.chunks(6) {
            table.row(row.to_vec());
        }
        let text = table.text(width);
        prop_assert!(widest(&text) <= width, "{width}:\n{text}");
        for title in ["One", "Three", "Four"] {
            let at_hand: String = title.chars().take(2).collect();
            prop_assert!(text.contains(&at_hand), "{title}:\n{text}");
        }
    }

    #[test]
    fn wrapped_text_fits_and_loses_no_word(text in "([a-z]{1,9} ){0,30}", width in 14usize..60) {
        let found = wrapped(&format!("    {}", text.trim()), width, "  ");
        prop_assert!(found.starts_with("    "), "{}", found);
        prop_assert!(widest(&found) <= width, "{}", found);
        let words: Vec<&str> = found.split_whitespace().collect();
        prop_assert_eq!(words, text.split_whitespace().collect::<Vec<_>>());
    }
}

#[test]
fn a_number_keeps_its_percent_sign() {
    for width in 20..60 {
        let found = wrapped(
            "calibration error 29.61 %; balanced accuracy 67.97 %",
            width,
            "  ",
        );
        assert!(widest(&found) <= width, "{found}");
        for number in ["29.61 %;", "67.97 %"] {
            assert!(found.contains(number), "{found}");
        }
    }
}

#[test]
fn one_prediction_is_no_several() {
    let mut found = evaluation(2, 5);
    found.first.predicted.truncate(1);
    found.first.actual.truncate(1);
    let text = render(&found, Format::Text, &Look::plain()).expect("text");
    assert!(
        text.starts_with("The first prediction beside its label\n"),
        "{text}"
    );
}

#[test]
fn doctor_has_a_line_an_operation_and_its_verdict_last() {
    let finding = |op: &str, shape: &str, error: Option<f64>| Finding {
        kernels: Group::Fused,
        op: op.into(),
        part: "the gradient of its input".into(),
        shape: shape.into(),
        error,
        tolerance: 1e-4,
        passed: error.is_some_and(|error| error < 1e-4),
        note: None,
    };
    let report = |findings: Vec<Finding>| doctor::Report {
        version: "0.1.0",
        libraries: "burn",
        kernel_set: "1",
        os: "an OS".into(),
        passed: findings.iter().all(|finding| finding.passed),
        devices: vec![Examined {
            name: "a card (vulkan, discrete)".into(),
            device: None,
            adapter: None,
            capabilities: None,
            store: None,
            error: None,
            failed: gpu_mnist::checks::failures(&findings),
            passed: findings.iter().all(|finding| finding.passed),
            findings,
        }],
    };
    let shape = "256x1x28x28 to 256x24x12x12, kernel 5";
    let right = report(vec![
        finding("convolve", shape, Some(1e-7)),
        finding("convolve", "odd", Some(3e-6)),
        finding("linear", shape, Some(0.0)),
    ]);
    let text = doctor::text(&right, false, &Look::plain());
    let row = text.lines().find(|line| line.contains("convolve"));
    let row: Vec<&str> = row.expect("a row").split_whitespace().collect();
    assert_eq!(row, ["convolve", "fused", "2", "3.0e-6", "1e-4", "right"]);
    assert_eq!(text.matches("linear").count(), 1, "{text}");
    assert!(
        text.ends_with("right: 3 comparisons, none failed\n"),
        "{text}"
    );

    // The longest name is whole.
    let longest = "softmax_cross_entropy_weighted";
    let long = report(vec![finding(longest, shape, Some(1e-7))]);
    let text = doctor::text(&long, false, &look(80, false));
    assert!(text.contains(longest) && widest(&text) <= 80, "{text}");

    let wrong = report(vec![
        finding("convolve", shape, Some(1e-7)),
        finding("convolve", "odd", Some(0.5)),
        finding("linear", shape, None),
    ]);
    for details in [false, true] {
        let text = doctor::text(&wrong, true, &look(80, details));
        let end = text.find("WRONG: 2 of 3 comparisons failed").expect("said");
        assert!(
            end > text
                .rfind("Tolerance")
                .or(text.rfind("Limit"))
                .expect("a title")
        );
        for failed in &wrong.devices[0].failed {
            assert!(text[end..].contains(failed.as_str()), "{failed}: {text}");
        }
        let table = &text[..end];
        assert!(widest(table) <= 80, "{table}");
    }
    let text = doctor::text(&wrong, false, &Look::plain());
    assert!(text.contains("WRONG in 1"), "{text}");
}

#[test]
fn a_network_that_learnt_nothing_is_known() {
    let with = |counts: Vec<Vec<u64>>, loss: f64| {
        let first = First {
            predicted: vec![],
            actual: vec![],
        };
        let labels = ["a cat".to_string(), "a dog".to_string()];
        let found = Evaluation::from_counts(Confusion::new(counts), loss, first, &labels);
        divergence(&found, "test")
    };
    assert_eq!(with(vec![vec![9, 1], vec![2, 8]], 0.3), None);
    let remark = with(vec![vec![0, 10], vec![0, 10]], 0.69).expect("one class");
    assert!(
        remark.contains("every test image is read as a dog"),
        "{remark}"
    );
    // One that reads most images has learnt, however sure it is of its mistakes.
    assert_eq!(with(vec![vec![9, 1], vec![2, 8]], 2.4e16), None);
    assert!(with(vec![vec![5, 5], vec![5, 5]], f64::NAN).is_some());
    let remark = with(vec![vec![5, 5], vec![5, 5]], 2.4e16).expect("a loss");
    assert!(
        remark.contains("2.40e16") && remark.contains("0.69"),
        "{remark}"
    );
    // One class alone is read as itself, and is right.
    assert_eq!(with(vec![vec![10, 0], vec![0, 0]], 0.1), None);
}

/// Every command that prints a table, as the program prints it.
#[test]
fn tables_of_the_program_fit_80_and_120_columns() {
    let home = tempdir().expect("a folder");
    let home = home.path();
    write_dataset(&home.join("digits"), 300, 60);
    let train = |more: &[&str]| {
        let settings = ["data.validation_size=60", "model.layers=[{linear=16}]"];
        program(home)
            .args(["train", "--dataset", "digits", "--device", "cpu"])
            .args(settings.iter().flat_map(|setting| ["--set", setting]))
            .args(more)
            .assert()
            .code(0)
            .get_output()
            .clone()
    };
    let said = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let trained = train(&["--epochs", "12"]);
    let epochs: Vec<String> = said(&trained.stderr)
        .lines()
        .filter(|line| line.contains("/12 ") || line.contains("train loss"))
        .map(String::from)
        .collect();
    assert_eq!(epochs.len(), 13, "{epochs:?}");
    assert!(epochs.iter().all(|line| line.len() <= 80), "{epochs:?}");
    assert!(
        epochs.iter().any(|line| line.ends_with("  best")),
        "{epochs:?}"
    );
    let end: Vec<String> = said(&trained.stdout)
        .lines()
        .rev()
        .map(String::from)
        .collect();
    assert_eq!(end[0], "Next    gpu-mnist predict IMAGE.png");
    assert!(end[1].ends_with("/report.html"), "{end:?}");
    let report = end[1].split_whitespace().nth(1).expect("a path");
    assert!(home.join(report).is_file(), "{report}");
    assert!(end[2].contains(" % on digits; CPU, "), "{end:?}");
    let several = said(&train(&["--seeds", "2", "--tta", "1"]).stdout);
    let words: Vec<&str> = several.split_whitespace().collect();
    let reached = "% on digits by test-time augmentation (9 shifts), the mean of 2 seeds; CPU, ";
    assert!(words.join(" ").contains(reached), "{several}");
    let end: Vec<&str> = several.lines().rev().collect();
    assert!(
        end[0].starts_with("Next    gpu-mnist report runs/"),
        "{several}"
    );
    train(&[
        "--out",
        "runs/a-folder-with-a-name-that-is-longer-than-any-terminal-is-wide-would-want",
    ]);

    for width in [80, 120] {
        for arguments in [
            &["evaluate", "--dataset", "digits", "--device", "cpu"][..],
            &["runs", "list"],
            &["devices"],
            &["config"],
            &["config", "--config", "best"],
            &["config", "--config", "fashion", "--changed"],
            &["data", "list"],
            &[
                "doctor",
                "--device",
                "cpu",
                "--set",
                "training.batch_size=4",
                "--set",
                "doctor.steps=2",
            ],
            &[
                "bench",
                "--device",
                "cpu",
                "--steps",
                "2",
                "--batch-size",
                "4",
                "--warmup",
                "0",
            ],
        ] {
            let output = program(home)
                .args(arguments)
                .env("COLUMNS", width.to_string())
                .assert()
                .code(0)
                .get_output()
                .clone();
            let text = said(&output.stdout);
            assert!(!text.is_empty() && !text.contains('\x1b'), "{arguments:?}");
            for line in text.lines() {
                // The path of a run is there to be copied, so it is never cut.
                let path = line.trim_start().starts_with("runs/a-folder");
                assert!(
                    path || measure_text_width(line) <= width,
                    "{arguments:?} at {width}: {line}"
                );
            }
        }
    }
}
