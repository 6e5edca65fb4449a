//! How rows of any number of channels fill whole registers: some rows together are a unit, whose
//! length is a multiple of a register's, and each place of a unit is always the same channel.

use super::Norm;
use crate::kernels::simd::WIDEST;
use crate::kernels::simd::scratch::{self, Scratch};

/// A unit has at least four of the widest registers, so that as many sums run beside each other.
const LEAST: usize = 4 * WIDEST;
/// About as many floats are a chunk: as many as a first-level cache has room for, because the
/// statistics read it twice.
const CHUNK: usize = 8192;

/// Floats of a unit: the least multiple of rows and of registers that is not below [`LEAST`].
pub(super) fn unit_size(channels: usize) -> usize {
    let mut common = channels;
    while !common.is_multiple_of(WIDEST) {
        common += channels;
    }
    common * LEAST.div_ceil(common)
}

/// Floats of a chunk: whole units.
pub(super) fn chunk_size(channels: usize) -> usize {
    let unit = unit_size(channels);
    unit * (CHUNK / unit).max(1)
}

/// Numbers of each channel, repeated over a unit.
pub(super) fn repeat(unit: usize, channels: usize, of: impl Fn(usize) -> f32) -> Scratch {
    let mut lanes = scratch::dirty(unit);
    for row in lanes.chunks_exact_mut(channels) {
        for (channel, lane) in row.iter_mut().enumerate() {
            *lane = of(channel);
        }
    }
    lanes
}

/// The constants of every place of a unit.
pub(super) struct Lanes {
    pub unit: usize,
    pub channels: usize,
    pub relu: bool,
    pub mean: Scratch,
    /// `output = (input - mean) * factor + shift`.
    pub factor: Scratch,
    pub shift: Scratch,
    /// `grad_input = grad * factor + offset + (input - mean) * slope`.
    pub offset: Scratch,
    pub slope: Scratch,
}

impl Lanes {
    pub fn new(norm: &Norm<'_>) -> Self {
        let channels = norm.scale.len();
        let unit = unit_size(channels);
        let factors: Vec<f32> = (0..channels).map(|channel| norm.factor(channel)).collect();
        Self {
            unit,
            channels,
            relu: norm.relu,
            mean: repeat(unit, channels, |channel| norm.mean[channel]),
            factor: repeat(unit, channels, |channel| factors[channel]),
            shift: repeat(unit, channels, |channel| norm.shift[channel]),
            offset: scratch::dirty(0),
            slope: scratch::dirty(0),
        }
    }

    /// Sets offset and slope of each channel.
    pub fn set_gradient(&mut self, constants: &[[f32; 2]]) {
        self.offset = repeat(self.unit, self.channels, |channel| constants[channel][0]);
        self.slope = repeat(self.unit, self.channels, |channel| constants[channel][1]);
    }
}
