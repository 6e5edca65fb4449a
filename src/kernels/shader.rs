//! A shader's text: its file in `shaders/`, with the parts of `shaders/shared/` that it imports and the values of its
//! constants. What comes out is plain WGSL.

use std::fmt::Write;

/// A file of `shaders/`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shader {
    /// Its path there, without `.wgsl`.
    pub name: &'static str,
    /// Its text, as it stands there.
    pub text: &'static str,
}

/// The [`Shader`] of this name.
macro_rules! shader {
    ($name:literal) => {
        $crate::kernels::shader::Shader {
            name: $name,
            text: include_str!(concat!(
                env!("CARGO_MANIFEST_DIR"),
                "/shaders/",
                $name,
                ".wgsl"
            )),
        }
    };
}
pub(crate) use shader;

/// What shaders import.
const PARTS: &[Shader] = &[
    shader!("shared/adam"),
    shader!("shared/add_blocks"),
    shader!("shared/add_outer"),
    shader!("shared/bytes"),
    shader!("shared/chunk_of_rows"),
    shader!("shared/chunks_of_rows"),
    shader!("shared/convolution"),
    shader!("shared/convolution_sizes"),
    shader!("shared/convolution_weight_gradient"),
    shader!("shared/distorted_image"),
    shader!("shared/each_invocation"),
    shader!("shared/each_workgroup"),
    shader!("shared/four_lines"),
    shader!("shared/gradient_sums"),
    shader!("shared/highest_logit"),
    shader!("shared/linear_gradient"),
    shader!("shared/linear_images"),
    shader!("shared/linear_product"),
    shader!("shared/linear_tile"),
    shader!("shared/max_pool"),
    shader!("shared/max_pool_gradient"),
    shader!("shared/max_pool_weight_gradient"),
    shader!("shared/moments"),
    shader!("shared/pooled_sizes"),
    shader!("shared/product_sides"),
    shader!("shared/register_tile"),
    shader!("shared/rows_of_channels"),
    shader!("shared/rows_of_taps"),
    shader!("shared/score_sums"),
    shader!("shared/small_product"),
    shader!("shared/staged_image"),
    shader!("shared/subgroup_product"),
    shader!("shared/sum_of_slices"),
    shader!("shared/threefry"),
    shader!("shared/taken_batch"),
    shader!("shared/tile_end"),
    shader!("shared/tile_of_steps"),
    shader!("shared/tile_of_taps"),
    shader!("shared/tile_products"),
    shader!("shared/tile_start"),
    shader!("shared/tiled_product"),
    shader!("shared/weight_sizes"),
    shader!("shared/weight_sums"),
    shader!("shared/weight_tile"),
    shader!("shared/weights"),
];

impl Shader {
    /// Plain WGSL: a part stands in place of the first `#import NAME` of it, each `const NAME: u32 = VALUEu;` has
    /// the value that `constants` give it, and what follows `#each NAME ` stands as often as that value says, with
    /// 0, 1 and so on in place of each `$`.
    ///
    /// # Panics
    /// No part has a name that is imported. In debug builds: a constant has no such line; shader and launch disagree.
    pub fn source(&self, constants: &[(&str, u32)]) -> String {
        let mut source = String::new();
        let mut replaced = 0;
        for line in lines(*self, &mut Vec::new()) {
            if let Some(each) = line.trim_start().strip_prefix("#each ") {
                source.push_str(&repeated(each, constants));
                continue;
            }
            let name = line
                .strip_prefix("const ")
                .and_then(|rest| rest.split_once(": u32 = "))
                .map(|(name, _)| name);
            let given = constants.iter().find(|(given, _)| Some(*given) == name);
            let _ = match given {
                Some((name, value)) => writeln!(source, "const {name}: u32 = {value}u;"),
                None => writeln!(source, "{line}"),
            };
            replaced += usize::from(given.is_some());
        }
        debug_assert_eq!(replaced, constants.len(), "{}: {constants:?}", self.name);
        source
    }
}

/// The lines that `NAME TEXT` stands for.
fn repeated(each: &str, constants: &[(&str, u32)]) -> String {
    let (name, text) = each.split_once(' ').unwrap_or((each, ""));
    let given = constants.iter().find(|(given, _)| *given == name);
    let count = given.map_or(0, |(_, count)| *count);
    (0..count)
        .map(|number| text.replace('$', &number.to_string()) + "\n")
        .collect()
}

/// The lines of a shader and of what it imports, but for parts that are `seen` already.
fn lines(shader: Shader, seen: &mut Vec<&'static str>) -> Vec<&'static str> {
    let mut lines = Vec::new();
    for line in shader.text.lines() {
        match line.trim_start().strip_prefix("#import ") {
            None => lines.push(line),
            Some(name) if seen.contains(&name) => {}
            Some(name) => {
                seen.push(name);
                let part = PARTS.iter().find(|part| part.name == name);
                let part = part.unwrap_or_else(|| panic!("{}: no part is {name}", shader.name));
                lines.extend(self::lines(*part, seen));
            }
        }
    }
    lines
}
