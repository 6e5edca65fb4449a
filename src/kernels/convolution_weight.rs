//! The weight of a convolution on an adapter: in the order that a kernel reads it, and its gradient from partial sums.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use burn::tensor::DType::F32;
use burn_wgpu::CubeTensor;

use super::gpu::{Place, launch_into};
use super::launch::{LARGEST_BINDING, Launch};
use super::shader::shader;
use super::tiles::TileProfile;

/// A weight `[out, in, k, k]`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WeightShape {
    pub in_channels: usize,
    pub out_channels: usize,
    /// Height and width of the square kernel.
    pub kernel: usize,
}

/// Which channels lie innermost in packed weights.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Packing {
    /// `[tap][in][out]`, for the forward pass.
    OutInnermost,
    /// `[tap][out][in]`, for the input gradient.
    InInnermost,
}

impl WeightShape {
    /// Whether the shaders take this weight: one input channel or fours of them, fours of output channels, kernels of 1
    /// to 7, and `chunks` of partial sums within WebGPU's 128 MiB.
    pub fn supported(&self, chunks: usize) -> bool {
        let fours = |channels: usize| channels > 0 && channels.is_multiple_of(4);
        (self.in_channels == 1 || fours(self.in_channels))
            && fours(self.out_channels)
            && (1..=7).contains(&self.kernel)
            && chunks * self.partial_words() <= LARGEST_BINDING
    }

    /// That of a parameter of these sizes, if shaders take it.
    pub fn of_parameter(dims: &[usize]) -> Option<Self> {
        let &[out_channels, in_channels, kernel, width] = dims else {
            return None;
        };
        let shape = Self {
            in_channels,
            out_channels,
            kernel,
        };
        (kernel == width && shape.supported(1)).then_some(shape)
    }

    /// Elements.
    pub fn size(&self) -> usize {
        self.out_channels * self.in_channels * self.kernel * self.kernel
    }

    /// Rows of four weights for one output channel.
    pub fn rows(&self) -> usize {
        (self.kernel * self.kernel * self.in_channels).div_ceil(4)
    }

    /// Words of a partial sum of the gradients of weight and bias.
    pub fn partial_words(&self) -> usize {
        (4 * self.rows() + 1) * self.out_channels
    }

    /// The constants that say this shape.
    pub fn constants(&self) -> [(&'static str, usize); 3] {
        [
            ("IN_CHANNELS", self.in_channels),
            ("OUT_CHANNELS", self.out_channels),
            ("KERNEL", self.kernel),
        ]
    }

    /// From PyTorch's order to a kernel's. Bindings: weight, packed.
    pub fn pack(&self, packing: Packing) -> Launch {
        let in_innermost = usize::from(packing == Packing::InInnermost);
        Launch::each(shader!("convolution_pack_weight"), self.size())
            .constants(self.constants())
            .constants([("IN_INNERMOST", in_innermost)])
            .bind([("weight", self.size()), ("packed", self.size())])
    }

    /// Adds partial sums. Bindings: partials, gradient of the weight `[out][in][k][k]`, gradient of the bias.
    pub fn sum(&self, chunks: usize, profile: TileProfile) -> Launch {
        let elements = self.size() + self.out_channels;
        Launch::each_sum(
            shader!("convolution_sum_weight"),
            elements,
            elements,
            profile,
        )
        .constants(self.constants())
        .bind([
            ("partials", chunks * self.partial_words()),
            ("grad_weight", self.size()),
            ("grad_bias", self.out_channels),
        ])
        .sizes([chunks])
    }
}

/// Blocks of positions, `steps` in all, that one partial sum adds up on a card, where `tiles` invocations write it: few
/// enough to fill it four times, but not so few that the sums cost more to store than to compute.
pub fn chunk_on_a_card(tiles: usize, steps: usize, profile: TileProfile) -> usize {
    const LEAST: usize = 20;
    let wanted = (4 * profile.enough()).div_ceil(tiles.max(1));
    steps.div_ceil(wanted).max(LEAST)
}

/// Weights that are kept in both orders by what changes them, by where they lie.
static KEPT: Mutex<BTreeMap<Place, [CubeTensor; 2]>> = Mutex::new(BTreeMap::new());

fn kept() -> MutexGuard<'static, BTreeMap<Place, [CubeTensor; 2]>> {
    KEPT.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Has [`packed`] give these buffers for the weight at `place` from now on: out, then in innermost. Whoever says so
/// writes them with the weight, and takes it back before the place is anyone else's.
pub(super) fn keep_packed(place: Place, packed: [CubeTensor; 2]) {
    kept().insert(place, packed);
}

/// Takes back what [`keep_packed`] said.
pub(super) fn forget_packed(place: Place) {
    kept().remove(&place);
}

/// `weight` in a kernel's order.
pub fn packed(shape: WeightShape, weight: &CubeTensor, packing: Packing) -> CubeTensor {
    if let Some(packed) = kept().get(&Place::of_buffer(weight)) {
        return packed[packing as usize].clone();
    }
    let [packed] = launch_into(shape.pack(packing), &[weight], [(F32, &[shape.size()])]);
    packed
}

/// Gradients of weight and bias: `partial_sums` writes `chunks` of them for `inputs`.
pub fn gradients(
    shape: WeightShape,
    partial_sums: Launch,
    inputs: &[&CubeTensor],
    chunks: usize,
    profile: TileProfile,
) -> [CubeTensor; 2] {
    let words = chunks * shape.partial_words();
    let [partials] = launch_into(partial_sums, inputs, [(F32, &[words])]);
    let weight = [
        shape.out_channels,
        shape.in_channels,
        shape.kernel,
        shape.kernel,
    ];
    launch_into(
        shape.sum(chunks, profile),
        &[&partials],
        [(F32, &weight), (F32, &weight[..1])],
    )
}
