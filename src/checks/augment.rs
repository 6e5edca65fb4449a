//! Augmentation against float64: the kernel, and the same in Burn's own operations.

use super::case::{Case, Numbers, Outputs, plain, whole};
use super::fused::{DEVIATION, MEAN};
use super::reference::augment::augment;
use super::{Group, Scope};
const SIDE: usize = crate::data::synthetic::SHAPE.height;
use crate::kernels::augment_batch::{Augmentation, Stream, augment_batch, distort};
use crate::kernels::images::{ChannelScale, ImageShape};

const PICTURES: usize = 50;
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
};

pub fn cases(scope: Scope) -> Vec<Case> {
    let mut cases = Vec::new();
    for group in [Group::Fused, Group::Stock] {
        cases.push(case(group, scope.batch, SIDE, ALL));
        if scope.odd_shapes {
            let half_turns = Augmentation {
                rotation: 180.0,
                elastic_cells: 2,
                cutout: 4,
                ..ALL
            };
            let plain = Augmentation {
                elastic: 0.0,
                flip: false,
                ..ALL
            };
            cases.push(case(group, 3, 10, half_turns));
            cases.push(case(group, 1, SIDE, plain));
        }
    }
    cases
}

fn case(group: Group, batch: usize, side: usize, augmentation: Augmentation) -> Case {
    let area = side * side;
    Case {
        group,
        op: match group {
            Group::Stock => "distort",
            _ => "augment_batch",
        },
        shape: format!("{batch} of {PICTURES}, {side}x{side}"),
        work: Box::new(move |device| {
            let mut numbers = Numbers::new(7);
            let words = numbers.words(PICTURES * area / 4);
            let indices = numbers.whole(batch, PICTURES);
            let images: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
            let image = |index: i32| &images[index as usize * area..][..area];
            let distorted = indices.iter().flat_map(|&index| {
                augment(image(index), side, &augmentation, STREAM, index as u32)
            });
            match group {
                Group::Stock => {
                    let pixels: Vec<f32> = indices
                        .iter()
                        .flat_map(|&index| image(index))
                        .map(|&byte| byte.into())
                        .collect();
                    let pixels = plain(&pixels, [batch, area], device);
                    let found = distort(pixels, &indices, &augmentation, STREAM);
                    Outputs::default().with("output", found, distorted.collect())
                }
                _ => {
                    let (mean, deviation) = (f64::from(MEAN), f64::from(DEVIATION));
                    let expected = distorted.map(|byte| (byte / 255.0 - mean) / deviation);
                    let found = augment_batch(
                        whole(&words, [PICTURES, area / 4], device),
                        whole(&indices, [batch], device),
                        ImageShape::grey(side, side),
                        ChannelScale {
                            mean: [MEAN; 3],
                            deviation: [DEVIATION; 3],
                        },
                        augmentation,
                        STREAM,
                    );
                    let found = found.reshape([batch, area]);
                    Outputs::default().with("output", found, expected.collect())
                }
            }
        }),
    }
}
