//! What lies around and beside a drawing: a second pen, a ring, an exponent, a table under a note, a lamp's reflection.

use gpu_mnist::picture::Count;
use gpu_mnist::picture::{Drawing, PictureError, Target, prepare};
use image::imageops::{self, FilterType};
use image::{ImageFormat, Rgb, RgbImage};

use crate::picture::{difference, drawing, encoded, prepared, read};

type Colour = [u8; 3];
/// Whether a pixel, by its column and row, is drawn.
type Shape<'a> = &'a dyn Fn(u32, u32) -> bool;

const PAPER: Colour = [250, 250, 245];
const INK: Colour = [25, 25, 60];

fn page(width: u32, height: u32, colour: Colour) -> RgbImage {
    RgbImage::from_pixel(width, height, Rgb(colour))
}

/// Draws a digit, `side` pixels with the margins of `drawing`, whose corner is at `x` and `y`.
fn put(page: &mut RgbImage, index: usize, [x, y]: [u32; 2], side: u32, colour: Colour) {
    let ink = imageops::resize(&drawing(index), side, side, FilterType::Triangle);
    for (dx, dy, share) in ink.enumerate_pixels() {
        let share = f32::from(share.0[0]) / 255.0;
        let under = page.get_pixel_mut(x + dx, y + dy);
        for (under, ink) in under.0.iter_mut().zip(colour) {
            *under = (f32::from(*under) * (1.0 - share) + f32::from(ink) * share) as u8;
        }
    }
}

fn on_paper(index: usize) -> RgbImage {
    let mut page = page(200, 200, PAPER);
    put(&mut page, index, [0, 0], 200, INK);
    page
}

fn png(page: RgbImage) -> Vec<u8> {
    encoded(page, ImageFormat::Png)
}

/// The middle of a drawing.
fn middle(drawing: &Drawing) -> [u32; 2] {
    let bounds = drawing.bounds;
    [
        bounds.left + bounds.width / 2,
        bounds.top + bounds.height / 2,
    ]
}

#[test]
fn a_second_pen_may_be_much_lighter() {
    for (colour, light) in [
        ("grey", [160, 160, 160]),
        ("light grey", [180, 180, 180]),
        ("yellow", [255, 200, 60]),
    ] {
        let mut page = page(400, 200, PAPER);
        put(&mut page, 3, [0, 0], 200, INK);
        put(&mut page, 7, [200, 0], 200, light);
        let found = read(&png(page));
        assert_eq!(found.len(), 2, "{colour}");
        assert!(middle(&found[1])[0] > 200, "{colour}");
    }
}

#[test]
fn rings_and_frames_are_no_part_of_what_they_enclose() {
    for index in 0..10 {
        let expected = prepared(&png(on_paper(index)));
        let ring = |x: u32, y: u32| {
            let far = (x as f32 - 150.0).hypot(y as f32 - 145.0);
            (118.0..123.0).contains(&far)
        };
        let frame = |x: u32, y: u32| {
            let far = x.abs_diff(150).max(y.abs_diff(145));
            (110..114).contains(&far)
        };
        let shapes: [(&str, Shape); 2] = [("ring", &ring), ("frame", &frame)];
        for (name, shape) in shapes {
            let mut page = page(300, 300, PAPER);
            put(&mut page, index, [50, 50], 200, INK);
            for (x, y, pixel) in page.enumerate_pixels_mut() {
                if shape(x, y) {
                    *pixel = Rgb([200, 40, 40]);
                }
            }
            let found = difference(&prepared(&png(page)), &expected);
            assert!(found < 6.0, "{index} in a {name}: {found}");
        }
    }
}

#[test]
fn an_exponent_is_a_drawing_and_comes_after_what_it_is_of() {
    for (index, small) in [(2, 3), (4, 1), (5, 2), (8, 7)] {
        let mut page = page(360, 260, PAPER);
        put(&mut page, index, [20, 40], 200, INK);
        put(&mut page, small, [150, 20], 100, INK);
        let found = read(&png(page));
        assert_eq!(found.len(), 2, "{index} with {small}");
        assert!(
            middle(&found[0])[0] < middle(&found[1])[0],
            "{index} with {small}"
        );
        assert!(found[1].bounds.height < found[0].bounds.height);
    }
}

