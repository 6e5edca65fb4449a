//! Gathering a batch: the kernel, and Burn's own operations.

use super::case::{Case, Numbers, Outputs, whole};
use super::images::{ODD_SHAPES, SCALE, batch_of, describe, in_parts, normalised};
use super::{Group, Scope};
use crate::kernels::gather_batch::{gather_batch, general};
use crate::kernels::images::ImageShape;

const IMAGES: usize = 50;

pub fn cases(group: Group, shape: ImageShape, scope: Scope) -> Vec<Case> {
    let mut cases = vec![case(group, scope.batch, shape, 1)];
    if scope.odd_shapes {
        cases.extend(ODD_SHAPES.map(|shape| case(group, 3, shape, 1)));
        cases.push(case(group, 17, ODD_SHAPES[2], 3));
    }
    cases
}

fn case(group: Group, batch: usize, shape: ImageShape, parts: usize) -> Case {
    Case {
        group,
        op: match group {
            Group::Stock => "unpack",
            _ => "gather_batch",
        },
        shape: describe(batch, IMAGES, parts, shape),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(5);
            let images = numbers.bytes(IMAGES * shape.bytes());
            let indices = numbers.whole(batch, IMAGES);
            let expected = batch_of(&images, &indices, shape, |image, _| {
                image.iter().map(|&byte| byte.into()).collect()
            });
            let parts = in_parts(&images, shape, parts, device);
            let indices = whole(&indices, [batch], device);
            let found = match group {
                Group::Stock => general(&parts, indices, shape, SCALE),
                _ => gather_batch(&parts, indices, shape, SCALE),
            };
            Outputs::default().with("output", found, normalised(&expected, shape))
        }),
    }
}
