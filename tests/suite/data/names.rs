//! Names that cannot be told apart or printed, refused before anything is trained.

use std::fs;
use std::path::Path;

use super::own_images::write_classes;
use super::tables::{refused, table};
use super::{GREY, pattern, read_set};
use crate::support::program;

#[test]
fn labels_of_a_table_that_are_no_utf_8_are_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = table(&pattern(GREY, 2, 20), "", |label, row| {
        format!("caf{},{row}", ["@", "~"][usize::from(label)])
    });
    let bytes = text.bytes().map(|byte| match byte {
        b'@' => 0xe9,
        b'~' => 0xe8,
        byte => byte,
    });
    let path = folder.path().join("latin.csv");
    fs::write(&path, bytes.collect::<Vec<u8>>()).expect("written");
    let text = refused(&path);
    assert!(
        text.contains("line 1: the label caf\u{fffd} is not UTF-8; save the table as UTF-8"),
        "{text}"
    );
}

#[cfg(target_os = "linux")]
#[test]
fn folders_whose_names_are_no_utf_8_are_refused() {
    use std::os::unix::ffi::OsStrExt;
    let folder = tempfile::tempdir().expect("a folder");
    write_classes(folder.path(), &["one", "two"], 3);
    for (from, to) in [("one", &b"caf\xe9"[..]), ("two", b"caf\xe8")] {
        let to = folder.path().join(std::ffi::OsStr::from_bytes(to));
        fs::rename(folder.path().join(from), to).expect("renamed");
    }
    let said = "the name of the folder caf\u{fffd} is not UTF-8; rename the folder";
    let text = refused(folder.path());
    assert!(text.contains(said), "{text}");
    // In an archive, too.
    let archive = folder.path().join("set.tar");
    let mut tar = tar::Builder::new(fs::File::create(&archive).expect("made"));
    for class in [&b"caf\xe9"[..], b"caf\xe8"] {
        let class = std::ffi::OsStr::from_bytes(class);
        tar.append_dir_all(class, folder.path().join(class))
            .expect("packed");
    }
    tar.finish().expect("packed");
    let text = refused(&archive);
    assert!(text.contains(said), "{text}");
}

/// A run with such a name could not be read, and the name would move the cursor.
#[test]
fn control_characters_are_refused_and_not_printed() {
    let folder = tempfile::tempdir().expect("a folder");
    let at = folder.path();
    write_classes(&at.join("set"), &["red\u{1b}[31m", "two"], 3);
    let said = "the name of the class `red\\u{1b}[31m` holds control characters; give the class";
    let text = refused(&at.join("set"));
    assert!(text.contains(said) && !text.contains('\u{1b}'), "{text}");

    let rows = table(&pattern(GREY, 2, 20), "", |label, row| {
        format!("{},{row}", ["red\u{1b}[31m", "two"][usize::from(label)])
    });
    fs::write(at.join("rows.csv"), rows).expect("written");
    let text = refused(&at.join("rows.csv"));
    assert!(text.contains(said) && !text.contains('\u{1b}'), "{text}");

    // The folder of the set itself.
    let name = "my\u{1b}[2Jset";
    write_classes(&at.join(name), &["a", "b"], 3);
    let text = refused(&at.join(name));
    assert!(
        text.contains("its name holds control characters") && !text.contains('\u{1b}'),
        "{text}"
    );
    for dataset in ["set", "rows.csv", name] {
        let output = program(at).args(["train", "--dataset", dataset]).output();
        let output = output.expect("ran");
        assert_eq!(output.status.code(), Some(4), "{dataset:?}");
        assert!(!output.stderr.contains(&0x1b), "{dataset:?}");
    }
    assert!(read_set(Path::new("nowhere\u{1b}")).is_err());
}
