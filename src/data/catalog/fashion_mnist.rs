//! Fashion-MNIST of Zalando Research (Xiao, Rasul and Vollgraf, arXiv:1708.07747). The hashes are
//! of the archives in its repository.

use super::mnist::file;
use super::{FileRole, GREY_28, KnownSet, Source};
use crate::data::image_set::{Background, Framing};

/// Fashion-MNIST.
pub static FASHION_MNIST: KnownSet = KnownSet {
    id: "fashion-mnist",
    class_names: &[
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
    shape: GREY_28,
    framing: Framing::Whole,
    background: Background::Dark,
    mirrorable: true,
    transposed: false,
    first_label: 0,
    prefix: "",
    folders: &["fashionmnist", "fashion"],
    whole: None,
    source: Source::Mirrors(&[
        "https://fashion-mnist.s3.eu-central-1.amazonaws.com/",
        "https://raw.githubusercontent.com/zalandoresearch/fashion-mnist/master/data/fashion/",
        "https://storage.googleapis.com/tensorflow/tf-keras-datasets/",
    ]),
    files: [
        file(
            FileRole::TrainImages,
            60_000,
            26_421_880,
            "3aede38d61863908ad78613f6a32ed271626dd12800ba2636569512369268a84",
            "c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
        ),
        file(
            FileRole::TrainLabels,
            60_000,
            29_515,
            "a04f17134ac03560a47e3764e11b92fc97de4d1bfaf8ba1a3aa29af54cc90845",
            "bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
        ),
        file(
            FileRole::TestImages,
            10_000,
            4_422_102,
            "346e55b948d973a97e58d2351dde16a484bd415d4595297633bb08f03db6a073",
            "5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
        ),
        file(
            FileRole::TestLabels,
            10_000,
            5_148,
            "67da17c76eaffca5446c3361aaab5c3cd6d1c2608764d35dfb1850b086bf8dd5",
            "0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
        ),
    ],
};
