//! The data sets known by name, as plain data: a new one is a file here and a line in [`CATALOG`].

mod cifar;
mod emnist;
mod fashion_mnist;
mod kmnist;
#[cfg(not(target_family = "wasm"))]
pub mod locate;
mod medmnist;
mod mnist;
mod qmnist;

use std::fmt;

use super::formats::idx::FileRole;
use super::image_set::{Background, Framing, ImageShape};

pub use emnist::LETTERS as EMNIST_LETTERS;
pub use fashion_mnist::FASHION_MNIST;
pub use kmnist::KMNIST;
pub use mnist::MNIST;
pub use qmnist::QMNIST;

/// Every known set, in the order in which they are listed.
pub static CATALOG: &[&KnownSet] = &[
    &mnist::MNIST,
    &fashion_mnist::FASHION_MNIST,
    &kmnist::KMNIST,
    &qmnist::QMNIST,
    &emnist::BALANCED,
    &emnist::BYCLASS,
    &emnist::BYMERGE,
    &emnist::LETTERS,
    &emnist::DIGITS_SPLIT,
    &emnist::MNIST_SPLIT,
    &cifar::CIFAR10,
    &cifar::CIFAR100,
    &medmnist::PATH,
    &medmnist::DERMA,
    &medmnist::OCT,
    &medmnist::PNEUMONIA,
    &medmnist::RETINA,
    &medmnist::BREAST,
    &medmnist::BLOOD,
    &medmnist::TISSUE,
    &medmnist::ORGAN_A,
    &medmnist::ORGAN_C,
    &medmnist::ORGAN_S,
];

/// Names that stand for something other than a folder, beside those of the known sets.
pub const OTHER_NAMES: [&str; 2] = ["auto", "synthetic"];

/// Everything that is known of a set before its files are read.
#[derive(Clone, Copy, Debug)]
pub struct KnownSet {
    /// The name on the command line, and of the folder under the data folder.
    pub id: &'static str,
    /// One name a class.
    pub class_names: &'static [&'static str],
    /// Of every image.
    pub shape: ImageShape,
    /// How the things shown are framed.
    pub framing: Framing,
    /// What surrounds them.
    pub background: Background,
    /// Whether a mirrored image keeps its class.
    pub mirrorable: bool,
    /// Whether rows and columns are swapped in the published files.
    pub transposed: bool,
    /// The label of the first class in the published files.
    pub first_label: u16,
    /// What the names of its files begin with, before `train-` or `test-`; empty where they are
    /// called as MNIST's.
    pub prefix: &'static str,
    /// Folders that other programs keep it in: lower case, letters and digits alone.
    pub folders: &'static [&'static str],
    /// The four files, in the order of [`FileRole::ALL`]; without names where `whole` says how the
    /// set lies.
    pub files: [KnownFile; 4],
    /// How it lies where it is not four IDX files.
    pub whole: Option<KnownWhole>,
    /// Where it is published.
    pub source: Source,
}

/// A set that is one file, or a folder of files that a format of its own reads.
#[derive(Clone, Copy, Debug)]
pub struct KnownWhole {
    /// What the file or the folder is called, in lower case.
    pub names: &'static [&'static str],
    /// Images to train on, to validate and to test.
    pub counts: [usize; 3],
}

/// Where a set is published.
#[derive(Clone, Copy, Debug)]
pub enum Source {
    /// Each file as an archive of its own, below any of these addresses, which end in a slash.
    Mirrors(&'static [&'static str]),
    /// All files in one archive or file, which this program does not fetch.
    Archive {
        /// Its address.
        url: &'static str,
        /// 0 where its publisher does not say.
        bytes: u64,
        /// What it can be checked against.
        hash: Hash,
        /// Whether its files have to be taken out of it.
        unpacked: bool,
    },
}

/// What an archive can be checked against, in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hash {
    /// SHA-256.
    Sha256(&'static str),
    /// MD5.
    Md5(&'static str),
}

impl fmt::Display for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sha256(digits) => write!(f, "SHA-256 {digits}"),
            Self::Md5(digits) => write!(f, "MD5 {digits}"),
        }
    }
}

/// One published file. What its publisher does not say is `None`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFile {
    /// Which of the four it is.
    pub role: FileRole,
    /// Its name, unpacked.
    pub name: &'static str,
    /// Images or labels in it.
    pub count: Option<usize>,
    /// Size of the gzip archive.
    pub archive_bytes: Option<u64>,
    /// SHA-256 of the gzip archive.
    pub archive_sha256: Option<[u8; 32]>,
    /// SHA-256 of the unpacked file.
    pub unpacked_sha256: Option<[u8; 32]>,
}

impl KnownFile {
    /// The name of the published archive.
    pub fn archive_name(&self) -> String {
        format!("{}.gz", self.name)
    }
}

impl KnownSet {
    /// The entry of one file.
    pub fn file(&self, role: FileRole) -> &KnownFile {
        &self.files[role as usize]
    }

    /// What its files are called, unpacked; of a set that is one, what that is called.
    pub fn file_names(&self) -> Vec<String> {
        match self.whole {
            Some(whole) => whole.names[..1]
                .iter()
                .map(|&name| name.to_owned())
                .collect(),
            None => self.files.iter().map(|file| file.name.to_owned()).collect(),
        }
    }

