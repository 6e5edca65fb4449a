//! EMNIST: handwritten letters and digits in six splits (Cohen, Afshar, Tapson and van Schaik,
//! arXiv:1702.05373). Published in one zip file, rows and columns swapped; the labels of the
//! letters count from 1. Each character is fitted to 24x24 pixels and centred by its box.
//!
//! Size and SHA-256 of the zip file are those that TensorFlow Datasets checks
//! (`url_checksums/emnist.txt`). Those of the gzip archives in it are written down in the package
//! `mnists` (`hashes.py`); for balanced, letters, digits and mnist a second project took the same
//! from the zip file.

use super::{DIGITS, GREY_28, Hash, KnownFile, KnownSet, NO_FILES, Source, sha256};
use crate::data::image_set::{Background, Framing};

/// One split: its name, class names, images for training and for testing, and the SHA-256 of its
/// archives in the order of [`FileRole::ALL`].
macro_rules! split {
    ($name:literal, $classes:expr, $counts:expr, $archives:expr) => {
        KnownSet {
            id: concat!("emnist-", $name),
            class_names: $classes,
            shape: GREY_28,
            framing: Framing::Whole,
            background: Background::Dark,
            mirrorable: false,
            transposed: true,
            first_label: 0,
            prefix: concat!("emnist-", $name),
            folders: &[concat!("emnist", $name), "emnist", "gzip"],
            whole: None,
            source: ZIP,
            files: files(
                [
                    concat!("emnist-", $name, "-train-images-idx3-ubyte"),
                    concat!("emnist-", $name, "-train-labels-idx1-ubyte"),
                    concat!("emnist-", $name, "-test-images-idx3-ubyte"),
                    concat!("emnist-", $name, "-test-labels-idx1-ubyte"),
                ],
                $counts,
                $archives,
            ),
        }
    };
}

pub static BALANCED: KnownSet = split!(
    "balanced",
    MERGED,
    Some([112_800, 18_800]),
    [
        "74295e75e4e9fa2c102147460ee7eb763653d5132d883a84fb88932bfb8d2db4",
        "b46d41e5156a0a8aaaa4d18979fdd1588850fa8571018acffd5d93b325a7d6ed",
        "117fc12b015e37ea98bfb2cbba3f77c3782c056cdbd219b87abfc8661d7135db",
        "a67cac948379b67270b9a4d0a01c8ec661598accf2f2b1964340b7c83cb175cd",
    ]
);

pub static BYCLASS: KnownSet = split!(
    "byclass",
    ALL,
    Some([697_932, 116_323]),
    [
        "9e21987f03a6eb8b870187e785883ddad96947299587908f1a7ec2ca0f4be5f0",
        "f7ef403d48dc18a89dae0d83d11ee69cecb6e1c12c3a961d03712e495c02a8fa",
        "5ec835bd5d5b1a66378a132e727fef20fe994b3cc666899befcca5ac766f50cd",
        "501e305eeeacb093b162592d80e8a2632040872360fa6d85cfcb2200d91ca92a",
    ]
);

pub static BYMERGE: KnownSet = split!(
    "bymerge",
    MERGED,
    Some([697_932, 116_323]),
    [
        "39bf8c68037dad40db35348895f7e4e056e8c0a005ab78869c9fbc2c96e947be",
        "2c47293b9e62d6abf6ad05fbf67e40baa32adfd380b8d7b44dcc35534b64e1f1",
        "5e5815ec1b522089134435f7c55e75a00960b58414793593ffff23efc0821683",
        "8bda1516255683ba9071e141947ca0c91a911176065cdd6259b0b4d8dc5b5f35",
    ]
);

/// The two counts given for it in public differ, so none is checked.
pub static LETTERS: KnownSet = KnownSet {
    first_label: 1,
    ..split!(
        "letters",
        UPPER,
        None,
        [
            "6288f418a917e007bf5fddb823a2dc7a5c6a35031401b93292a539cb12bd881f",
            "9759af91ea6bccdf07a6040fd085861f2ec88e37f7c3f5760f6feb57106fbe5c",
            "50f0e93d75b99b463e9760b8345866f22587fa2c2fba472730a5ba09c693412d",
            "924955c31fe7fd809b7303b5c0141282955f4b8390c74cdfd5d80435e0f4b4cb",
        ]
    )
};

pub static DIGITS_SPLIT: KnownSet = split!(
    "digits",
    DIGITS,
    Some([240_000, 40_000]),
    [
        "f7c95004d14d81af89522e67d8f0c781dfb3bd544181c81bfe1eb6b41c35b726",
        "6638a6ff5fe2eefd9cca2471995b46c82986b8e4b2a70d2f5ce8e05d7edb319e",
        "20ebe43509264f7639d37c835a3f0b009e90b29e00a099a03101abe1644a3f63",
        "bad1834c45d5988e270b99d43b13edc3fd898f658ffbc2caf2846ef27f7b05b0",
    ]
);

pub static MNIST_SPLIT: KnownSet = split!(
    "mnist",
    DIGITS,
    Some([60_000, 10_000]),
    [
        "5f9942f441031c0f1f2e4d162059fd6e19ea808b34c328b6d16cab0ed24c78f2",
        "00c6d3c2342fdffb1711e0b5656cac4ce5862d2826399d383a9bac07d612e9f8",
        "b25640fa9e356c618132f5df347c95ef5bae6d9c2596be1de40f7e0ae1c3eac6",
        "bcc5385d38f083dba046f5f756e99b32f5ea7fad122c6243c71c2239873065ca",
    ]
);

const ZIP: Source = Source::Archive {
    url: "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip",
    bytes: 561_753_746,
    hash: Hash::Sha256("fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"),
    unpacked: true,
};

const fn files(
    names: [&'static str; 4],
    counts: Option<[usize; 2]>,
    archives: [&str; 4],
) -> [KnownFile; 4] {
    let mut files = NO_FILES;
    let mut index = 0;
    while index < 4 {
        files[index].name = names[index];
        files[index].archive_sha256 = sha256(archives[index]);
        if let Some(counts) = counts {
            files[index].count = Some(counts[index / 2]);
        }
        index += 1;
    }
    files
}

/// Digits, capitals, small letters: 62 classes.
const ALL: &[&str] = &[
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F", "G", "H", "I",
    "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z", "a", "b",
    "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s", "t", "u",
    "v", "w", "x", "y", "z",
];

/// Small letters that look like their capitals are one class with them: 47 classes.
const MERGED: &[&str] = &[
    "0", "1", "2", "3", "4", "5", "6", "7", "8", "9", "A", "B", "C", "D", "E", "F", "G", "H", "I",
    "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S", "T", "U", "V", "W", "X", "Y", "Z", "a", "b",
    "d", "e", "f", "g", "h", "n", "q", "r", "t",
];

/// Capitals and small letters together: 26 classes.
const UPPER: &[&str] = &[
    "A", "B", "C", "D", "E", "F", "G", "H", "I", "J", "K", "L", "M", "N", "O", "P", "Q", "R", "S",
    "T", "U", "V", "W", "X", "Y", "Z",
];
