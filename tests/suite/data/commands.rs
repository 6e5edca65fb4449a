//! What the user names is read or refused: the commands with sets, folders and slips of the pen.

use std::fs;
use std::path::Path;

use predicates::prelude::PredicateBooleanExt;
use predicates::str::contains;
use serde_json::Value;
use tempfile::TempDir;

use super::{GREY, NAMES, files_of, gzip, pattern, write_files};
use crate::support::{program, write_dataset};

/// Settings with which a training takes a moment.
const QUICK: [&str; 6] = [
    "--device",
    "cpu",
    "--epochs",
    "1",
    "--set",
    "data.validation_size=20",
];

fn home() -> TempDir {
    tempfile::tempdir().expect("a folder")
}

/// Everything below a folder, by path.
fn tree(folder: &Path) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(folder).expect("readable") {
            let path = entry.expect("readable").path();
            found.push(path.display().to_string());
            if path.is_dir() {
                open.push(path);
            }
        }
    }
    found.sort();
    found
}

/// A network that reaches nothing, so that nothing is fetched.
fn offline(home: &Path) -> assert_cmd::Command {
    let mut command = program(home);
    command
        .env("https_proxy", "http://127.0.0.1:1")
        .env("HTTPS_PROXY", "http://127.0.0.1:1")
        .env("all_proxy", "http://127.0.0.1:1");
    command
}

#[test]
fn a_data_folder_that_was_named_is_read_or_refused() {
    let home = home();
    let at = home.path();
    fs::create_dir(at.join("empty")).expect("made");
    let other = at.join("other/FashionMNIST/raw");
    write_files(
        &other,
        NAMES,
        &files_of(&pattern(GREY, 10, 20), &pattern(GREY, 10, 10)),
    );
    let part = at.join("part/mnist");
    fs::create_dir_all(&part).expect("made");
    fs::write(part.join(NAMES[0]), b"x").expect("written");
    let before = tree(at);
    for (folder, said) in [
        ("slip-of-the-pen", "no such folder"),
        ("empty", "the folder is empty"),
        ("other", "it holds FashionMNIST/"),
        ("part", "missing train-labels-idx1-ubyte"),
    ] {
        for set in [&[][..], &["--dataset", "mnist"]] {
            offline(at)
                .args(["train", "--data-dir", folder, "--out", "run"])
                .args(set)
                .args(QUICK)
                .assert()
                .code(4)
                .stderr(contains(said).and(contains("data fetch mnist")));
        }
        let by_variable = offline(at)
            .env("GPU_MNIST_DATA_DIR", folder)
            .args(["train", "--out", "run"])
            .args(QUICK)
            .assert()
            .code(4);
        let text = String::from_utf8_lossy(&by_variable.get_output().stderr).into_owned();
        assert!(text.contains(said), "{text}");
        let by_name = text.contains("check GPU_MNIST_DATA_DIR, which names it");
        assert_eq!(by_name, said == "no such folder", "{text}");
    }
    let kept = |path: &String| !path.starts_with(&format!("{}/cache", at.display()));
    let after: Vec<String> = tree(at).into_iter().filter(kept).collect();
    assert_eq!(after, before, "nothing is written into a named folder");
}

/// torchvision's folders are found, and the published files are asked for.
#[test]
fn mnist_is_found_in_mnist_raw() {
    let home = home();
    let raw = home.path().join("data/MNIST/raw");
    let files = files_of(&pattern(GREY, 10, 60), &pattern(GREY, 10, 10));
    write_files(&raw, NAMES, &files);
    offline(home.path())
        .args(["train", "--data-dir", "data", "--out", "run"])
        .args(QUICK)
        .assert()
        .code(4)
        .stderr(contains("MNIST/raw").and(contains("not the published file of mnist")));
    // As a set of its own it is what it is.
    for named in ["data/MNIST", "data/MNIST/raw", "data"] {
        let out = format!("run-{}", named.replace('/', "-"));
        offline(home.path())
            .args(["train", "--dataset", named, "--out", &out])
            .args(QUICK)
            .assert()
            .success();
    }
}

