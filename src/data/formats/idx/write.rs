//! Images and labels as the bytes of a file.

use super::{Element, Header};
use crate::data::image_set::ImageShape;

/// The header of a file of `count` images.
pub fn images_header(shape: ImageShape, count: usize) -> Header {
    let mut dimensions = vec![count as u32, shape.height as u32, shape.width as u32];
    if shape.channels > 1 {
        dimensions.push(shape.channels as u32);
    }
    Header {
        element: Element::U8,
        dimensions,
    }
}

/// The bytes of a file of images: `[n, height, width]`, in colour `[n, height, width, 3]`.
pub fn images_file(shape: ImageShape, images: &[u8]) -> Vec<u8> {
    let count = images.len() / shape.bytes().max(1);
    [&images_header(shape, count).encode(), images].concat()
}

/// The bytes of a file of labels: unsigned bytes, or 16-bit integers where one is above 255.
pub fn labels_file(labels: &[u16]) -> Vec<u8> {
    let wide = labels.iter().any(|&label| label > 255);
    let header = Header {
        element: match wide {
            true => Element::I16,
            false => Element::U8,
        },
        dimensions: vec![labels.len() as u32],
    };
    let mut file = header.encode();
    for label in labels {
        match wide {
            true => file.extend_from_slice(&label.to_be_bytes()),
            false => file.push(*label as u8),
        }
    }
    file
}
