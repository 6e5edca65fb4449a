//! Picture files: what becomes of polarity, colour, size and transparency, and what is refused.

use std::fs::File;
use std::io::{Cursor, Read, Write};

use flate2::read::GzDecoder;
use gpu_mnist::data::image_set::{Background, Framing, ImageShape};
use gpu_mnist::data::synthetic::{self, PIXELS};
use gpu_mnist::picture::{Bounds, Count, Drawing, PictureError, Target, prepare};
use gpu_mnist::report::picture::{characters, half_blocks};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

use crate::paper;

const SIDE: usize = synthetic::SHAPE.width;

/// A drawn digit, white on black, on a canvas of 200 x 200 with margins.
pub fn drawing(index: usize) -> GrayImage {
    let split = synthetic::draw(3, 1, 10);
    let pixels = split.image(index).expect("a picture").to_vec();
    let small = GrayImage::from_vec(SIDE as u32, SIDE as u32, pixels).expect("28x28");
    let large = imageops::resize(&small, 140, 140, FilterType::CatmullRom);
    let mut canvas = GrayImage::new(200, 200);
    imageops::replace(&mut canvas, &large, 40, 25);
    canvas
}

pub fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

pub fn read(bytes: &[u8]) -> Vec<Drawing> {
    prepare(bytes, &Target::MNIST, Count::Any).expect("a good picture")
}

/// The image made of the one drawing in a picture.
pub fn prepared(bytes: &[u8]) -> [u8; PIXELS] {
    let drawings = read(bytes);
    assert_eq!(drawings.len(), 1, "{:?}", boxes(&drawings));
    drawings[0].pixels.as_slice().try_into().expect("28x28")
}

fn boxes(drawings: &[Drawing]) -> Vec<Bounds> {
    drawings.iter().map(|drawing| drawing.bounds).collect()
}

fn refused(bytes: &[u8]) -> PictureError {
    prepare(bytes, &Target::MNIST, Count::Any).expect_err("no usable picture")
}

/// The mean difference of two pictures in greys of 255.
pub fn difference(a: &[u8; PIXELS], b: &[u8; PIXELS]) -> f64 {
    let sum: f64 = a
        .iter()
        .zip(b)
        .map(|(&a, &b)| (f64::from(a) - f64::from(b)).abs())
        .sum();
    sum / PIXELS as f64
}

#[test]
fn colours_transparency_and_formats_give_the_same_picture() {
    for index in 0..10 {
        let drawing = drawing(index);
        let expected = prepared(&encoded(drawing.clone(), ImageFormat::Png));
        let blend = |from: [u8; 3], to: [u8; 3]| {
            RgbImage::from_fn(200, 200, |x, y| {
                let ink = f32::from(drawing.get_pixel(x, y).0[0]) / 255.0;
                Rgb([0, 1, 2].map(|c| {
                    (f32::from(from[c]) + ink * (f32::from(to[c]) - f32::from(from[c]))) as u8
                }))
            })
        };
        let cut_out = |colour: [u8; 3]| {
            RgbaImage::from_fn(200, 200, |x, y| {
                let [r, g, b] = colour;
                Rgba([r, g, b, drawing.get_pixel(x, y).0[0]])
            })
        };
        let dark_on_light = blend([250, 240, 200], [20, 30, 90]);
        let cases = [
            (
                "dark on light",
                encoded(dark_on_light.clone(), ImageFormat::Png),
            ),
            ("bmp", encoded(dark_on_light.clone(), ImageFormat::Bmp)),
            ("gif", encoded(dark_on_light.clone(), ImageFormat::Gif)),
            ("webp", encoded(dark_on_light.clone(), ImageFormat::WebP)),
            ("jpeg", encoded(dark_on_light, ImageFormat::Jpeg)),
            (
                "red on a green as bright",
                encoded(blend([0, 128, 0], [240, 10, 0]), ImageFormat::Png),
            ),
            (
                "black cut out",
                encoded(cut_out([0, 0, 0]), ImageFormat::Png),
            ),
            (
                "white cut out",
                encoded(cut_out([255, 255, 255]), ImageFormat::Png),
            ),
        ];
        for (case, bytes) in cases {
            let difference = difference(&prepared(&bytes), &expected);
            assert!(difference < 4.0, "{index} {case}: {difference}");
        }
    }
}

