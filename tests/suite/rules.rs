//! Rules of the source that no compiler checks: where `unsafe` may stand, what may use the network,
//! and which room may ask which.

use crate::support::sources;

/// The instruction sets: their one reason stands above the whole `impl`.
const WHOLE: &[&str] = &["avx2.rs", "avx512.rs", "neon.rs", "scalar.rs", "simd128.rs"];

fn all_sources() -> Vec<(String, String)> {
    let found = sources("");
    assert!(found.len() > 100, "only {} files", found.len());
    found
}

/// The CPU kernels and what they share, their instruction sets, their threads, and their memory; replays on an adapter.
fn may_be_unsafe(file: &str) -> bool {
    let Some(kernels) = file.strip_prefix("kernels/") else {
        return false;
    };
    let (folder, rest) = kernels.split_once('/').unwrap_or_default();
    ["parallel.rs", "flex.rs", "replay.rs", "simd.rs"].contains(&kernels)
        || ["simd", "primitives"].contains(&folder)
        || rest == "cpu.rs"
        || rest.starts_with("cpu/")
}

/// `unsafe` in a line, not counting comments and text.
fn is_unsafe(line: &str) -> bool {
    // What stands between quotation marks is text.
    let code: Vec<&str> = line.split('"').step_by(2).collect();
    let code = code.join("\"");
    let code = code.split("//").next().unwrap_or_default();
    code.split(|c: char| !c.is_alphanumeric() && c != '_')
        .any(|word| word == "unsafe")
}

/// Whether a reason stands in the same line or right above it, past the rest of the statement.
fn has_reason(lines: &[&str], at: usize, whole: bool) -> bool {
    let reason = |line: &str| line.contains("SAFETY");
    let near = lines[..at]
        .iter()
        .rev()
        .take(8)
        .take_while(|line| {
            let line = line.trim();
            let ends = line.is_empty() || line.ends_with(';') || line.ends_with('}');
            line.starts_with("//") || !ends
        })
        .any(|line| reason(line));
    let above = || {
        let implementation = lines[..at]
            .iter()
            .rposition(|line| line.starts_with("impl"));
        implementation.is_some_and(|start| {
            lines[start.saturating_sub(4)..start]
                .iter()
                .any(|line| reason(line))
        })
    };
    reason(lines[at]) || near || whole && above()
}

#[test]
fn unsafe_stands_where_it_may_and_says_why() {
    let mut blocks = 0;
    for (file, text) in all_sources() {
        let lines: Vec<&str> = text.lines().collect();
        let whole = WHOLE.iter().any(|name| file.ends_with(name));
        for (at, line) in lines.iter().enumerate() {
            if !is_unsafe(line) || line.contains("unused_unsafe") {
                continue;
            }
            let place = format!("src/{file}:{}: {}", at + 1, line.trim());
            assert!(may_be_unsafe(&file), "no unsafe code here: {place}");
            // What a function promises is in its documentation; its body has blocks of its own.
            if !line.contains("unsafe fn") {
                assert!(has_reason(&lines, at, whole), "without a reason: {place}");
                blocks += 1;
            }
        }
    }
    assert!(blocks > 100, "only {blocks} blocks were looked at");
}

#[test]
fn the_search_for_unsafe_finds_it() {
    assert!(is_unsafe("    let x = unsafe { y };"));
    assert!(is_unsafe("unsafe impl Send for X {}"));
    assert!(!is_unsafe("// unsafe"));
    assert!(!is_unsafe("    \"chrome://flags/#enable-unsafe-webgpu\""));
    assert!(!is_unsafe("fn not_unsafe() {}"));
    assert!(has_reason(&["// SAFETY: so.", "unsafe { x }"], 1, false));
    assert!(!has_reason(
        &["// SAFETY: so.", "y();", "unsafe { x }"],
        2,
        false
    ));
    assert!(may_be_unsafe("kernels/adam/cpu.rs") && may_be_unsafe("kernels/simd/avx2.rs"));
    assert!(may_be_unsafe("kernels/primitives/gemm.rs"));
    assert!(!may_be_unsafe("kernels/adam/gpu.rs") && !may_be_unsafe("data/idx.rs"));
}

/// Only a fetch speaks to others: nothing else names a client or a socket.
#[test]
fn only_the_fetch_names_the_network() {
    let mut found = 0;
    for (file, text) in all_sources() {
        for word in [
            "ureq",
            "std::net",
            "TcpStream",
            "UdpSocket",
            "UnixStream",
            "TcpListener",
        ] {
            if text.contains(word) {
                assert!(file.starts_with("data/fetch"), "src/{file} names {word}");
                found += 1;
            }
        }
    }
    assert!(found > 0, "the fetch has gone elsewhere");
}

/// The rooms of `src/`, each of which may ask those below it, and the leaves, which anyone may ask.
const COLUMN: &[&[&str]] = &[
    &["main", "lib", "web"],
    &["cli"],
    &["commands", "session"],
    &["report"],
    &["export", "bench"],
    &["runs"],
    &["checks"],
    &["training"],
    &["evaluation"],
    &["model"],
    &["data"],
    &["picture"],
    &["device"],
    &["kernels"],
];
const LEAVES: &[&str] = &["config", "exit", "files", "terminal", "wording"];
/// Manual pages are those of the parser.
const ASK_UPWARDS: &[(&str, &str)] = &[("commands/man.rs", "cli")];
/// Settings name kernels, bounds of images and layers, which describe their own entries.
const SETTINGS_ASK: &[&str] = &["kernels", "model"];

/// The rooms that a source asks: `crate::room` in its code.
fn asked(text: &str) -> Vec<String> {
    let after = text.split("crate::").skip(1);
    let name = |rest: &str| -> String {
        rest.chars()
            .take_while(|c| c.is_ascii_lowercase() || *c == '_')
            .collect()
    };
    after.map(name).filter(|name| !name.is_empty()).collect()
}

#[test]
fn arrows_point_downwards() {
    let level = |room: &str| COLUMN.iter().position(|rooms| rooms.contains(&room));
    let mut seen = 0;
    for (file, text) in all_sources() {
        assert!(
            !text.contains("crate::{"),
            "src/{file}: name the rooms apart"
        );
        let room = file.split(['/', '.']).next().unwrap_or_default();
        for other in asked(&text) {
            if other == room || LEAVES.contains(&other.as_str()) {
                continue;
            }
            let known = level(&other);
            assert!(
                known.is_some(),
                "src/{file} asks {other}, which no level holds"
            );
            let settings = room == "config" && SETTINGS_ASK.contains(&other.as_str());
            let excepted = ASK_UPWARDS.contains(&(&file, &other));
            assert!(
                settings || excepted || level(room).is_some_and(|own| Some(own) < known),
                "src/{file} asks {other}, which stands beside or above it"
            );
            seen += 1;
        }
    }
    assert!(seen > 300, "only {seen} arrows");
    assert_eq!(
        asked("use crate::runs::{a, b};\ncrate::data::c"),
        ["runs", "data"]
    );
}
