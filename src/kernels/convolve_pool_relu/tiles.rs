//! How much of the work one invocation takes, by preset and shape.

use super::passes::Shape;
use crate::kernels::shader::TilePreset;

pub(super) struct ProductTile {
    /// Blocks of four pixels.
    pub blocks: u32,
    pub groups: u32,
    pub invocations: u32,
}

/// Blocks of four pixels and groups of four channels an invocation.
pub(super) fn product_tile(channel_groups: usize, preset: TilePreset) -> ProductTile {
    match preset {
        TilePreset::Hardware => ProductTile {
            blocks: 1,
            groups: if channel_groups == 1 { 1 } else { 2 },
            invocations: 64,
        },
        TilePreset::Software => ProductTile {
            blocks: 4,
            // A block of four vec4 loads costs 92 ns on llvmpipe, a product of two blocks 16.
            groups: cheapest(&[6, 4, 2, 1], channel_groups, |groups| {
                (groups + 4) * 92 + 4 * groups * 16
            }),
            invocations: 8,
        },
    }
}

/// Invocations that share a picture in workgroup memory: as many as every adapter has.
pub(super) const STAGED_INVOCATIONS: u32 = 256;

/// How many fours of channels of a picture of `pixels` fit WebGPU's 16 KiB of workgroup memory at
/// a time: a divisor of all `groups`, or `None` where not even one fits.
pub(super) fn staged_groups(pixels: usize, groups: usize) -> Option<u32> {
    const ROOM: usize = (16 << 10) / size_of::<[f32; 4]>();
    let fits = |staged: &usize| groups.is_multiple_of(*staged) && pixels * staged <= ROOM;
    (1..=groups).rev().find(fits).map(|staged| staged as u32)
}

pub(super) struct WeightTile {
    /// Rows of four weights.
    pub rows: u32,
    pub groups: u32,
    /// Pictures of a partial sum.
    pub chunk: u32,
    pub invocations: u32,
}

pub(super) fn weight_tile(shape: &Shape, rows: usize, preset: TilePreset) -> WeightTile {
    let channel_groups = shape.out_channels / 4;
    match preset {
        TilePreset::Hardware => WeightTile {
            rows: 1,
            groups: if channel_groups == 1 { 1 } else { 2 },
            chunk: if shape.single() { 1 } else { 2 },
            invocations: 64,
        },
        TilePreset::Software => WeightTile {
            rows: 2,
            groups: cheapest(&[8, 6, 4, 2, 1], channel_groups, |groups| {
                2 * 92 + groups * 29 + 2 * groups * 16
            }),
            // Enough invocations for a few cores even where the weights are few.
            chunk: if rows < 32 { 4 } else { 8 },
            invocations: 8,
        },
    }
}

fn cheapest(tiles: &[usize], groups: usize, cost: impl Fn(usize) -> usize) -> u32 {
    let total = |tile: &usize| groups.div_ceil(*tile) * cost(*tile);
    tiles.iter().copied().min_by_key(total).unwrap_or(1) as u32
}