#[test]
fn digits_fill_20_pixels_and_are_centred_by_mass() {
    for index in 0..10 {
        for scale in [1, 3, 9] {
            let canvas = drawing(index);
            let side = 200 * scale;
            let scaled = imageops::resize(&canvas, side, side, FilterType::Triangle);
            let picture = prepared(&encoded(scaled, ImageFormat::Png));
            let inked = |place: &usize| picture[*place] > 0;
            let columns: Vec<usize> = (0..PIXELS).filter(inked).map(|p| p % SIDE).collect();
            let rows: Vec<usize> = (0..PIXELS).filter(inked).map(|p| p / SIDE).collect();
            let reach = |along: &[usize]| {
                along.iter().max().expect("ink") - along.iter().min().expect("ink") + 1
            };
            let longest = reach(&columns).max(reach(&rows));
            assert!((19..=20).contains(&longest), "{index}: {longest} pixels");
            assert_eq!(picture.iter().max(), Some(&255));
            let mass: f64 = picture.iter().map(|&v| f64::from(v)).sum();
            for axis in [|p: usize| p % SIDE, |p: usize| p / SIDE] {
                let moment: f64 = (0..PIXELS)
                    .map(|p| f64::from(picture[p]) * axis(p) as f64)
                    .sum();
                let centre = moment / mass;
                assert!((centre - 14.0).abs() <= 0.51, "{index}: centre {centre}");
            }
        }
    }
}

#[test]
fn an_image_of_the_set_is_taken_as_it_is() {
    let of = |background| Target {
        background,
        ..Target::MNIST
    };
    for index in 0..10 {
        let image = prepared(&encoded(drawing(index), ImageFormat::Png));
        let inverted = image.map(|value| 255 - value);
        for (shown, background, expected) in [
            (image, Background::Dark, image),
            (inverted, Background::Dark, image),
            (image, Background::Light, inverted),
            (inverted, Background::Light, inverted),
        ] {
            let file = GrayImage::from_vec(28, 28, shown.to_vec()).expect("28x28");
            let file = encoded(file, ImageFormat::Png);
            let read = prepare(&file, &of(background), Count::Any).expect("a good picture");
            assert_eq!(read.len(), 1);
            assert_eq!(read[0].pixels, expected, "{index} {background:?}");
            assert_eq!(read[0].bounds.width.max(read[0].bounds.height), 20);
        }
        // As large, but framed otherwise: brought to the middle.
        let mut moved = image;
        moved.rotate_left(3);
        let moved = GrayImage::from_vec(28, 28, moved.to_vec()).expect("28x28");
        let difference = difference(&prepared(&encoded(moved, ImageFormat::Png)), &image);
        assert!(difference < 4.0, "{index}: {difference}");
    }
}

/// Every image of MNIST's test split, as a file of its own.
#[test]
fn files_of_mnist_s_images_are_these_images() {
    let path = concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../shared/data/mnist/t10k-images-idx3-ubyte.gz"
    );
    let Ok(file) = File::open(path) else {
        let _ = writeln!(
            std::io::stderr(),
            "SKIPPED files_of_mnist_s_images_are_these_images: no {path}"
        );
        return;
    };
    let mut bytes = Vec::new();
    GzDecoder::new(file).read_to_end(&mut bytes).expect("gzip");
    for (index, image) in bytes[16..].chunks(PIXELS).enumerate() {
        for invert in [false, true] {
            let shown = image.iter().map(|&v| if invert { 255 - v } else { v });
            let file = GrayImage::from_vec(28, 28, shown.collect()).expect("28x28");
            let read = prepared(&encoded(file, ImageFormat::Png));
            assert!(read == image, "image {index}, inverted: {invert}");
        }
    }
}

