//! QMNIST: MNIST made anew from its source, with all 60,000 test images (Yadav and Bottou,
//! arXiv:1905.10498). Labels are rows of eight 32-bit integers, the class first. SHA-256 of the
//! archives as torchvision's prototype datasets check it; both label archives of the publisher's
//! repository have it. Sizes of the image archives are not published.

use super::{DIGITS, FileRole, GREY_28, KnownFile, KnownSet, Source, sha256};
use crate::data::image_set::{Background, Framing};

/// QMNIST.
pub static QMNIST: KnownSet = KnownSet {
    id: "qmnist",
    class_names: DIGITS,
    shape: GREY_28,
    framing: Framing::CentreOfMass,
    background: Background::Dark,
    mirrorable: false,
    transposed: false,
    first_label: 0,
    prefix: "qmnist",
    folders: &["qmnist"],
    whole: None,
    source: Source::Mirrors(&["https://raw.githubusercontent.com/facebookresearch/qmnist/master/"]),
    files: [
        file(
            FileRole::TrainImages,
            "qmnist-train-images-idx3-ubyte",
            None,
            "9e26a7bf1683614e065d7b76460ccd52807165b3f22561fb782bd9f38c52b51d",
        ),
        file(
            FileRole::TrainLabels,
            "qmnist-train-labels-idx2-int",
            Some(463_024),
            "2c05dc77f6b916b38e455e97ab129a42a444f3dbef09b278a366f82904e0dd9f",
        ),
        file(
            FileRole::TestImages,
            "qmnist-test-images-idx3-ubyte",
            None,
            "43fc22bf7498b8fc98de98369d72f752d0deabc280a43a7bcc364ab19e57b375",
        ),
        file(
            FileRole::TestLabels,
            "qmnist-test-labels-idx2-int",
            Some(526_800),
            "9fbcbe594c3766fdf4f0b15c5165dc0d1e57ac604e01422608bb72c906030d06",
        ),
    ],
};

const fn file(
    role: FileRole,
    name: &'static str,
    archive_bytes: Option<u64>,
    archive: &str,
) -> KnownFile {
    KnownFile {
        role,
        name,
        count: Some(60_000),
        archive_bytes,
        archive_sha256: sha256(archive),
        unpacked_sha256: None,
    }
}
