//! Kuzushiji-MNIST: ten cursive Japanese characters (Clanuwat et al., arXiv:1812.01718). Its
//! publisher gives no hashes; size and SHA-256 of the archives are those that TensorFlow Datasets
//! checks (`url_checksums/kmnist.txt`).

use super::{FileRole, GREY_28, KnownFile, KnownSet, Source, sha256};
use crate::data::image_set::{Background, Framing};

/// Kuzushiji-MNIST.
pub static KMNIST: KnownSet = KnownSet {
    id: "kmnist",
    class_names: &["o", "ki", "su", "tsu", "na", "ha", "ma", "ya", "re", "wo"],
    shape: GREY_28,
    framing: Framing::Whole,
    background: Background::Dark,
    mirrorable: false,
    transposed: false,
    first_label: 0,
    prefix: "",
    folders: &["kmnist", "kuzushijimnist"],
    whole: None,
    source: Source::Mirrors(&["https://codh.rois.ac.jp/kmnist/dataset/kmnist/"]),
    files: [
        file(
            FileRole::TrainImages,
            60_000,
            18_165_135,
            "51467d22d8cc72929e2a028a0428f2086b092bb31cfb79c69cc0a90ce135fde4",
        ),
        file(
            FileRole::TrainLabels,
            60_000,
            29_497,
            "e38f9ebcd0f3ebcdec7fc8eabdcdaef93bb0df8ea12bee65224341c8183d8e17",
        ),
        file(
            FileRole::TestImages,
            10_000,
            3_041_136,
            "edd7a857845ad6bb1d0ba43fe7e794d164fe2dce499a1694695a792adfac43c5",
        ),
        file(
            FileRole::TestLabels,
            10_000,
            5_120,
            "20bb9a0ef54c7db3efc55a92eef5582c109615df22683c380526788f98e42a1c",
        ),
    ],
};

const fn file(role: FileRole, count: usize, archive_bytes: u64, archive: &str) -> KnownFile {
    KnownFile {
        role,
        name: role.name(),
        count: Some(count),
        archive_bytes: Some(archive_bytes),
        archive_sha256: sha256(archive),
        unpacked_sha256: None,
    }
}