/// A dark bar of 20 x 80 on a white picture of 300 x 100.
fn bar() -> Vec<u8> {
    let mut canvas = GrayImage::from_pixel(300, 100, Luma([255]));
    for (x, y) in (20..40).flat_map(|x| (10..90).map(move |y| (x, y))) {
        canvas.put_pixel(x, y, Luma([60]));
    }
    encoded(canvas, ImageFormat::Png)
}

#[test]
fn garments_fill_the_picture() {
    let target = Target {
        framing: Framing::Whole,
        ..Target::MNIST
    };
    let drawings = prepare(&bar(), &target, Count::Any).expect("prepared");
    assert_eq!(
        boxes(&drawings),
        [Bounds {
            left: 20,
            top: 10,
            width: 20,
            height: 80
        }]
    );
    let picture = &drawings[0].pixels;
    let inked: Vec<usize> = (0..PIXELS).filter(|&p| picture[p] > 0).collect();
    assert_eq!(inked.iter().map(|p| p / SIDE).min(), Some(0));
    assert_eq!(inked.iter().map(|p| p / SIDE).max(), Some(27));
    assert_eq!(inked.iter().map(|p| p % SIDE).min(), Some(10));
    assert_eq!(inked.iter().map(|p| p % SIDE).max(), Some(16));
    // A set of dark things on white gets the same things the other way round.
    let light = Target {
        background: Background::Light,
        ..target
    };
    let turned = prepare(&bar(), &light, Count::Any).expect("prepared");
    let inverted: Vec<u8> = picture.iter().map(|value| 255 - value).collect();
    assert_eq!(turned[0].pixels, inverted);
}

#[test]
fn other_shapes_and_backgrounds_are_framed_in_proportion() {
    let bytes = encoded(drawing(2), ImageFormat::Png);
    for (height, width) in [(14, 14), (28, 28), (32, 20), (64, 96)] {
        let shape = ImageShape::grey(height, width);
        let target = Target {
            shape,
            ..Target::MNIST
        };
        let drawings = prepare(&bytes, &target, Count::Any).expect("prepared");
        let image = &drawings[0].pixels;
        assert_eq!(image.len(), shape.bytes());
        let rows: Vec<usize> = (0..shape.pixels())
            .filter(|&at| image[at] > 0)
            .map(|at| at / width)
            .collect();
        let columns: Vec<usize> = (0..shape.pixels())
            .filter(|&at| image[at] > 0)
            .map(|at| at % width)
            .collect();
        let reach = |along: &[usize]| {
            along.iter().max().expect("ink") - along.iter().min().expect("ink") + 1
        };
        let side = (height.min(width) as f32 * 20.0 / 28.0).round() as usize;
        let longest = reach(&rows).max(reach(&columns));
        assert!(longest.abs_diff(side) <= 1, "{shape}: {longest} of {side}");
        let light = Target {
            background: Background::Light,
            ..target
        };
        let light = prepare(&bytes, &light, Count::Any).expect("prepared");
        assert!(
            image
                .iter()
                .zip(&light[0].pixels)
                .all(|(a, b)| a + b == 255)
        );
    }
}

#[test]
fn photographs_are_cropped_with_their_colours() {
    // Three columns of colour, 90 x 30: the middle one is what remains.
    let colours = [[200, 10, 10], [20, 180, 30], [10, 20, 220]];
    let picture = RgbImage::from_fn(90, 30, |x, _| Rgb(colours[(x / 30) as usize]));
    let target = Target {
        shape: ImageShape::rgb(16, 16),
        framing: Framing::Crop,
        background: Background::Varied,
    };
    let drawings = prepare(
        &encoded(picture.clone(), ImageFormat::Png),
        &target,
        Count::Any,
    )
    .expect("prepared");
    let (pixels, _) = drawings[0].pixels.as_chunks::<3>();
    assert_eq!(pixels.len(), 256);
    assert!(
        pixels.iter().all(|pixel| *pixel == colours[1]),
        "{pixels:?}"
    );
    let grey = Target {
        shape: ImageShape::grey(16, 16),
        ..target
    };
    let drawings =
        prepare(&encoded(picture, ImageFormat::Png), &grey, Count::Any).expect("prepared");
    // 0.299 * 20 + 0.587 * 180 + 0.114 * 30
    assert!(
        drawings[0].pixels.iter().all(|&value| value == 115),
        "{:?}",
        drawings[0].pixels
    );
}

