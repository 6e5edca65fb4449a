//! Text in lines that fit a terminal: broken between words, and not within a command between backticks
//! where that fits in a line, nor between a number and its percent sign.

use console::{Term, measure_text_width};

/// `text` in lines of at most `width` columns; the later ones begin with `indent`. A word that is
/// wider stands in a line of its own.
pub fn wrapped(text: &str, width: usize, indent: &str) -> String {
    let words = text.trim_start_matches(' ');
    let mut lines = vec![" ".repeat(text.len() - words.len())];
    let room = width.saturating_sub(indent.len());
    for word in pieces(words, room) {
        let line = lines.last_mut().expect("there is a first line");
        let taken = measure_text_width(line) + 1 + measure_text_width(word);
        if line.trim().is_empty() {
            line.push_str(word);
        } else if taken > width {
            lines.push(format!("{indent}{word}"));
        } else {
            line.push(' ');
            line.push_str(word);
        }
    }
    lines.join("\n")
}

/// A message of several lines, each [`wrapped`]: the first goes on behind `indent`, others two columns
/// behind where they began.
pub fn message(text: &str, width: usize, indent: &str) -> String {
    let lines = text.split('\n').enumerate().map(|(place, line)| {
        let began = line.len() - line.trim_start_matches(' ').len();
        match place {
            0 => wrapped(line, width, indent),
            _ => wrapped(line, width, &" ".repeat(began + 2)),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The columns of the terminal that stderr is; `None` where it is none.
pub fn columns_of_stderr() -> Option<usize> {
    let (_, columns) = Term::stderr().size_checked()?;
    (columns > 20).then_some(columns.into())
}

/// Words, and what stands between backticks as one of them where it takes no more than `room`.
fn pieces(text: &str, room: usize) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut end = text.find(' ').unwrap_or(text.len());
        if let Some(from) = text[..end].find('`')
            && let Some(length) = text[from + 1..].find('`')
        {
            let close = from + 1 + length;
            let after = text[close..]
                .find(' ')
                .map_or(text.len(), |more| close + more);
            if close > end && measure_text_width(&text[..after]) <= room {
                end = after;
            }
        }
        if text[end..].starts_with(" %") {
            let after = &text[end + 1..];
            end += 1 + after.find(' ').unwrap_or(after.len());
        }
        rest = text.get(end + 1..);
        Some(&text[..end])
    })
}
