//! A launch as plain data that any launcher can use: a shader with its constants, its bindings in order and its grid.

use std::fmt::Write;

pub(crate) use super::limits::LARGEST_BINDING;
use super::shader::Shader;
use super::tiles::TileProfile;

/// Workgroups along a dimension of a grid that WebGPU guarantees.
pub(crate) const MOST_WORKGROUPS: usize = 65_535;

/// The batch for which tiles are chosen: another one must not change the source.
pub(crate) const NOMINAL_BATCH: usize = 256;

/// One dispatch: a specialised shader, what to bind and how large a grid.
#[derive(Clone, Debug, PartialEq)]
pub struct Launch {
    /// Which shader.
    pub shader: Shader,
    /// Values of the shader's constants; with its name they are all that changes the source.
    pub constants: Vec<(&'static str, u32)>,
    /// Storage bindings 0.. in order.
    pub bindings: Vec<Binding>,
    /// Words of the last binding, a uniform buffer; none when empty.
    pub uniform: Vec<u32>,
    /// Grid of workgroups.
    pub workgroups: [u32; 3],
    /// Invocations of a workgroup.
    pub workgroup_size: [u32; 3],
}

/// A storage buffer of a launch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What it holds.
    pub name: &'static str,
    /// Its size in 4-byte words.
    pub words: usize,
}

impl Launch {
    /// An invocation a piece of work, 64 a workgroup.
    pub(crate) fn each(shader: Shader, count: usize) -> Self {
        Self::new(shader, grid(count, 64), [64, 1, 1])
    }

    /// An invocation a piece of work, `size` a workgroup: the constant INVOCATIONS.
    pub(crate) fn each_in(shader: Shader, count: usize, size: usize) -> Self {
        Self::new(shader, grid(count, size), [size as u32, 1, 1]).constants([("INVOCATIONS", size)])
    }

    /// A workgroup a piece of work, of `size` invocations: the constant INVOCATIONS.
    pub(crate) fn workgroup_each(shader: Shader, count: usize, size: usize) -> Self {
        Self::new(shader, grid(count, 1), [size as u32, 1, 1]).constants([("INVOCATIONS", size)])
    }

    /// A sum a piece of work, which on a card is shared by so many invocations of a workgroup that there are
    /// [`TileProfile::enough`] where the pieces are `nominal`: the constants WIDTH and SLICES.
    pub(crate) fn each_sum(
        shader: Shader,
        count: usize,
        nominal: usize,
        profile: TileProfile,
    ) -> Self {
        let slices = profile
            .enough()
            .div_ceil(nominal.max(1))
            .next_power_of_two();
        let (invocations, slices) = match profile.is_software() {
            true => (64, 1),
            false => (256, slices.min(64)),
        };
        let width = invocations / slices;
        Self::new(shader, grid(count, width), [width as u32, slices as u32, 1])
            .constants([("WIDTH", width), ("SLICES", slices)])
    }

    pub(crate) fn new(shader: Shader, workgroups: [u32; 3], workgroup_size: [u32; 3]) -> Self {
        Self {
            shader,
            constants: Vec::new(),
            bindings: Vec::new(),
            uniform: Vec::new(),
            workgroups,
            workgroup_size,
        }
    }

    pub(crate) fn constants(
        mut self,
        values: impl IntoIterator<Item = (&'static str, usize)>,
    ) -> Self {
        let values = values.into_iter().map(|(name, value)| (name, value as u32));
        self.constants.extend(values);
        self
    }

    /// Names and words of the storage bindings that follow.
    pub(crate) fn bind(
        mut self,
        bindings: impl IntoIterator<Item = (&'static str, usize)>,
    ) -> Self {
        let bindings = bindings
            .into_iter()
            .map(|(name, words)| Binding { name, words });
        self.bindings.extend(bindings);
        self
    }

    /// Words of the uniform buffer that follow.
    pub(crate) fn words(mut self, words: impl IntoIterator<Item = u32>) -> Self {
        self.uniform.extend(words);
        self
    }

    /// Words of the uniform buffer that follow, as sizes.
    pub(crate) fn sizes(self, sizes: impl IntoIterator<Item = usize>) -> Self {
        self.words(sizes.into_iter().map(|size| size as u32))
    }

    /// Words of the uniform buffer that follow, as numbers.
    pub(crate) fn numbers(self, numbers: impl IntoIterator<Item = f32>) -> Self {
        self.words(numbers.into_iter().map(f32::to_bits))
    }

    /// The plain WGSL that is compiled.
    pub fn source(&self) -> String {
        self.shader.source(&self.constants)
    }

    /// Distinct for every distinct source: the cache key of the compiled pipeline.
    pub fn key(&self) -> String {
        let mut key = String::from(self.shader.name);
        for (name, value) in &self.constants {
            let _ = write!(key, " {name}={value}");
        }
        key
    }
}

/// The least grid of `invocations` in workgroups of `size`, within [`MOST_WORKGROUPS`] a dimension. It may
/// hold more than asked: shaders number workgroups `y * width + x` and return past the end.
fn grid(invocations: usize, size: usize) -> [u32; 3] {
    let workgroups = invocations.div_ceil(size);
    let height = workgroups.div_ceil(MOST_WORKGROUPS).max(1);
    [workgroups.div_ceil(height) as u32, height as u32, 1]
}