#[test]
fn specks_do_not_move_the_digit() {
    let clean = drawing(2);
    let mut specked = clean.clone();
    for (x, y) in [(3, 190), (196, 4), (120, 196)] {
        specked.put_pixel(x, y, Luma([255]));
    }
    let of = |image| prepared(&encoded(image, ImageFormat::Png));
    assert!(difference(&of(clean), &of(specked)) < 1.0);
}

#[test]
fn a_telephone_picture_is_turned_as_its_exif_says() {
    let upright = drawing(7);
    let lying = imageops::rotate270(&upright);
    let mut jpeg = Vec::new();
    let mut encoder = JpegEncoder::new_with_quality(&mut jpeg, 95);
    // Orientation 6: turn by 90 degrees clockwise to show.
    let exif = b"II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0\0\0\0\0".to_vec();
    image::ImageEncoder::set_exif_metadata(&mut encoder, exif).expect("EXIF");
    encoder.encode_image(&lying).expect("encoded");
    let expected = prepared(&encoded(upright, ImageFormat::Png));
    let turned = difference(&prepared(&jpeg), &expected);
    assert!(turned < 3.0, "{turned}");
    let ignored = difference(&prepared(&encoded(lying, ImageFormat::Png)), &expected);
    assert!(ignored > 10.0, "{ignored}");
}

#[test]
fn what_is_no_picture_is_refused_with_its_reason() {
    assert!(matches!(refused(b""), PictureError::Empty));
    assert!(matches!(
        refused(b"hello, world"),
        PictureError::UnknownFormat
    ));
    let one_colour = encoded(GrayImage::from_pixel(50, 50, Luma([9])), ImageFormat::Png);
    assert!(matches!(refused(&one_colour), PictureError::OneColour));
    let mut cut = encoded(drawing(1), ImageFormat::Png);
    cut.truncate(cut.len() / 2);
    assert!(matches!(refused(&cut), PictureError::Damaged(_)));
    let transparent = RgbaImage::from_pixel(50, 50, Rgba([0, 0, 0, 0]));
    let transparent = encoded(transparent, ImageFormat::Png);
    assert!(matches!(refused(&transparent), PictureError::OneColour));
}

#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    // 900 million pixels.
    assert!(matches!(
        refused(&png_header(30_000, 30_000)),
        PictureError::TooManyPixels { .. }
    ));
    assert!(matches!(
        refused(&png_header(2_000_000_000, 1)),
        PictureError::TooMuchMemory
    ));
    // A GIF of 65,535 x 65,535.
    let mut gif = encoded(RgbImage::new(9, 9), ImageFormat::Gif);
    gif[6..10].copy_from_slice(&[255; 4]);
    assert!(matches!(
        refused(&gif),
        PictureError::TooManyPixels { .. } | PictureError::TooMuchMemory
    ));
}

/// A PNG that promises this size and holds nothing.
fn png_header(width: u32, height: u32) -> Vec<u8> {
    let mut bytes = encoded(GrayImage::new(1, 1), ImageFormat::Png);
    bytes[16..20].copy_from_slice(&width.to_be_bytes());
    bytes[20..24].copy_from_slice(&height.to_be_bytes());
    let mut crc = crc32(&bytes[12..29]).to_be_bytes().to_vec();
    bytes.splice(29..33, crc.drain(..));
    bytes
}

/// CRC-32 as PNG uses it.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| {
            (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg())
        })
    })
}

