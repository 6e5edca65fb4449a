//! Gathering a batch.

use super::Scope;
use super::images::{ODD_SHAPES, SCALE, batch_of, describe, in_parts, normalised};
use crate::kernels::case::{Case, Numbers, Outputs, whole};
use crate::kernels::images::ImageShape;

const IMAGES: usize = 50;

pub fn cases(shape: ImageShape, scope: Scope) -> Vec<Case> {
    let mut cases = vec![case(scope.batch, shape, 1)];
    if scope.odd_shapes {
        cases.extend(ODD_SHAPES.map(|shape| case(3, shape, 1)));
        cases.push(case(17, ODD_SHAPES[2], 3));
    }
    cases
}

fn case(batch: usize, shape: ImageShape, parts: usize) -> Case {
    Case {
        op: "gather_batch",
        shape: describe(batch, IMAGES, parts, shape),
        work: Box::new(move |subject| {
            let mut numbers = Numbers::new(5);
            let images = numbers.bytes(IMAGES * shape.bytes());
            let indices = numbers.whole(batch, IMAGES);
            let expected = batch_of(&images, &indices, shape, |image, _| {
                image.iter().map(|&byte| byte.into()).collect()
            });
            let parts = in_parts(&images, shape, parts, subject);
            let indices = whole(&indices, [batch], subject);
            let found = subject.kernels.gather_batch(&parts, indices, shape, SCALE);
            Outputs::default().with("output", found, normalised(&expected, shape))
        }),
    }
}
