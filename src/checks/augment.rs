//! Augmentation against float64.

use super::Scope;
use super::images::{ODD_SHAPES, SCALE, batch_of, describe, in_parts, normalised};
use crate::kernels::augment_batch::{Augmentation, Stream};
use crate::kernels::case::{Case, Numbers, Outputs, whole};
use crate::kernels::images::ImageShape;
use crate::kernels::reference::augment::augment;

const IMAGES: usize = 50;
/// An epoch and a seed of more than 32 bits.
const STREAM: Stream = Stream {
    seed: 0x0123_4567_89ab_cdef,
    epoch: 3,
};
/// Every distortion at once.
const ALL: Augmentation = Augmentation {
    rotation: 25.0,
    scale: 0.2,
    shear: 0.3,
    shift: 3.5,
    elastic: 4.0,
    elastic_cells: 5,
    cutout: 9,
    flip: true,
    fill: [0; 3],
    brightness: 0.2,
    contrast: 0.3,
    saturation: 0.5,
};

pub fn cases(shape: ImageShape, scope: Scope) -> Vec<Case> {
    let mut cases = vec![case(scope.batch, shape, ALL, 1)];
    if scope.odd_shapes {
        let filled = Augmentation {
            fill: [255, 128, 7],
            ..ALL
        };
        let half_turns = Augmentation {
            rotation: 180.0,
            elastic_cells: 2,
            cutout: 4,
            ..filled
        };
        let plain = Augmentation {
            elastic: 0.0,
            flip: false,
            brightness: 0.0,
            contrast: 0.0,
            saturation: 0.0,
            ..ALL
        };
        let fine = Augmentation {
            elastic_cells: 14,
            ..filled
        };
        cases.push(case(3, ImageShape::grey(10, 10), half_turns, 1));
        cases.push(case(1, shape, plain, 1));
        cases.extend(ODD_SHAPES.map(|shape| case(3, shape, filled, 1)));
        // More than workgroup memory holds: of the image, and of the spline's sums.
        cases.push(case(2, ImageShape::rgb(72, 64), filled, 1));
        cases.push(case(2, ImageShape::grey(8, 112), fine, 1));
        cases.push(case(17, ODD_SHAPES[4], filled, 3));
    }
    cases
}

fn case(batch: usize, shape: ImageShape, augmentation: Augmentation, parts: usize) -> Case {
    Case {
        op: "augment_batch",
        shape: describe(batch, IMAGES, parts, shape),
        work: Box::new(move |subject| {
            let mut numbers = Numbers::new(7);
            let images = numbers.bytes(IMAGES * shape.bytes());
            let samples = numbers.whole(batch, IMAGES);
            let expected = batch_of(&images, &samples, shape, |image, sample| {
                augment(image, shape, &augmentation, STREAM, sample)
            });
            let parts = in_parts(&images, shape, parts, subject);
            let indices = (whole(&samples, [batch], subject), &samples[..]);
            let kernels = subject.kernels;
            let found = kernels.augment_batch(&parts, indices, shape, SCALE, augmentation, STREAM);
            Outputs::default().with("output", found, normalised(&expected, shape))
        }),
    }
}