#[test]
fn a_terminal_shows_what_the_network_saw() {
    let mut picture = [0; PIXELS];
    picture[..SIDE].fill(255);
    let coloured = half_blocks(&picture, synthetic::SHAPE);
    assert_eq!(coloured.lines().count(), SIDE / 2);
    assert!(coloured.lines().all(|line| line.ends_with("\x1b[0m")));
    assert_eq!(coloured.matches("\x1b[38;5;255m").count(), SIDE);
    let plain = characters(&picture, synthetic::SHAPE);
    assert_eq!(plain.lines().count(), SIDE);
    assert_eq!(
        plain.lines().next().map(|line| line.chars().count()),
        Some(2 * SIDE)
    );
    assert!(plain.lines().skip(1).all(str::is_empty));
}

#[test]
fn sixteen_bits_may_use_few_of_them() {
    for index in [3, 8] {
        let drawing = drawing(index);
        let expected = prepared(&encoded(drawing.clone(), ImageFormat::Png));
        for top in [255u32, 1023, 4095, 65535] {
            for inverted in [false, true] {
                let picture = image::ImageBuffer::from_fn(200, 200, |x, y| {
                    let value = u32::from(drawing.get_pixel(x, y).0[0]);
                    let value = if inverted { 255 - value } else { value };
                    Luma([(value * top / 255) as u16])
                });
                let bytes = encoded(DynamicImage::ImageLuma16(picture), ImageFormat::Png);
                let difference = difference(&prepared(&bytes), &expected);
                assert!(difference < 3.0, "{index} {top} {inverted}: {difference}");
            }
        }
    }
}

#[test]
fn a_card_in_a_transparent_margin_is_background() {
    for index in [2, 5] {
        let drawing = drawing(index);
        let expected = prepared(&encoded(drawing.clone(), ImageFormat::Png));
        let shown = |inside: fn(u32, u32) -> bool| {
            let picture = RgbaImage::from_fn(200, 200, |x, y| match inside(x, y) {
                true => {
                    let value = 255 - drawing.get_pixel(x, y).0[0];
                    Rgba([value, value, value, 255])
                }
                false => Rgba([0; 4]),
            });
            difference(&prepared(&encoded(picture, ImageFormat::Png)), &expected)
        };
        assert!(shown(|x, y| (12..188).contains(&x) && (12..188).contains(&y)) < 3.0);
        assert!(shown(|x, y| x < 196 && y < 196) < 3.0);
        assert!(shown(|x, y| (x as f32 - 105.0).hypot(y as f32 - 95.0) < 92.0) < 3.0);
    }
}

#[test]
fn the_first_frame_of_a_gif_lies_on_its_canvas() {
    let drawing = drawing(4);
    let expected = prepared(&encoded(drawing.clone(), ImageFormat::Png));
    let bytes = encoded(
        RgbImage::from_fn(170, 170, |x, y| {
            Rgb([255 - drawing.get_pixel(x + 30, y + 15).0[0]; 3])
        }),
        ImageFormat::Gif,
    );
    // The screen is made larger than the frame, which then starts at (20, 10).
    let mut bytes = bytes;
    bytes[6..10].copy_from_slice(&[200, 0, 200, 0]);
    let place = bytes
        .windows(9)
        .position(|part| part == [0x2C, 0, 0, 0, 0, 170, 0, 170, 0])
        .expect("a frame");
    bytes[place + 1..place + 5].copy_from_slice(&[20, 0, 10, 0]);
    let difference = difference(&prepared(&bytes), &expected);
    assert!(difference < 4.0, "{difference}");
}

/// A GIF of three frames.
fn animation(picture: &RgbImage) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut encoder = image::codecs::gif::GifEncoder::new(&mut bytes);
    for _ in 0..3 {
        let shown = DynamicImage::ImageRgb8(picture.clone()).into_rgba8();
        encoder
            .encode_frame(image::Frame::new(shown))
            .expect("a frame");
    }
    drop(encoder);
    bytes
}

