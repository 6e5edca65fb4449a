//! The data sets known by name: their files with sizes and hashes, class names and mirrors.

use std::fmt;
use std::str::FromStr;

use super::idx::Kind;

/// The four files of a data set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, serde::Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum FileRole {
    TrainImages,
    TrainLabels,
    TestImages,
    TestLabels,
}

impl FileRole {
    /// All four, each split's pictures before its labels.
    pub const ALL: [Self; 4] = [
        Self::TrainImages,
        Self::TrainLabels,
        Self::TestImages,
        Self::TestLabels,
    ];

    /// The official name of the unpacked file.
    pub const fn name(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte",
            Self::TrainLabels => "train-labels-idx1-ubyte",
            Self::TestImages => "t10k-images-idx3-ubyte",
            Self::TestLabels => "t10k-labels-idx1-ubyte",
        }
    }

    /// The name with a dot that some copies of the sets use.
    pub const fn dotted_name(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images.idx3-ubyte",
            Self::TrainLabels => "train-labels.idx1-ubyte",
            Self::TestImages => "t10k-images.idx3-ubyte",
            Self::TestLabels => "t10k-labels.idx1-ubyte",
        }
    }

    /// The official name of the archive.
    pub const fn archive_name(self) -> &'static str {
        match self {
            Self::TrainImages => "train-images-idx3-ubyte.gz",
            Self::TrainLabels => "train-labels-idx1-ubyte.gz",
            Self::TestImages => "t10k-images-idx3-ubyte.gz",
            Self::TestLabels => "t10k-labels-idx1-ubyte.gz",
        }
    }

    /// The role of a file by its name, packed or not.
    pub fn of_name(name: &str) -> Option<Self> {
        let name = name.strip_suffix(".gz").unwrap_or(name);
        Self::ALL
            .into_iter()
            .find(|role| name == role.name() || name == role.dotted_name())
    }

    pub const fn kind(self) -> Kind {
        match self {
            Self::TrainImages | Self::TestImages => Kind::Images,
            Self::TrainLabels | Self::TestLabels => Kind::Labels,
        }
    }
}

/// Size and SHA-256 of one file of a known set, as archive and unpacked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownFile {
    pub role: FileRole,
    pub archive_bytes: u64,
    pub archive_sha256: [u8; 32],
    pub unpacked_sha256: [u8; 32],
}

/// What must be known of a set to fetch and to verify it.
#[derive(Clone, Copy, Debug)]
pub struct SetFiles {
    /// The name on the command line and of the folder under the data folder.
    pub id: &'static str,
    pub class_names: [&'static str; 10],
    /// Addresses that end in a slash; an archive's name completes one.
    pub mirrors: &'static [&'static str],
    pub files: [KnownFile; 4],
}

impl SetFiles {
    /// The entry of one file.
    pub fn file(&self, role: FileRole) -> &KnownFile {
        &self.files[role as usize]
    }
}

/// A set known by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum KnownSet {
    Mnist,
    FashionMnist,
}

impl KnownSet {
    pub const ALL: [Self; 2] = [Self::Mnist, Self::FashionMnist];

    /// The name on the command line and of the folder under the data folder.
    pub fn id(self) -> &'static str {
        self.files().id
    }

    pub fn files(self) -> &'static SetFiles {
        match self {
            Self::Mnist => &MNIST,
            Self::FashionMnist => &FASHION_MNIST,
        }
    }

    /// What is known of the set, without a fingerprint.
    pub fn description(self) -> super::image_set::SetDescription {
        use super::image_set::{Framing, digits};
        let digits = digits(self.id());
        match self {
            Self::Mnist => digits,
            Self::FashionMnist => super::image_set::SetDescription {
                class_names: self.class_names(),
                framing: Framing::Whole,
                mirrorable: Some(true),
                ..digits
            },
        }
    }

    pub fn class_names(self) -> Vec<String> {
        self.files().class_names.map(str::to_owned).to_vec()
    }
}

impl fmt::Display for KnownSet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.id())
    }
}

impl FromStr for KnownSet {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|set| set.id() == text)
            .ok_or_else(|| {
                let names: Vec<_> = Self::ALL.iter().map(|set| set.id()).collect();
                format!(
                    "no set is known as `{text}`; the known sets are {}",
                    names.join(", ")
                )
            })
    }
}

/// MNIST of LeCun, Cortes and Burges; the hashes are of the official archives.
static MNIST: SetFiles = SetFiles {
    id: "mnist",
    class_names: ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"],
    mirrors: &[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ],
    files: [
        known(
            FileRole::TrainImages,
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        known(
            FileRole::TrainLabels,
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        known(
            FileRole::TestImages,
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        known(
            FileRole::TestLabels,
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ],
};

/// Fashion-MNIST of Zalando Research (Xiao, Rasul and Vollgraf, arXiv 1708.07747).
static FASHION_MNIST: SetFiles = SetFiles {
    id: "fashion-mnist",
    class_names: [
        "T-shirt/top",
        "Trouser",
        "Pullover",
        "Dress",
        "Coat",
        "Sandal",
        "Shirt",
        "Sneaker",
        "Bag",
        "Ankle boot",
    ],
    mirrors: &[
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ],
    files: [
        known(
            FileRole::TrainImages,
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        known(
            FileRole::TrainLabels,
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        known(
            FileRole::TestImages,
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        known(
            FileRole::TestLabels,
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ],
};

const fn known(role: FileRole, archive_bytes: u64, archive: &str, unpacked: &str) -> KnownFile {
    KnownFile {
        role,
        archive_bytes,
        archive_sha256: from_hex(archive),
        unpacked_sha256: from_hex(unpacked),
    }
}

/// Evaluated at compile time: a digit that is no hexadecimal fails the build.
const fn from_hex(text: &str) -> [u8; 32] {
    let digits = text.as_bytes();
    assert!(digits.len() == 64);
    let mut bytes = [0; 32];
    let mut index = 0;
    while index < 32 {
        bytes[index] = nibble(digits[2 * index]) << 4 | nibble(digits[2 * index + 1]);
        index += 1;
    }
    bytes
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
