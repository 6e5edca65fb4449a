//! MNIST of LeCun, Cortes and Burges. The hashes are of the official archives.

use super::{DIGITS, FileRole, GREY_28, KnownFile, KnownSet, Source, sha256};
use crate::data::image_set::{Background, Framing};

/// MNIST.
pub static MNIST: KnownSet = KnownSet {
    id: "mnist",
    class_names: DIGITS,
    shape: GREY_28,
    framing: Framing::CentreOfMass,
    background: Background::Dark,
    mirrorable: false,
    transposed: false,
    first_label: 0,
    prefix: "",
    folders: &["mnist"],
    whole: None,
    source: Source::Mirrors(&[
        "https://ossci-datasets.s3.amazonaws.com/mnist/",
        "https://storage.googleapis.com/cvdf-datasets/mnist/",
    ]),
    files: [
        file(
            FileRole::TrainImages,
            60_000,
            9_912_422,
            "440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
            "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
        ),
        file(
            FileRole::TrainLabels,
            60_000,
            28_881,
            "3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
            "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
        ),
        file(
            FileRole::TestImages,
            10_000,
            1_648_877,
            "8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
            "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
        ),
        file(
            FileRole::TestLabels,
            10_000,
            4_542,
            "f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
            "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
        ),
    ],
};

/// A file under MNIST's name for it, with both hashes.
pub(super) const fn file(
    role: FileRole,
    count: usize,
    archive_bytes: u64,
    archive: &str,
    unpacked: &str,
) -> KnownFile {
    KnownFile {
        role,
        name: role.name(),
        count: Some(count),
        archive_bytes: Some(archive_bytes),
        archive_sha256: sha256(archive),
        unpacked_sha256: sha256(unpacked),
    }
}
