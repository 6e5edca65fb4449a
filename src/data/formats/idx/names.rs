//! Which of the four files a name stands for: MNIST's names and what others made of them.

use super::{FileRole, Kind, Part};

/// What a name says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileName {
    /// Which of the four it is.
    pub role: FileRole,
    /// What stands before it in lower case, such as `emnist-letters`; empty in MNIST's own names.
    pub prefix: String,
    /// Whether it ends in `.gz`, which says nothing of what the file holds.
    pub gz: bool,
    /// Whether it is written with hyphens alone, as MNIST's are.
    pub hyphens: bool,
}

impl FileName {
    /// Reads a name such as `train-images-idx3-ubyte`, `t10k-labels.idx1-ubyte.gz`,
    /// `emnist-letters-test-images-idx3-ubyte` or `qmnist-train-labels-idx2-int`, in any case.
    pub fn parse(name: &str) -> Option<Self> {
        let lower = name.to_lowercase();
        let (plain, gz) = match lower.strip_suffix(".gz") {
            Some(plain) => (plain, true),
            None => (&lower[..], false),
        };
        let words: Vec<&str> = plain.split(['-', '_', '.']).collect();
        let at = words.windows(3).position(|three| role(three).is_some())?;
        let number = &words[at + 3..];
        if number.len() > 1 || !number.iter().all(|word| is_number(word)) {
            return None;
        }
        Some(Self {
            role: role(&words[at..at + 3])?,
            prefix: words[..at].join("-"),
            gz,
            hyphens: !plain.contains(['_', '.']),
        })
    }
}

/// The role of a file by its name, whatever stands before it.
pub fn role_of(name: &str) -> Option<FileRole> {
    FileName::parse(name).map(|name| name.role)
}

/// `train`, `images`, `idx3` and their like.
fn role(words: &[&str]) -> Option<FileRole> {
    let [part, kind, idx] = words else {
        return None;
    };
    let part = match *part {
        "train" | "training" => Part::Train,
        "t10k" | "test" => Part::Test,
        _ => return None,
    };
    let kind = match *kind {
        "images" | "image" => Kind::Images,
        "labels" | "label" => Kind::Labels,
        _ => return None,
    };
    let digits = idx.strip_prefix("idx")?;
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| FileRole::of(part, kind))
}

/// The word for the kind of number at the end.
fn is_number(word: &str) -> bool {
    [
        "ubyte", "byte", "uint8", "short", "int16", "int", "int32", "float",
    ]
    .contains(&word)
}
