//! Which tiles each kernel uses on each adapter.

use std::cell::Cell;
use std::collections::{BTreeMap, HashMap};
use std::sync::{PoisonError, RwLock};

use burn::backend::DispatchDevice;
use burn::tensor::Device;
use burn_wgpu::CubeTensor;
use serde::{Deserialize, Serialize};

/// Invocations with which a launch fills a card: 512 waves of 64.
const ENOUGH: usize = 512 * 64;

/// How much of the work one invocation takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum TileProfile {
    /// Adapters that run shaders on the CPU (llvmpipe): loads cost a hundred times an fma, so each invocation keeps a
    /// large tile in private memory, and loops that are short enough are unrolled.
    Software,
    /// The same with loops, in shaders that compile sooner.
    Loops,
    /// Graphics cards: small tiles in registers, shared through workgroup memory, and many invocations.
    Hardware,
    /// Adapters that an eighth of these invocations fills: larger tiles, and fewer partial sums.
    Integrated,
    /// As [`Self::Software`], with products whose invocations tell each other what they load, in subgroups of 8.
    SoftwareSubgroups,
    /// As [`Self::Hardware`], with such products, in subgroups of 8.
    Subgroups8,
    /// In subgroups of 16.
    Subgroups16,
    /// In subgroups of 32.
    Subgroups32,
    /// In subgroups of 64.
    Subgroups64,
}

impl TileProfile {
    /// Those that every adapter has.
    pub const ALL: [Self; 4] = [
        Self::Software,
        Self::Loops,
        Self::Hardware,
        Self::Integrated,
    ];

    /// Those for adapters whose subgroups all have one size, which is asked of them.
    const WITH_SUBGROUPS: [Self; 5] = [
        Self::SoftwareSubgroups,
        Self::Subgroups8,
        Self::Subgroups16,
        Self::Subgroups32,
        Self::Subgroups64,
    ];

    /// Each of them.
    pub fn every() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter().chain(Self::WITH_SUBGROUPS)
    }

    /// Those for subgroups of this size.
    pub fn with_subgroups(size: Option<u32>) -> impl Iterator<Item = Self> {
        let all = Self::WITH_SUBGROUPS.into_iter();
        all.filter(move |profile| profile.subgroup() == size)
    }

    /// The size of the subgroups that it takes.
    pub fn subgroup(self) -> Option<u32> {
        match self {
            Self::SoftwareSubgroups | Self::Subgroups8 => Some(8),
            Self::Subgroups16 => Some(16),
            Self::Subgroups32 => Some(32),
            Self::Subgroups64 => Some(64),
            _ => None,
        }
    }

    /// As files and folders call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Software => "software",
            Self::Loops => "loops",
            Self::Hardware => "hardware",
            Self::Integrated => "integrated",
            Self::SoftwareSubgroups => "software-subgroups",
            Self::Subgroups8 => "subgroups8",
            Self::Subgroups16 => "subgroups16",
            Self::Subgroups32 => "subgroups32",
            Self::Subgroups64 => "subgroups64",
        }
    }

    /// What an adapter of this kind gets where nothing was timed.
    pub fn usual(is_software: bool) -> Self {
        match is_software {
            true => Self::Software,
            false => Self::Hardware,
        }
    }

    /// What else may be faster on an adapter of this kind, with subgroups of this size; what is most likely to be comes
    /// first.
    pub fn others(is_software: bool, subgroup: Option<u32>) -> Vec<Self> {
        let rest: &[Self] = match is_software {
            // Tiles for cards take ten times as long there.
            true => &[Self::Loops],
            false => &[Self::Integrated, Self::Loops],
        };
        let in_subgroups = Self::with_subgroups(subgroup);
        let in_subgroups = in_subgroups.filter(|profile| profile.is_software() == is_software);
        in_subgroups.chain(rest.iter().copied()).collect()
    }

    /// Whether its invocations are few and take much each.
    pub(crate) fn is_software(self) -> bool {
        matches!(self, Self::Software | Self::Loops | Self::SoftwareSubgroups)
    }

    /// Whether loops that are short enough are written out.
    pub(crate) fn unrolls(self) -> bool {
        matches!(self, Self::Software | Self::SoftwareSubgroups)
    }

    /// Invocations with which a launch fills the adapter.
    pub(crate) fn enough(self) -> usize {
        match self {
            Self::Integrated => ENOUGH / 8,
            _ => ENOUGH,
        }
    }
}

/// What tiles are chosen for, each by itself, in the order in which they are timed: what takes long comes last.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kernel {
    /// Products of matrices: linear layers.
    Product,
    /// Convolution + bias + max-pool (+ ReLU).
    ConvolvePoolRelu,
    /// Convolution + bias + ReLU.
    Convolve,
    /// Batch normalisation.
    BatchNormRelu,
    /// The loss.
    Loss,
}

impl Kernel {
    /// Each of them.
    pub const ALL: [Self; 5] = [
        Self::Product,
        Self::ConvolvePoolRelu,
        Self::Convolve,
        Self::BatchNormRelu,
        Self::Loss,
    ];
}