#[test]
fn a_gif_with_a_broken_block_is_damaged() {
    let drawing = drawing(1);
    let picture = RgbImage::from_fn(200, 200, |x, y| Rgb([drawing.get_pixel(x, y).0[0]; 3]));
    let mut bytes = animation(&picture);
    assert_eq!(read(&bytes).len(), 1);
    // The start of a frame: image separator, then its place and size.
    let starts: Vec<usize> = bytes
        .windows(9)
        .enumerate()
        .filter(|(_, part)| *part == [0x2C, 0, 0, 0, 0, 200, 0, 200, 0])
        .map(|(at, _)| at)
        .collect();
    assert_eq!(starts.len(), 3);
    bytes[starts[1]] = 0x77;
    assert!(matches!(refused(&bytes), PictureError::Damaged(_)));
}

#[test]
fn cut_files_are_refused_as_damaged() {
    let drawing = DynamicImage::ImageLuma8(drawing(1));
    let grain = RgbImage::from_fn(200, 200, |x, y| {
        let value = drawing.as_luma8().expect("grey").get_pixel(x, y).0[0] / 2
            + ((x * 7 + y * 13) % 11) as u8;
        Rgb([value, value, value])
    });
    let mut files: Vec<(String, Vec<u8>)> = [
        ImageFormat::Jpeg,
        ImageFormat::Png,
        ImageFormat::Gif,
        ImageFormat::Bmp,
        ImageFormat::WebP,
    ]
    .map(|format| (format!("{format:?}"), encoded(grain.clone(), format)))
    .to_vec();
    files.push((
        "progressive".into(),
        include_bytes!("picture/progressive.jpg").to_vec(),
    ));
    files.push((
        "lossy WebP".into(),
        include_bytes!("picture/lossy.webp").to_vec(),
    ));
    files.push(("animation".into(), animation(&grain)));
    files.push((
        "telephone".into(),
        several(&encoded(grain.clone(), ImageFormat::Jpeg)),
    ));
    for (name, bytes) in files {
        assert!(
            prepare(&bytes, &Target::MNIST, Count::Any).is_ok(),
            "{name}"
        );
        for percent in 10..=99 {
            let cut = &bytes[..bytes.len() * percent / 100];
            let error = prepare(cut, &Target::MNIST, Count::Any).expect_err("a cut file");
            let early = "damaged: the file ends early; save it again";
            assert!(
                matches!(error, PictureError::Damaged(_)) && error.to_string().contains(early),
                "{name} at {percent} %: {error}"
            );
        }
    }
}

/// A JPEG with a second image behind it, as telephones append a smaller or brighter one.
fn several(jpeg: &[u8]) -> Vec<u8> {
    // Marker and length, "MPF", then the index: one field with two entries of 16 bytes.
    let index = 4 + 8 + 2 + 12 + 4 + 32;
    let first = jpeg.len() + 4 + index;
    let mut bytes = jpeg[..2].to_vec();
    bytes.extend([0xFF, 0xE2, 0, 2 + index as u8]);
    bytes.extend(b"MPF\0MM\0*\0\0\0\x08\0\x01");
    bytes.extend([0xB0, 0x02, 0, 7, 0, 0, 0, 32, 0, 0, 0, 26, 0, 0, 0, 0]);
    // Counted from the index, which starts ten bytes into the file.
    for (size, offset) in [(first, 0), (jpeg.len(), first - 10)] {
        bytes.extend([0; 4]);
        bytes.extend((size as u32).to_be_bytes());
        bytes.extend((offset as u32).to_be_bytes());
        bytes.extend([0; 4]);
    }
    bytes.extend(&jpeg[2..]);
    assert_eq!(bytes.len(), first);
    bytes.extend(jpeg);
    bytes
}

#[test]
fn a_telephone_s_second_image_may_be_left_out() {
    let jpeg = encoded(drawing(1), ImageFormat::Jpeg);
    let both = several(&jpeg);
    let alone = &both[..both.len() - jpeg.len()];
    assert_eq!(prepared(alone), prepared(&both));
}

