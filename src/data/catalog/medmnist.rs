//! MedMNIST v2 at 28x28 (Yang et al., Scientific Data 2023): the sets with one label an image,
//! without ChestMNIST, whose images have several. Counts, class names and the MD5 of each archive are
//! those of its package (`medmnist/info.py`).

use super::{Hash, KnownSet, KnownWhole, NO_FILES, Source};
use crate::data::image_set::{Background, Framing, ImageShape};

/// A set: its name, channels, images of each split, MD5, whether it may be mirrored, class names.
macro_rules! set {
    ($name:literal, $channels:literal, $counts:expr, $md5:literal, $mirrorable:literal, $classes:expr) => {
        KnownSet {
            id: $name,
            class_names: $classes,
            shape: ImageShape {
                height: 28,
                width: 28,
                channels: $channels,
            },
            framing: Framing::Crop,
            background: Background::Varied,
            mirrorable: $mirrorable,
            transposed: false,
            first_label: 0,
            prefix: "",
            folders: &["medmnist"],
            files: NO_FILES,
            whole: Some(KnownWhole {
                names: &[concat!($name, ".npz")],
                counts: $counts,
            }),
            source: Source::Archive {
                url: concat!(
                    "https://zenodo.org/records/6496656/files/",
                    $name,
                    ".npz?download=1"
                ),
                bytes: 0,
                hash: Hash::Md5($md5),
                unpacked: false,
            },
        }
    };
}

pub static PATH: KnownSet = set!(
    "pathmnist",
    3,
    [89_996, 10_004, 7180],
    "a8b06965200029087d5bd730944a56c1",
    true,
    &[
        "adipose",
        "background",
        "debris",
        "lymphocytes",
        "mucus",
        "smooth muscle",
        "normal colon mucosa",
        "cancer-associated stroma",
        "colorectal adenocarcinoma epithelium"
    ]
);

pub static DERMA: KnownSet = set!(
    "dermamnist",
    3,
    [7007, 1003, 2005],
    "0744692d530f8e62ec473284d019b0c7",
    true,
    &[
        "actinic keratoses and intraepithelial carcinoma",
        "basal cell carcinoma",
        "benign keratosis-like lesions",
        "dermatofibroma",
        "melanoma",
        "melanocytic nevi",
        "vascular lesions"
    ]
);

pub static OCT: KnownSet = set!(
    "octmnist",
    1,
    [97_477, 10_832, 1000],
    "c68d92d5b585d8d81f7112f81e2d0842",
    true,
    &[
        "choroidal neovascularization",
        "diabetic macular edema",
        "drusen",
        "normal"
    ]
);

pub static PNEUMONIA: KnownSet = set!(
    "pneumoniamnist",
    1,
    [4708, 524, 624],
    "28209eda62fecd6e6a2d98b1501bb15f",
    true,
    &["normal", "pneumonia"]
);

pub static RETINA: KnownSet = set!(
    "retinamnist",
    3,
    [1080, 120, 400],
    "bd4c0672f1bba3e3a89f0e4e876791e4",
    true,
    &["0", "1", "2", "3", "4"]
);

pub static BREAST: KnownSet = set!(
    "breastmnist",
    1,
    [546, 78, 156],
    "750601b1f35ba3300ea97c75c52ff8f6",
    true,
    &["malignant", "normal, benign"]
);

pub static BLOOD: KnownSet = set!(
    "bloodmnist",
    3,
    [11_959, 1712, 3421],
    "7053d0359d879ad8a5505303e11de1dc",
    true,
    &[
        "basophil",
        "eosinophil",
        "erythroblast",
        "immature granulocytes",
        "lymphocyte",
        "monocyte",
        "neutrophil",
        "platelet"
    ]
);

pub static TISSUE: KnownSet = set!(
    "tissuemnist",
    1,
    [165_466, 23_640, 47_280],
    "ebe78ee8b05294063de985d821c1c34b",
    true,
    &[
        "Collecting Duct, Connecting Tubule",
        "Distal Convoluted Tubule",
        "Glomerular endothelial cells",
        "Interstitial endothelial cells",
        "Leukocytes",
        "Podocytes",
        "Proximal Tubule Segments",
        "Thick Ascending Limb"
    ]
);

pub static ORGAN_A: KnownSet = set!(
    "organamnist",
    1,
    [34_581, 6491, 17_778],
    "866b832ed4eeba67bfb9edee1d5544e6",
    false,
    ORGANS
);

pub static ORGAN_C: KnownSet = set!(
    "organcmnist",
    1,
    [13_000, 2392, 8268],
    "0afa5834fb105f7705a7d93372119a21",
    false,
    ORGANS
);

pub static ORGAN_S: KnownSet = set!(
    "organsmnist",
    1,
    [13_940, 2452, 8829],
    "e5c39f1af030238290b9557d9503af9d",
    false,
    ORGANS
);

/// Left and right are classes of their own.
const ORGANS: &[&str] = &[
    "bladder",
    "femur-left",
    "femur-right",
    "heart",
    "kidney-left",
    "kidney-right",
    "liver",
    "lung-left",
    "lung-right",
    "pancreas",
    "spleen",
];
