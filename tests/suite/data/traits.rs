//! Background and framing, measured on the training images.

use gpu_mnist::data::idx::{Items, Kind};
use gpu_mnist::data::image_set::{Background, Framing};
use gpu_mnist::data::traits::measure;
use gpu_mnist::data::{ImageShape, Split, idx, synthetic};

use super::official_data;

#[track_caller]
fn assert_traits(split: &Split, framing: Framing, background: Background) {
    let found = measure(split);
    assert_eq!((found.framing, found.background), (framing, background));
    // A part of the set looks like the whole.
    let part = measure(&split.take(100..400));
    assert_eq!((part.framing, part.background), (framing, background));
}

fn inverted(split: &Split) -> Split {
    let mut inverted = split.clone();
    inverted
        .images
        .iter_mut()
        .for_each(|byte| *byte = 255 - *byte);
    inverted
}

/// Grey bytes of red, green and blue alike.
fn coloured(split: &Split) -> Split {
    Split {
        shape: ImageShape::rgb(28, 28),
        images: split.images.iter().flat_map(|&byte| [byte; 3]).collect(),
        ..split.clone()
    }
}

#[test]
fn digits_are_centred_on_dark_or_light() {
    let digits = synthetic::draw(3, 0, 600);
    assert_traits(&digits, Framing::CentreOfMass, Background::Dark);
    assert_traits(&inverted(&digits), Framing::CentreOfMass, Background::Light);
    // Grey in three channels is framed alike; red strokes are not, or their colour would be lost.
    let mut red = coloured(&digits);
    assert_traits(&red, Framing::CentreOfMass, Background::Dark);
    for pixel in red.images.chunks_exact_mut(3) {
        pixel[1..].fill(0);
    }
    assert_traits(&red, Framing::Crop, Background::Dark);
}

/// The same digits, moved into corners or enlarged, are framed otherwise.
#[test]
fn what_is_not_centred_is_framed_whole() {
    let digits = synthetic::draw(3, 0, 600);
    let mut moved = digits.clone();
    for (index, image) in moved.images.chunks_exact_mut(784).enumerate() {
        let by = [4, 4 * 28, 784 - 4, 784 - 4 * 28][index % 4];
        image.rotate_right(by);
    }
    assert_traits(&moved, Framing::Whole, Background::Dark);
    let mut enlarged = digits.clone();
    let images = enlarged.images.chunks_exact_mut(784);
    for (image, small) in images.zip(digits.images.chunks_exact(784)) {
        for (place, value) in image.iter_mut().enumerate() {
            let near = |side: usize| (side * 20 + 14) / 28 + 4;
            *value = small[near(place / 28) * 28 + near(place % 28)];
        }
    }
    assert_traits(&enlarged, Framing::Whole, Background::Dark);
}

#[test]
fn photographs_are_cropped() {
    let shape = ImageShape::rgb(32, 40);
    // A sky above, a floor below, another one each time.
    let image = |index: usize| {
        (0..shape.bytes()).map(move |place| {
            let (row, channel) = (place / 120, place % 3);
            let base = (index * 37 + channel * 50) % 200;
            (base + row) as u8
        })
    };
    let split = Split {
        shape,
        classes: 2,
        images: (0..500).flat_map(image).collect(),
        labels: (0..500).map(|index| index % 2).collect(),
    };
    assert_traits(&split, Framing::Crop, Background::Varied);
}

#[test]
fn official_images_are_measured_right() {
    let Some(data) = official_data("official_images_are_measured_right") else {
        return;
    };
    for (set, framing) in [
        ("mnist", Framing::CentreOfMass),
        ("fashion-mnist", Framing::Whole),
    ] {
        let file = data.join(set).join("train-images-idx3-ubyte.gz");
        let (Items::Images { shape, bytes }, summary) =
            idx::read(&file, Kind::Images).expect("sound")
        else {
            panic!("images");
        };
        let split = Split {
            shape,
            classes: 10,
            images: bytes,
            labels: vec![0; summary.count],
        };
        let begin = std::time::Instant::now();
        assert_traits(&split, framing, Background::Dark);
        assert!(begin.elapsed().as_millis() < 200, "{:?}", begin.elapsed());
        assert_traits(&inverted(&split), framing, Background::Light);
    }
}