/// Heavy digits that nearly fill the picture were read by the holes in them.
#[test]
fn thick_digits_are_dark_on_an_even_background() {
    let split = synthetic::draw(3, 1, 30);
    let mut alike = 0;
    for index in 0..30 {
        let pixels = split.image(index).expect("a picture").to_vec();
        let mut page = paper::Page::new(160, 160);
        page.put(&pixels, 8.0, -32.0, -32.0);
        page.grow(6.0);
        let grey = page.ink.iter().map(|ink| 255 - (ink * 255.0) as u8);
        let dark = GrayImage::from_vec(160, 160, grey.collect()).expect("a page");
        let mut framed = GrayImage::from_pixel(200, 200, Luma([255]));
        imageops::replace(&mut framed, &dark, 20, 20);
        let mut inverted = framed.clone();
        imageops::invert(&mut inverted);
        let [dark, light] = [framed, inverted].map(|image| {
            prepare(
                &encoded(image, ImageFormat::Png),
                &Target::MNIST,
                Count::One,
            )
            .expect("a digit")
        });
        let bounds = dark[0].bounds;
        assert!(bounds.height > 100, "{index}: {bounds:?}");
        let differ = difference(
            dark[0].pixels.as_slice().try_into().expect("28x28"),
            light[0].pixels.as_slice().try_into().expect("28x28"),
        );
        // What is drawn is found alike in all; thinning may leave other shades.
        let found = light[0].bounds;
        assert_eq!(bounds, found, "{index}");
        alike += usize::from(differ < 12.0);
    }
    assert!(alike >= 28, "{alike} of 30");
}