    /// Names of the classes, by label.
    pub fn class_names(&self) -> Vec<String> {
        self.class_names
            .iter()
            .map(|&name| name.to_owned())
            .collect()
    }

    /// What a fetch downloads where nothing is there, as far as it is known.
    pub fn download_bytes(&self) -> u64 {
        match self.source {
            Source::Mirrors(_) => self
                .files
                .iter()
                .filter_map(|file| file.archive_bytes)
                .sum(),
            Source::Archive { bytes, .. } => bytes,
        }
    }
}

impl fmt::Display for KnownSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id)
    }
}

impl PartialEq for KnownSet {
    fn eq(&self, other: &Self) -> bool {
        self.id == other.id
    }
}

impl Eq for KnownSet {}

/// A name that no known set has.
#[derive(thiserror::Error, Clone, Debug, PartialEq, Eq)]
#[error(
    "no set is known as `{name}`{}; `gpu-mnist data list` names those there are",
    match OTHER_NAMES.contains(&&name[..]) {
        true => " to fetch".into(),
        false => did_you_mean(name),
    }
)]
pub struct UnknownSet {
    /// The name.
    pub name: String,
}

/// The set of a name.
///
/// # Errors
/// [`UnknownSet`], with the names there are.
pub fn named(name: &str) -> Result<&'static KnownSet, UnknownSet> {
    CATALOG
        .iter()
        .find(|set| set.id == name)
        .copied()
        .ok_or_else(|| UnknownSet { name: name.into() })
}

/// Whether this is the name of a known set, `auto` or `synthetic`: such a name is never a folder.
pub fn is_reserved(name: &str) -> bool {
    OTHER_NAMES.contains(&name) || named(name).is_ok()
}

/// The names of all known sets, as a list in a sentence.
pub fn ids() -> String {
    let ids: Vec<&str> = CATALOG.iter().map(|set| set.id).collect();
    ids.join(", ")
}

/// ` (did you mean ...?)` where a name that is taken is near; empty where none is.
pub(super) fn did_you_mean(name: &str) -> String {
    let lower = name.to_lowercase();
    let family: Vec<&str> = CATALOG
        .iter()
        .map(|set| set.id)
        .filter(|id| id.starts_with(&format!("{lower}-")))
        .collect();
    let near = match family.is_empty() {
        false => family.join(", "),
        true => {
            let names = CATALOG.iter().map(|set| set.id).chain(OTHER_NAMES);
            names
                .map(|id| (strsim::damerau_levenshtein(&lower, id), id))
                .filter(|&(steps, id)| steps <= 2.max(id.len() / 5))
                .min()
                .map(|(_, id)| id.to_owned())
                .unwrap_or_default()
        }
    };
    match near.is_empty() {
        true => String::new(),
        false => format!(" (did you mean {near}?)"),
    }
}

/// Whether the unpacked bytes of a file have to be hashed to tell which set it is of. `archive` is
/// the hash of the archive it came in.
pub(super) fn needs_hash(
    asked: Option<&KnownSet>,
    role: FileRole,
    archive: Option<[u8; 32]>,
    count: usize,
) -> bool {
    let may_be = |set: &KnownSet| {
        let file = set.file(role);
        file.unpacked_sha256.is_some() && file.count.is_none_or(|known| known == count)
    };
    let is = |set: &KnownSet| archive.is_some() && set.file(role).archive_sha256 == archive;
    match asked {
        Some(set) => may_be(set) && !is(set),
        None => CATALOG.iter().any(|set| may_be(set)) && !CATALOG.iter().any(|set| is(set)),
    }
}

/// The set whose files' names begin so; `None` for names that are not of one set alone.
pub(super) fn of_prefix(prefix: &str) -> Option<&'static KnownSet> {
    let mut sets = CATALOG.iter().copied();
    sets.find(|set| !prefix.is_empty() && set.prefix == prefix)
}

/// What MNIST and its successors have.
const GREY_28: ImageShape = ImageShape::grey(28, 28);

/// The files of a set that does not lie in four.
const NO_FILES: [KnownFile; 4] = {
    let mut files = [KnownFile {
        role: FileRole::TrainImages,
        name: "",
        count: None,
        archive_bytes: None,
        archive_sha256: None,
        unpacked_sha256: None,
    }; 4];
    let mut index = 0;
    while index < 4 {
        files[index].role = FileRole::ALL[index];
        index += 1;
    }
    files
};

/// Ten digits, the class names of most sets here.
pub const DIGITS: &[&str] = &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"];

/// Evaluated at compile time: a digit that is no hexadecimal fails the build.
const fn sha256(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    assert!(digits.len() == 64);
    let mut bytes = [0; 32];
    let mut index = 0;
    while index < 32 {
        bytes[index] = nibble(digits[2 * index]) << 4 | nibble(digits[2 * index + 1]);
        index += 1;
    }
    Some(bytes)
}

const fn nibble(digit: u8) -> u8 {
    match digit {
        b'0'..=b'9' => digit - b'0',
        b'a'..=b'f' => digit - b'a' + 10,
        _ => panic!("a hash is written in lower-case hexadecimal digits"),
    }
}

/// A hash as lower-case hexadecimal digits.
pub(super) fn to_hex(hash: &[u8]) -> String {
    hash.iter().map(|byte| format!("{byte:02x}")).collect()
}
