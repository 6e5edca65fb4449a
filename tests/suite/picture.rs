//! Picture files: what becomes of polarity, colour, size and transparency, and what is refused.

use std::io::Cursor;

use gpu_mnist::data::synthetic::{self, PIXELS};

const SIDE: usize = synthetic::SHAPE.width;
use gpu_mnist::picture::{Framing, PictureError, prepare};
use gpu_mnist::report::picture::{characters, half_blocks};
use image::codecs::jpeg::JpegEncoder;
use image::imageops::{self, FilterType};
use image::{DynamicImage, GrayImage, ImageFormat, Luma, Rgb, RgbImage, Rgba, RgbaImage};

/// A drawn digit, white on black, on a canvas of 200 x 200 with margins.
fn drawing(index: usize) -> GrayImage {
    let split = synthetic::draw(3, 1, 10);
    let pixels = split.image(index).expect("a picture").to_vec();
    let small = GrayImage::from_vec(SIDE as u32, SIDE as u32, pixels).expect("28x28");
    let large = imageops::resize(&small, 140, 140, FilterType::CatmullRom);
    let mut canvas = GrayImage::new(200, 200);
    imageops::replace(&mut canvas, &large, 40, 25);
    canvas
}

fn encoded(image: impl Into<DynamicImage>, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    image.into().write_to(&mut bytes, format).expect("encoded");
    bytes.into_inner()
}

fn prepared(bytes: &[u8]) -> [u8; PIXELS] {
    prepare(bytes, Framing::CentreOfMass).expect("a good picture")
}

/// The mean difference of two pictures in greys of 255.
fn difference(a: &[u8; PIXELS], b: &[u8; PIXELS]) -> f64 {
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
fn garments_fill_the_picture() {
    let mut canvas = GrayImage::from_pixel(300, 100, Luma([255]));
    for (x, y) in (20..40).flat_map(|x| (10..90).map(move |y| (x, y))) {
        canvas.put_pixel(x, y, Luma([60]));
    }
    let bytes = encoded(canvas, ImageFormat::Png);
    let picture = prepare(&bytes, Framing::Whole).expect("prepared");
    let inked: Vec<usize> = (0..PIXELS).filter(|&p| picture[p] > 0).collect();
    assert_eq!(inked.iter().map(|p| p / SIDE).min(), Some(0));
    assert_eq!(inked.iter().map(|p| p / SIDE).max(), Some(27));
    assert_eq!(inked.iter().map(|p| p % SIDE).min(), Some(10));
    assert_eq!(inked.iter().map(|p| p % SIDE).max(), Some(16));
    assert_eq!(Framing::of("fashion-mnist"), Framing::Whole);
    assert_eq!(Framing::of("mnist"), Framing::CentreOfMass);
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
    let refused =
        |bytes: &[u8]| prepare(bytes, Framing::CentreOfMass).expect_err("no usable picture");
    assert!(matches!(refused(b""), PictureError::UnknownFormat));
    assert!(matches!(
        refused(b"hello, world"),
        PictureError::UnknownFormat
    ));
    let one_colour = encoded(GrayImage::from_pixel(50, 50, Luma([9])), ImageFormat::Png);
    assert!(matches!(refused(&one_colour), PictureError::Blank));
    let mut cut = encoded(drawing(1), ImageFormat::Png);
    cut.truncate(cut.len() / 2);
    assert!(matches!(refused(&cut), PictureError::Damaged(_)));
    let transparent = RgbaImage::from_pixel(50, 50, Rgba([0, 0, 0, 0]));
    let transparent = encoded(transparent, ImageFormat::Png);
    assert!(matches!(refused(&transparent), PictureError::Blank));
}

#[test]
fn a_small_file_cannot_ask_for_much_memory() {
    let refused =
        |bytes: &[u8]| prepare(bytes, Framing::CentreOfMass).expect_err("too large a picture");
    // 30,000 x 30,000 within the sides allowed, but 900 million pixels.
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
    let coloured = half_blocks(&picture);
    assert_eq!(coloured.lines().count(), SIDE / 2);
    assert!(coloured.lines().all(|line| line.ends_with("\x1b[0m")));
    assert_eq!(coloured.matches("\x1b[38;5;255m").count(), SIDE);
    let plain = characters(&picture);
    assert_eq!(plain.lines().count(), SIDE);
    assert_eq!(
        plain.lines().next().map(|line| line.chars().count()),
        Some(2 * SIDE)
    );
    assert!(plain.lines().skip(1).all(str::is_empty));
}
