//! How messages say things: a number of them, a learning rate, a word of a command line.

use std::borrow::Cow;
use std::fmt::Display;

/// `1 epoch`, `0 epochs`, `12 epochs`, `1 class`, `2 classes`: `noun` is that of one thing, of one word or more,
/// the last of which changes.
pub fn count(number: impl TryInto<u64>, noun: &str) -> String {
    let number = number.try_into().unwrap_or(u64::MAX);
    match number {
        1 => format!("1 {noun}"),
        _ => format!("{number} {}", plural(noun)),
    }
}

fn plural(noun: &str) -> String {
    let hisses = ["s", "x", "sh", "tch", "nch"]
        .iter()
        .any(|end| noun.ends_with(end));
    match noun.strip_suffix('y') {
        Some(stem) if !stem.ends_with(['a', 'e', 'o', 'u']) => format!("{stem}ies"),
        _ if hisses => format!("{noun}es"),
        _ => format!("{noun}s"),
    }
}

/// The verb of so many things: `one` of a single one, else `several`.
pub fn verb<'a>(number: usize, one: &'a str, several: &'a str) -> &'a str {
    match number {
        1 => one,
        _ => several,
    }
}

/// A text that begins with a capital letter.
pub fn sentence(text: &str) -> String {
    let mut letters = text.chars();
    let first = letters.next().map(char::to_uppercase);
    first.into_iter().flatten().chain(letters).collect()
}

/// A name within a list: in quotation marks where it holds a comma itself.
pub fn listed(name: &str) -> Cow<'_, str> {
    match name.contains(',') {
        true => format!("\"{name}\"").into(),
        false => name.into(),
    }
}

/// A text without what moves a terminal's cursor or changes its colours; lines stay lines.
pub fn printable(text: &str) -> String {
    let shown = |part: char| match part.is_control() && part != '\n' {
        true => part.escape_default().to_string(),
        false => part.to_string(),
    };
    text.chars().map(shown).collect()
}

/// A learning rate with two significant digits, as flags take it.
pub fn rounded(rate: f64) -> f64 {
    format!("{rate:.1e}").parse().unwrap_or(rate)
}

/// A learning rate to try where `rate` was too high: a tenth of it, or that of the default recipe where a tenth is still
/// above what any network takes.
pub fn lower_rate(rate: f64) -> f64 {
    const HIGHEST: f64 = 1.0;
    const USUAL: f64 = 0.01;
    match rounded(rate / 10.0) {
        tenth if tenth > HIGHEST => USUAL,
        tenth => tenth,
    }
}

/// A rounded learning rate as flags take it, however large or small.
pub fn rate_text(rate: f64) -> String {
    let rate = rounded(rate);
    match rate == 0.0 || (1e-6..1e6).contains(&rate) {
        true => rate.to_string(),
        false => format!("{rate:e}"),
    }
}

/// A loss in at most ten columns.
pub fn loss_text(loss: f64) -> String {
    match loss.abs() < 1e4 {
        true => format!("{loss:.4}"),
        false => format!("{loss:.2e}"),
    }
}

/// A path, or another word of a command line, as a POSIX shell takes it.
pub fn quoted(word: impl Display) -> String {
    let word = word.to_string();
    let plain = |part: char| part.is_alphanumeric() || "-_./=:,+%@".contains(part);
    match !word.is_empty() && word.chars().all(plain) {
        true => word,
        false => format!("'{}'", word.replace('\'', r"'\''")),
    }
}