#[test]
fn what_is_read_elsewhere_is_named() {
    let mut heic = b"\0\0\0\x18ftypheic\0\0\0\0mif1heic".to_vec();
    heic.resize(88, 0);
    assert!(refused(&heic).to_string().contains("HEIC"));
    let mut avif = b"\0\0\0\x1cftypmif1\0\0\0\0mif1avifmiaf".to_vec();
    avif.resize(88, 0);
    assert!(refused(&avif).to_string().contains("AVIF"));
    let svg = format!(
        "<?xml version=\"1.0\"?>\n<!-- {} -->\n<svg/>",
        "A".repeat(200)
    );
    for (bytes, name) in [
        (&b"%PDF-1.7 and so on"[..], "PDF"),
        (svg.as_bytes(), "SVG"),
        (b"<!DOCTYPE html>\n<HTML><body>not found", "a web page"),
        (
            b"version https://git-lfs.github.com/spec/v1\noid",
            "Git LFS",
        ),
        (b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
        (b"8BPS\0\x01", "Photoshop"),
        (b"\0\0\0\x18ftypmp42\0\0\0\0isommp42", "a film"),
        (b"\0\0\0\x18ftypcrx \0\0\0\x01crx isom", "raw"),
    ] {
        let said = refused(bytes).to_string();
        assert!(said.contains(name), "{name}: {said}");
    }
    let tall = encoded(GrayImage::new(12, 100), ImageFormat::Png);
    assert!(refused(&tall).to_string().contains("no margin"));
}

#[test]
fn drawings_that_stand_apart_are_read_in_order() {
    let digits: Vec<GrayImage> = [4, 2, 7].map(drawing).to_vec();
    let mut page = GrayImage::new(640, 420);
    let mut places = Vec::new();
    // Two rows: two drawings, then one.
    for (digit, (x, y)) in digits.iter().zip([(20, 5), (250, 12), (40, 205)]) {
        for (dx, dy, pixel) in digit.enumerate_pixels() {
            let there = page.get_pixel(x + dx, y + dy).0[0].max(pixel.0[0]);
            page.put_pixel(x + dx, y + dy, Luma([there]));
        }
        places.push((x, y));
    }
    let drawings = read(&encoded(page.clone(), ImageFormat::Png));
    assert_eq!(drawings.len(), 3, "{:?}", boxes(&drawings));
    for ((drawing, digit), (x, y)) in drawings.iter().zip(&digits).zip(places) {
        let Bounds {
            left,
            top,
            width,
            height,
        } = drawing.bounds;
        assert!(left >= x && top >= y && left + width <= x + 200 && top + height <= y + 200);
        let alone = prepared(&encoded(digit.clone(), ImageFormat::Png));
        let image: [u8; PIXELS] = drawing.pixels.as_slice().try_into().expect("28x28");
        assert!(difference(&image, &alone) < 6.0);
    }
    let bytes = encoded(page, ImageFormat::Png);
    let single = prepare(&bytes, &Target::MNIST, Count::One).expect("prepared");
    assert_eq!(single.len(), 1);
    assert!(single[0].bounds.width > 300 && single[0].bounds.height > 250);
}

#[test]
fn strokes_that_belong_together_are_one_drawing() {
    // A 5 whose stroke is interrupted, and an i with its dot.
    let mut five = drawing(5);
    for (x, y) in (0..200).flat_map(|x| (94..97).map(move |y| (x, y))) {
        five.put_pixel(x, y, Luma([0]));
    }
    assert_eq!(read(&encoded(five, ImageFormat::Png)).len(), 1);
    // And digits broken across and aslant, each through its middle. Halves side by side may be
    // two digits.
    let mut parted = Vec::new();
    for index in 0..10 {
        for degrees in [0.0f32, 45.0, 135.0] {
            let (sin, cos) = degrees.to_radians().sin_cos();
            let mut broken = drawing(index);
            for (x, y, pixel) in broken.enumerate_pixels_mut() {
                let far = (x as f32 - 110.0) * sin + (y as f32 - 95.0) * cos;
                if far.abs() < 1.5 {
                    *pixel = Luma([0]);
                }
            }
            if read(&encoded(broken, ImageFormat::Png)).len() != 1 {
                parted.push((index, degrees));
            }
        }
    }
    assert!(
        parted.iter().all(|&(_, degrees)| degrees != 0.0),
        "{parted:?}"
    );
    assert!(parted.len() <= 3, "{parted:?}");
    let i = GrayImage::from_fn(120, 200, |x, y| {
        let stem = (52..66).contains(&x) && (70..160).contains(&y);
        let dot = (x as f32 - 59.0).hypot(y as f32 - 48.0) < 9.0;
        Luma([if stem || dot { 0 } else { 255 }])
    });
    let drawings = read(&encoded(i, ImageFormat::Png));
    assert_eq!(drawings.len(), 1);
    assert!(drawings[0].bounds.top < 42);
}

#[test]
fn paper_of_any_kind_shows_one_drawing() {
    let split = synthetic::draw(11, 1, 40);
    let mut lost = Vec::new();
    for (paper, name) in paper::PAPERS {
        for index in 0..8 {
            let mut stream = paper::stream(5 + paper as u64, index);
            let page = paper::digit(split.image(index).expect("a picture"), &mut stream);
            let photograph = paper::photographed(&page, paper, &mut stream);
            match prepare(
                &encoded(photograph, ImageFormat::Png),
                &Target::MNIST,
                Count::Any,
            ) {
                Ok(drawings) if drawings.len() == 1 => {}
                Ok(drawings) => lost.push(format!("{name} {index}: {:?}", boxes(&drawings))),
                Err(error) => lost.push(format!("{name} {index}: {error}")),
            }
        }
    }
    assert!(lost.len() <= 2, "{lost:#?}");
}

#[test]
fn sheets_without_a_drawing_are_blank() {
    use paper::Other::{Blank, LitPaper, Noise, RuledSheet, SquaredSheet};
    let mut read = Vec::new();
    for other in [Blank, LitPaper, Noise, RuledSheet, SquaredSheet] {
        for index in 0..16 {
            let mut stream = paper::stream(900 + other as u64, index);
            let photograph = paper::without_digit(other, &mut stream);
            let bytes = encoded(photograph, ImageFormat::Png);
            if let Ok(drawings) = prepare(&bytes, &Target::MNIST, Count::Any) {
                read.push(format!("{other:?} {index}: {:?}", boxes(&drawings)));
            }
        }
    }
    assert!(read.len() <= 1, "{read:#?}");
}
