//! The texts of errors in the sources.

/// What begins the words of an error.
const BEGINS: &[&str] = &[
    "#[error(",
    "UsageError(",
    "bail!(",
    "anyhow!(",
    "ensure!(",
    ".context(",
    "with_context(",
    ".invalid(",
    "unfit(",
    "unwritten(",
    "wrong(",
];

/// The literals of all errors in a file that are sentences.
pub fn texts(source: &str) -> Vec<String> {
    let mut found = Vec::new();
    for begin in BEGINS {
        for (place, _) in source.match_indices(begin) {
            literals(&source[place + begin.len()..], &mut found);
        }
    }
    found.retain(|text| fragment(text).len() >= 8 && fragment(text).contains(' '));
    found
}

/// The literals up to the bracket that closes what has been opened.
fn literals(source: &str, found: &mut Vec<String>) {
    let mut letters = source.chars();
    let mut depth = 1;
    while let Some(letter) = letters.next() {
        match letter {
            '"' => found.push(literal(&mut letters)),
            '(' | '[' | '{' => depth += 1,
            ')' | ']' | '}' => depth -= 1,
            '\'' => {
                // A letter, or a lifetime.
                let ahead: String = letters.clone().take(2).collect();
                if ahead.ends_with('\'') {
                    letters.nth(1);
                }
            }
            _ => {}
        }
        if depth == 0 {
            return;
        }
    }
}

fn literal(letters: &mut std::str::Chars) -> String {
    let mut text = String::new();
    while let Some(letter) = letters.next() {
        match letter {
            '"' => break,
            '\\' => match letters.next() {
                Some('n') => text.push('\n'),
                Some(other) => text.push(other),
                None => {}
            },
            letter => text.push(letter),
        }
    }
    text
}

/// The longest part of a text between what is filled in.
pub fn fragment(text: &str) -> &str {
    let parts = text.split(['{', '}']).enumerate();
    let parts = parts
        .filter(|(place, _)| place % 2 == 0)
        .map(|(_, part)| part);
    let parts = parts.flat_map(|part| part.split('\n'));
    let trimmed = parts.map(|part| part.trim_matches([' ', ':', ';', ',', '`']));
    trimmed.max_by_key(|part| part.len()).unwrap_or_default()
}

/// Texts that no command of the list provokes: what does, or why nothing can.
pub const ELSEWHERE: &[(&str, &str)] = &[];
