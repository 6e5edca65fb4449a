//! The launches of `sum_squares`.

use crate::kernels::launch::Launch;
use crate::kernels::shader::shader;

/// Numbers that a workgroup adds up.
const CHUNK: usize = 4096;
const INVOCATIONS: usize = 256;

/// Workgroups that share the squares of so many numbers, each of which writes a sum.
pub fn parts(count: usize) -> usize {
    count.div_ceil(CHUNK)
}

/// The sums of the squares of so many numbers, one a part. Bindings: numbers f32 `[count]`, sums f32 `[parts]`.
pub fn squares(count: usize) -> Launch {
    sums(count, CHUNK).constants([("SQUARED", 1)])
}

/// The sum of the parts. Bindings: numbers f32 `[parts]`, sums f32 `[1]`.
pub fn total(parts: usize) -> Launch {
    sums(parts, parts).constants([("SQUARED", 0)])
}

fn sums(count: usize, chunk: usize) -> Launch {
    let parts = count.div_ceil(chunk);
    Launch::workgroup_each(shader!("sum_squares"), parts, INVOCATIONS)
        .bind([("numbers", count), ("sums", parts)])
        .sizes([count, chunk])
}
