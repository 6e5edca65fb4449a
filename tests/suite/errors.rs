//! Every error that a command can be brought to: its words and exit code, kept in one list
//! (`snapshots/suite__errors__list.snap`), and the advice, followed. Texts that no command here can provoke are named
//! with what does.

use std::fmt::Write;
use std::fs;
use std::path::Path;

use tempfile::tempdir;

use crate::support::{program, sources};

mod inputs;
mod texts;

use inputs::make;
use texts::{ELSEWHERE, FILES, fragment, texts};

/// A line `CODE command` is refused with that code; one of `> command` follows its advice and is not refused. `#` begins
/// a heading.
const CASES: &str = include_str!("errors/cases.txt");

/// The words of a command line; quotation marks hold one together.
fn words(line: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in line.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            letter => words.last_mut().expect("one").push(letter),
        }
    }
    words
}

/// What a command says on stderr, less its diagnostics, and its exit code.
fn said(home: &Path, line: &str) -> (String, i32) {
    let mut line = line;
    let mut command = program(home);
    command.env("PATH", "/nowhere").env("BROWSER", "/nowhere");
    while let Some((name, rest)) = line.split_once(' ').filter(|(name, _)| name.contains('=')) {
        let (name, value) = name.split_once('=').expect("a variable");
        command.env(name, value);
        line = rest;
    }
    let output = command.args(words(line)).output().expect("it ran");
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    let place = home.canonicalize().expect("a folder");
    let text = text.replace(&*place.to_string_lossy(), "HOME");
    let mut kept = String::new();
    let mut diagnostics = false;
    for line in text.lines() {
        if [" INFO", " WARN"]
            .iter()
            .any(|level| line.starts_with(level))
        {
            diagnostics = true;
        } else if !(diagnostics && line.starts_with("  ")) {
            diagnostics = false;
            let _ = writeln!(kept, "{line}");
        }
    }
    (kept, output.status.code().unwrap_or(-1))
}

/// The whole list. The system's own words are Linux's.
#[cfg(target_os = "linux")]
#[test]
fn every_error_says_what_to_do_and_it_helps() {
    let home = tempdir().expect("a folder");
    make(home.path());
    let mut list = String::new();
    let mut wrong = String::new();
    for line in CASES.lines().filter(|line| !line.is_empty()) {
        let (expected, run) = line.split_once(' ').expect("two parts");
        if expected == "#" {
            let _ = writeln!(list, "# {run}\n");
            continue;
        }
        let (text, found) = said(home.path(), run);
        let (code, shown) = match expected.parse() {
            Ok(code) => (code, format!("$ gpu-mnist {run}\n[{found}] {text}\n")),
            Err(_) => (0, format!("  then: gpu-mnist {run}\n\n")),
        };
        if found != code {
            let _ = writeln!(wrong, "{run}: {found} in place of {code}\n{text}");
        }
        list.push_str(&shown);
    }
    assert!(wrong.is_empty(), "{wrong}");
    insta::assert_snapshot!("list", list);
}

/// An error that is written anew belongs into the list.
#[test]
fn every_error_text_is_in_the_list() {
    let list = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/tests/suite/snapshots/suite__errors__list.snap"
    );
    let list = fs::read_to_string(list).expect("the list");
    let mut missing = String::new();
    for (file, text) in sources("") {
        // What the page says is tested there.
        let is_reason = FILES.iter().any(|(part, _)| file.contains(part));
        if is_reason || file.starts_with("session/") || file == "web.rs" {
            continue;
        }
        for literal in texts(&text) {
            let part = fragment(&literal);
            let known =
                list.contains(part) || ELSEWHERE.iter().any(|(text, _)| part.contains(text));
            if !known {
                let _ = writeln!(missing, "{file}: {part}");
            }
        }
    }
    assert!(
        missing.is_empty(),
        "neither provoked nor in ELSEWHERE:\n{missing}"
    );
    let all: String = sources("").into_iter().map(|(_, text)| text).collect();
    for (text, _) in ELSEWHERE {
        assert!(all.contains(text), "no error says `{text}` any more");
    }
}