#[test]
fn a_set_that_was_named_is_read_or_refused() {
    let home = home();
    fs::create_dir(home.path().join("notes")).expect("made");
    fs::write(home.path().join("notes/a.txt"), b"x").expect("written");
    for class in ["cat", "dog"] {
        fs::create_dir_all(home.path().join("classes").join(class)).expect("made");
    }
    for (named, said) in [
        ("fashion-mnits", "did you mean fashion-mnist?"),
        ("emnist", "did you mean emnist-balanced"),
        ("somewhere/else", "somewhere/else: no such folder"),
        ("notes", "it holds a.txt"),
        (
            "classes",
            "classes: no data set here, and no PNG, JPEG, BMP, GIF or WebP image found in cat/, dog/; put images into",
        ),
        ("notes/a.txt", "no data set here; give an NPZ or CSV file"),
    ] {
        offline(home.path())
            .args(["train", "--dataset", named, "--out", "run"])
            .args(QUICK)
            .assert()
            .code(4)
            .stderr(contains(said));
    }
    assert!(!home.path().join("run").exists());
}

/// Known names are never folders: `mnist` is MNIST although there is a folder of that name.
#[test]
fn a_known_name_is_never_a_folder() {
    let home = home();
    let at = home.path();
    write_dataset(&at.join("mnist"), 200, 40);
    fs::create_dir(at.join("nothing")).expect("made");
    offline(at)
        .args(["train", "--dataset", "mnist", "--data-dir", "nothing"])
        .args(["--out", "run"])
        .args(QUICK)
        .assert()
        .code(4)
        .stderr(contains("./mnist names it").and(contains("nothing: no complete data set")));
    for (named, out) in [("./mnist", "by-dot"), ("mnist/", "by-slash")] {
        offline(at)
            .args(["train", "--dataset", named, "--out", out])
            .args(QUICK)
            .assert()
            .success()
            .stderr(contains("names it").not());
        // What was read is what is recorded.
        let settings = fs::read_to_string(at.join(out).join("settings.toml")).expect("kept");
        let recorded = |end: &str| format!("set = \"{}{end}\"", at.join("mnist").display());
        let absolute = settings.contains(&recorded("")) || settings.contains(&recorded("/"));
        assert!(absolute, "{settings}");
    }
}

#[test]
fn own_sets_are_verified_too() {
    let home = home();
    write_dataset(&home.path().join("digits"), 60, 40);
    let verified = |arguments: &[&str]| {
        let mut command = program(home.path());
        command.args(["data", "verify"]).args(arguments).assert()
    };
    verified(&["digits"])
        .success()
        .stdout(contains("ok, 60 items (60x28x28 unsigned bytes)"));
    let json = verified(&["./digits", "--json"]).success();
    let json: Value = serde_json::from_slice(&json.get_output().stdout).expect("JSON");
    assert_eq!(json["sound"], true);
    assert_eq!(json["files"][3]["count"], 40);
    let labels = home.path().join("digits").join(NAMES[1]);
    fs::write(&labels, b"<html>").expect("written");
    verified(&["digits"]).code(4).stdout(contains("a web page"));
    fs::remove_file(&labels).expect("removed");
    verified(&["digits"])
        .code(4)
        .stdout(contains("train-labels-idx1-ubyte: missing"));
    verified(&["slip"])
        .code(4)
        .stderr(contains("no such folder"));
}

#[test]
fn a_cut_archive_is_listed_as_damaged() {
    let home = home();
    let folder = home.path().join("data/mnist");
    let packed = files_of(&pattern(GREY, 10, 60), &pattern(GREY, 10, 10)).map(|file| gzip(&file));
    let names = NAMES.map(|name| format!("{name}.gz"));
    write_files(&folder, names.each_ref().map(String::as_str), &packed);
    let cut = &packed[0][..packed[0].len() / 2];
    fs::write(folder.join(&names[0]), cut).expect("written");
    let list = |arguments: &[&str]| {
        let mut command = program(home.path());
        let command = command.args(["data", "list", "--data-dir", "data"]);
        command.args(arguments).assert().success()
    };
    list(&[]).stdout(
        contains("damaged: train-images-idx3-ubyte.gz: the gzip stream is cut short")
            .and(contains("emnist-letters"))
            .and(contains("synthetic")),
    );
    let json = list(&["--json"]);
    let json: Value = serde_json::from_slice(&json.get_output().stdout).expect("JSON");
    assert_eq!(json["sets"][0]["id"], "mnist");
    assert_eq!(json["sets"][0]["missing"], serde_json::json!([]));
    let wrong = &json["sets"][0]["wrong"][0]["fault"];
    assert_eq!(wrong, "the gzip stream is cut short");
}