/// The tiles of every kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(
    from = "BTreeMap<Kernel, TileProfile>",
    into = "BTreeMap<Kernel, TileProfile>"
)]
pub struct Tiles([TileProfile; Kernel::ALL.len()]);

impl Tiles {
    /// The same for each.
    pub fn all(profile: TileProfile) -> Self {
        Self([profile; Kernel::ALL.len()])
    }

    /// Those that were found fastest, and `usual` ones for the rest.
    pub fn fastest(usual: TileProfile, timed: &[Timed]) -> Self {
        let rest = Self::all(usual);
        timed
            .iter()
            .fold(rest, |tiles, timed| tiles.with(timed.kernel, timed.chosen))
    }

    /// Those of one kernel.
    pub fn of(&self, kernel: Kernel) -> TileProfile {
        self.0[kernel as usize]
    }

    /// The same but for one kernel.
    #[must_use]
    pub fn with(mut self, kernel: Kernel, profile: TileProfile) -> Self {
        self.0[kernel as usize] = profile;
        self
    }
}

/// Tiles are changed only for ones that take less than this share of the time: another choice gives other last bits.
const WORTH: f64 = 0.9;

/// What was timed of one kernel.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timed {
    /// Which.
    pub kernel: Kernel,
    /// Its fastest tiles.
    pub chosen: TileProfile,
    /// Those that were tried beside the usual ones.
    pub tried: Vec<Trial>,
}

impl Timed {
    /// The tiles that save most, of those that save enough to be worth it; else the usual ones.
    pub fn of(kernel: Kernel, usual: TileProfile, tried: Vec<Trial>) -> Self {
        let saved = |trial: &&Trial| trial.usual_microseconds - trial.microseconds;
        let worth =
            (tried.iter()).filter(|trial| trial.microseconds < WORTH * trial.usual_microseconds);
        let best = worth.max_by(|a, b| saved(a).total_cmp(&saved(b)));
        let chosen = best.map_or(usual, |trial| trial.tiles);
        Self {
            kernel,
            chosen,
            tried,
        }
    }
}

/// Tiles beside the usual ones, in the launches of a training step that differ.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Trial {
    /// Which.
    pub tiles: TileProfile,
    /// What their launches take, in microseconds.
    pub microseconds: f64,
    /// What those that they replace take.
    pub usual_microseconds: f64,
}

impl From<Tiles> for BTreeMap<Kernel, TileProfile> {
    fn from(tiles: Tiles) -> Self {
        Kernel::ALL.into_iter().zip(tiles.0).collect()
    }
}

impl From<BTreeMap<Kernel, TileProfile>> for Tiles {
    /// A kernel that is not named has the tiles for cards.
    fn from(named: BTreeMap<Kernel, TileProfile>) -> Self {
        let rest = Self::all(TileProfile::Hardware);
        named
            .into_iter()
            .fold(rest, |tiles, (kernel, profile)| tiles.with(kernel, profile))
    }
}

/// Those of opened adapters.
static CHOSEN: RwLock<Option<HashMap<cubecl::Device, Tiles>>> = RwLock::new(None);

thread_local! {
    static FORCED: Cell<Option<Tiles>> = const { Cell::new(None) };
}

/// Has kernels use these tiles on `device` from now on; nothing on the CPU.
pub fn use_tiles(device: &Device, tiles: Tiles) {
    if let Some(adapter) = adapter(device) {
        let mut chosen = CHOSEN.write().unwrap_or_else(PoisonError::into_inner);
        chosen.get_or_insert_default().insert(adapter, tiles);
    }
}

/// The tiles that kernels use on `device`; `None` on the CPU.
pub fn tiles(device: &Device) -> Option<Tiles> {
    adapter(device).map(|adapter| of_adapter(&adapter))
}

/// The adapter behind a device; `None` for the CPU.
pub(super) fn adapter(device: &Device) -> Option<cubecl::Device> {
    match device.clone().inner().as_dispatch() {
        DispatchDevice::Cube(adapter) => Some(adapter.clone()),
        _ => None,
    }
}

fn of_adapter(adapter: &cubecl::Device) -> Tiles {
    let chosen = CHOSEN.read().unwrap_or_else(PoisonError::into_inner);
    let found = chosen.as_ref().and_then(|chosen| chosen.get(adapter));
    found
        .copied()
        .unwrap_or_else(|| Tiles::all(TileProfile::Hardware))
}

/// The tiles of `kernel` on the adapter that holds `tensor`.
pub(crate) fn profile(tensor: &CubeTensor, kernel: Kernel) -> TileProfile {
    let tiles = FORCED.get().unwrap_or_else(|| of_adapter(&tensor.device));
    tiles.of(kernel)
}

/// Runs `work` with these tiles on whatever adapter it uses, so that all can be checked and timed everywhere.
pub fn with_tiles<T>(tiles: Tiles, work: impl FnOnce() -> T) -> T {
    struct Restore(Option<Tiles>);
    impl Drop for Restore {
        fn drop(&mut self) {
            FORCED.set(self.0);
        }
    }
    let _restore = Restore(FORCED.replace(Some(tiles)));
    work()
}

/// The same for one profile.
pub fn with_profile<T>(profile: TileProfile, work: impl FnOnce() -> T) -> T {
    with_tiles(Tiles::all(profile), work)
}
