//! How a shader is specialised and launched: its text with constants filled in, its
//! bindings in order and its grid, as plain data that any launcher can use.

use std::fmt::Write;

/// Whose tiles a kernel uses. They differ in constants alone: one WGSL source serves both.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TilePreset {
    /// Adapters that run shaders on the CPU (llvmpipe): loads cost a hundred times an fma, so
    /// each invocation keeps a large tile in private memory.
    Software,
    /// Graphics cards: small tiles in registers, shared through workgroup memory, and many
    /// invocations.
    Hardware,
}

/// One dispatch: a specialised shader, what to bind and how large a grid.
#[derive(Clone, Debug)]
pub struct Pass {
    /// The stem of the file in `shaders/`.
    pub name: &'static str,
    /// The text of that file.
    pub template: &'static str,
    /// Values of the shader's constants; with `name` they are all that changes the source.
    pub constants: Vec<(&'static str, u32)>,
    /// Storage bindings 0.. in order: what each is and its size in 4-byte words.
    pub bindings: Vec<Binding>,
    /// Words of the last binding, a uniform buffer, padded to 16 bytes; none when empty.
    pub uniform: Vec<u32>,
    /// Grid of workgroups.
    pub workgroups: [u32; 3],
    /// Invocations of a workgroup.
    pub workgroup_size: [u32; 3],
}

/// A storage buffer of a pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Binding {
    /// What it holds, in the words of the shader.
    pub name: &'static str,
    /// Its size in 4-byte words.
    pub words: usize,
}

impl Pass {
    /// The WGSL text, specialised.
    pub fn source(&self) -> String {
        with_constants(self.template, &self.constants)
    }

    /// Distinct for every distinct source: the cache key of the compiled pipeline.
    pub fn key(&self) -> String {
        let mut key = String::from(self.name);
        for (name, value) in &self.constants {
            let _ = write!(key, " {name}={value}");
        }
        key
    }
}

/// Replaces the value of each `const NAME: u32 = VALUEu;` line of `source`.
///
/// # Panics
/// In debug builds, when a name has no such line: the shader and its launch then disagree.
pub fn with_constants(source: &str, constants: &[(&str, u32)]) -> String {
    let mut specialised = String::with_capacity(source.len() + 64);
    let mut replaced = 0;
    for line in source.lines() {
        let name = line
            .strip_prefix("const ")
            .and_then(|rest| rest.split_once(": u32 = "))
            .map(|(name, _)| name);
        match constants
            .iter()
            .find(|(constant, _)| Some(*constant) == name)
        {
            Some((constant, value)) => {
                let _ = writeln!(specialised, "const {constant}: u32 = {value}u;");
                replaced += 1;
            }
            None => {
                specialised.push_str(line);
                specialised.push('\n');
            }
        }
    }
    debug_assert_eq!(
        replaced,
        constants.len(),
        "a constant of {constants:?} has no line in the shader"
    );
    specialised
}

/// A storage binding of `words` 4-byte words.
pub(crate) fn binding(name: &'static str, words: usize) -> Binding {
    Binding { name, words }
}

/// The least grid of `invocations` in workgroups of `size`, within the 65,535 a dimension that
/// WebGPU guarantees. It may hold more than asked: shaders number workgroups `y * width + x`
/// and return past the end.
pub(crate) fn grid(invocations: usize, size: u32) -> [u32; 3] {
    let workgroups = invocations.div_ceil(size as usize);
    let height = workgroups.div_ceil(65_535).max(1);
    [workgroups.div_ceil(height) as u32, height as u32, 1]
}