/// EMNIST is one zip file of 562 MB, which this program does not unpack.
#[test]
fn emnist_is_fetched_by_hand() {
    let home = home();
    program(home.path())
        .args(["data", "fetch", "emnist-letters", "--data-dir", "data"])
        .assert()
        .code(4)
        .stderr(
            contains("gzip.zip")
                .and(contains("fb9bb67e"))
                .and(contains("--data-dir")),
        );
    assert!(!home.path().join("data").exists());
    program(home.path())
        .args(["data", "fetch", "emnist"])
        .assert()
        .code(2)
        .stderr(contains("emnist-letters"));
}

/// The cache of the built-in digits holds four seeds at most, those used last.
#[test]
fn the_cache_of_built_in_digits_is_bounded() {
    let home = home();
    let train = |seed: &str, out: &str| {
        let mut command = offline(home.path());
        command
            .args([
                "train",
                "--dataset",
                "synthetic",
                "--seed",
                seed,
                "--out",
                out,
            ])
            .args(["--device", "cpu", "--epochs", "1", "--train-limit", "100"])
            .assert()
            .success()
    };
    train("1", "first").stderr(contains("drawing 70000"));
    let cache = home.path().join("cache/gpu-mnist");
    let seeds = || -> Vec<String> {
        let entries = fs::read_dir(&cache).expect("there").flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        let mut seeds: Vec<String> = names.filter(|name| name.starts_with("synthetic")).collect();
        seeds.sort();
        seeds
    };
    let own = seeds()[0].clone();
    // Older ones, of this and of an earlier version of the digits.
    let long_ago = std::time::SystemTime::now() - std::time::Duration::from_secs(86_400);
    for (age, name) in [
        "synthetic-v0-7",
        "synthetic-v1-95",
        "synthetic-v1-96",
        "synthetic-v1-97",
    ]
    .iter()
    .enumerate()
    {
        let folder = cache.join(name);
        fs::create_dir(&folder).expect("made");
        let file = fs::File::create(folder.join(NAMES[1])).expect("made");
        let age = std::time::Duration::from_secs(age as u64);
        file.set_modified(long_ago + age).expect("dated");
    }
    // Reading marks a seed as used, drawing another removes the oldest.
    train("1", "again").stderr(contains("built-in digits from"));
    train("2", "second").stderr(contains("drawing 70000"));
    let kept = seeds();
    assert_eq!(kept.len(), 4, "{kept:?}");
    assert!(kept.contains(&own), "{kept:?}");
    assert!(kept.contains(&"synthetic-v1-97".to_owned()), "{kept:?}");
    assert!(!kept.contains(&"synthetic-v0-7".to_owned()), "{kept:?}");
}

#[cfg(unix)]
#[test]
fn a_data_folder_that_is_no_utf_8_is_read_or_said() {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    let home = home();
    let latin = home.path().join(OsStr::from_bytes(b"latin1-caf\xe9"));
    write_dataset(&latin.join("own"), 200, 40);
    // Settings are text, so the flag cannot keep such a path: it says so.
    offline(home.path())
        .args(["train", "--data-dir"])
        .arg(&latin)
        .args(QUICK)
        .assert()
        .code(2)
        .stderr(contains("not UTF-8"));
    offline(home.path())
        .current_dir(&latin)
        .args(["train", "--dataset", "own", "--out", "run"])
        .args(QUICK)
        .assert()
        .success();
    program(home.path())
        .args(["data", "list", "--json", "--data-dir"])
        .arg(&latin)
        .assert()
        .success()
        .stdout(contains("latin1-caf\u{fffd}"));
}