#[test]
fn a_margin_of_a_line_or_two_tells_ink_from_paper() {
    for index in 0..10 {
        let page = on_paper(index);
        let expected = prepared(&png(page.clone()));
        let bounds = read(&png(page.clone()))[0].bounds;
        for margin in [2, 4] {
            let [left, top] = [bounds.left - margin, bounds.top - margin];
            let [width, height] = [bounds.width + 2 * margin, bounds.height + 2 * margin];
            let cut = imageops::crop_imm(&page, left, top, width, height).to_image();
            let found = difference(&prepared(&png(cut)), &expected);
            assert!(
                found < 12.0,
                "{index} with {margin} pixels around it: {found}"
            );
        }
    }
}

/// A page with a note on a plain table, a third to half of each side of it.
fn note(table: Colour, paper: Colour) -> RgbImage {
    let mut page = page(480, 400, table);
    let note = RgbImage::from_pixel(220, 220, Rgb(paper));
    imageops::replace(&mut page, &note, 120, 100);
    page
}

#[test]
fn a_note_on_a_plain_table_is_read() {
    for (name, table, paper, ink) in [
        ("yellow on blue", [30, 50, 110], [250, 235, 110], INK),
        ("white on black", [15, 15, 15], [250, 250, 250], INK),
        ("white on grey", [128, 128, 130], [245, 245, 245], INK),
        ("dark on beige", [225, 205, 170], [40, 45, 50], PAPER),
    ] {
        for index in 0..10 {
            let expected = prepared(&png(on_paper(index)));
            let mut page = note(table, paper);
            put(&mut page, index, [130, 110], 200, ink);
            let found = difference(&prepared(&png(page)), &expected);
            assert!(found < 6.0, "{index}, {name}: {found}");
        }
        let blank = prepare(&png(note(table, paper)), &Target::MNIST, Count::Any);
        let error = blank.expect_err("nothing drawn");
        assert!(
            matches!(
                error,
                PictureError::Blank | PictureError::LowContrast { .. }
            ),
            "{name}: {error}"
        );
    }
}

#[test]
fn a_reflection_beside_a_digit_is_no_ink() {
    for index in 0..10 {
        let expected = prepared(&png(on_paper(index)));
        for (name, paper, ink, light) in [
            ("on paper", [200, 198, 190], [60, 60, 80], 130.0),
            (
                "a shadow beside chalk",
                [70, 90, 75],
                [235, 235, 230],
                -60.0,
            ),
        ] {
            let mut page = page(400, 300, paper);
            for (x, y, pixel) in page.enumerate_pixels_mut() {
                let far = ((x as f32 - 90.0) / 60.0).powi(2) + ((y as f32 - 80.0) / 50.0).powi(2);
                let change = light * (-far).exp();
                pixel.0 = pixel
                    .0
                    .map(|value| (f32::from(value) + change).clamp(0.0, 255.0) as u8);
            }
            put(&mut page, index, [180, 70], 200, ink);
            let found = difference(&prepared(&png(page)), &expected);
            assert!(found < 8.0, "{index}, {name}: {found}");
        }
    }
}

#[test]
fn gaps_within_what_fills_a_picture_are_no_marks() {
    // A shirt: a body and two sleeves with light gaps between, up to the top and the bottom, beside which there is paper.
    let within = |x: u32, from: u32, to: u32| (from..to).contains(&x);
    let mut page = page(280, 280, PAPER);
    for (x, y, pixel) in page.enumerate_pixels_mut() {
        let sleeves = within(x, 40, 80) || within(x, 200, 240);
        if within(x, 95, 185) || (sleeves && y < 230) || (within(x, 40, 240) && y < 90) {
            *pixel = Rgb([70, 70, 75]);
        }
    }
    for drawing in prepare(&png(page), &Target::MNIST, Count::Any).unwrap_or_default() {
        assert!(drawing.bounds.width > 30, "{:?}", drawing.bounds);
    }
}
