//! How much of the work one invocation takes, by profile and shape.

use super::shape::Shape;
use crate::kernels::convolution_weight::chunk_on_a_card;
use crate::kernels::tiles::TileProfile;

pub(super) struct ProductTile {
    /// Blocks of four pixels.
    pub blocks: usize,
    pub groups: usize,
    pub invocations: usize,
}

/// Blocks of four pixels and groups of four channels an invocation.
pub(super) fn product_tile(channel_groups: usize, profile: TileProfile) -> ProductTile {
    match profile.is_software() {
        false => ProductTile {
            blocks: 1,
            groups: channel_groups.clamp(1, 2),
            invocations: 64,
        },
        true => ProductTile {
            blocks: 4,
            // A block of four vec4 loads costs 92 ns on llvmpipe, a product of two blocks 16.
            groups: cheapest(&[6, 4, 2, 1], channel_groups, |groups| {
                (groups + 4) * 92 + 4 * groups * 16
            }),
            invocations: 8,
        },
    }
}

/// Invocations that share weights where a shader has no loop.
pub(super) const UNROLLED_INVOCATIONS: usize = 64;

/// Products an invocation of a shader without a loop: llvmpipe compiles as many in two or three seconds, and four times
/// as many in more than twenty.
const MOST_UNROLLED: usize = 7000;

/// The same in a loop over windows, where as many sums are kept.
const MOST_IN_A_LOOP: usize = 2400;

/// Groups of four output channels an invocation of the forward pass without a loop; `None` where that is too long.
pub(super) fn unrolled_groups(shape: &Shape) -> Option<usize> {
    let groups = match shape.single() {
        true => shape.out_channels / 4,
        // With one, loads of pixels cost as much as a loop does.
        false => (shape.out_channels / 4).min(2),
    };
    let products = 4 * shape.weight().size() / shape.out_channels.max(1) * 4 * groups;
    (products <= MOST_UNROLLED).then_some(groups)
}

/// Whether the gradient of the input, four input channels an invocation, is short enough for a shader without a loop.
pub(super) fn grad_input_unrolls(shape: &Shape) -> bool {
    16 * shape.kernel * shape.kernel * shape.out_channels <= MOST_UNROLLED
}

/// Invocations that share an image in workgroup memory: as many as every adapter has.
pub(super) const STAGED_INVOCATIONS: usize = 256;

/// How many fours of channels of an image of `pixels` fit WebGPU's 16 KiB of workgroup memory at
/// a time: a divisor of all `groups`, or `None` where not even one fits.
pub(super) fn staged_groups(pixels: usize, groups: usize) -> Option<usize> {
    const ROOM: usize = (16 << 10) / size_of::<[f32; 4]>();
    let fits = |staged: &usize| groups.is_multiple_of(*staged) && pixels * staged <= ROOM;
    (1..=groups).rev().find(fits)
}

pub(super) struct WeightTile {
    /// Whether an invocation takes all taps of an input channel or four, and `rows` counts those.
    pub unrolled: bool,
    /// Rows of four weights.
    pub rows: usize,
    pub groups: usize,
    /// Pool windows of a partial sum.
    pub chunk: usize,
    pub invocations: usize,
}

pub(super) fn weight_tile(shape: &Shape, profile: TileProfile) -> WeightTile {
    let channel_groups = shape.out_channels / 4;
    let rows = shape.weight().rows();
    let windows = shape.pooled_height() * shape.pooled_width();
    match profile.is_software() {
        false => {
            let groups = channel_groups.clamp(1, 2);
            WeightTile {
                unrolled: false,
                rows: 1,
                groups,
                chunk: chunk_on_a_card(
                    rows * channel_groups.div_ceil(groups),
                    shape.batch * windows,
                    profile,
                ),
                invocations: 64,
            }
        }
        true => {
            let (taps, inputs) = (shape.kernel * shape.kernel, shape.in_channels.min(4));
            let fits = |groups: &usize| {
                let products = 16 * taps * inputs * groups;
                channel_groups.is_multiple_of(*groups) && products <= MOST_IN_A_LOOP
            };
            let unrolls = profile.unrolls();
            let found = (1..=channel_groups)
                .rev()
                .find(|groups| unrolls && fits(groups));
            WeightTile {
                unrolled: found.is_some(),
                rows: found.map_or(2, |_| taps),
                groups: found.unwrap_or_else(|| {
                    cheapest(&[8, 6, 4, 2, 1], channel_groups, |groups| {
                        2 * 92 + groups * 29 + 2 * groups * 16
                    })
                }),
                // Enough invocations for a few cores even where the weights are few.
                chunk: (windows * if shape.single() { 2 } else { 8 }).max(1),
                invocations: 8,
            }
        }
    }
}

fn cheapest(tiles: &[usize], groups: usize, cost: impl Fn(usize) -> usize) -> usize {
    let total = |tile: &usize| groups.div_ceil(*tile) * cost(*tile);
    tiles.iter().copied().min_by_key(total).unwrap_or(1)
}
