// Blocks of four lines (pixels, images, inputs), one a column. What imports this defines `lines`, how many there are
// in all, and `store_line`.
fn blocks() -> u32 {
    return (lines() + 3u) / 4u;
}

// Past the last line it is the last again.
fn lines_of(block: u32) -> vec4<u32> {
    return min(vec4<u32>(4u * block) + vec4<u32>(0u, 1u, 2u, 3u), vec4<u32>(lines() - 1u));
}

fn store(sums: mat4x4<f32>, block: u32, group: u32) {
    store_within(sums[0], 4u * block, group);
    store_within(sums[1], 4u * block + 1u, group);
    store_within(sums[2], 4u * block + 2u, group);
    store_within(sums[3], 4u * block + 3u, group);
}

fn store_within(sums: vec4<f32>, line: u32, group: u32) {
    if (line < lines()) {
        store_line(sums, line, group);
    }
}
