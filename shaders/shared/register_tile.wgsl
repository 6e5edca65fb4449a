// An invocation keeps BLOCKS x GROUPS sums of products, 4x4 blocks of four channels (rows) by four pixels or images
// (columns). What imports this defines
//   ALL_GROUPS, blocks()         how many groups of four channels, and blocks of four columns, there are
//   Start, start_of(block)       where a block begins
//   columns(place, inner), rows(outer, inner, group), add(sums, rows, columns)
//   store(sums, block, group)
#import shared/each_invocation

// 1, 2 or 4.
const BLOCKS: u32 = 4u;
// 1, 2, 4 or 6.
const GROUPS: u32 = 4u;

fn store_row(s0: mat4x4<f32>, s1: mat4x4<f32>, s2: mat4x4<f32>, s3: mat4x4<f32>, block: u32, group: u32) {
    store_inside(s0, block, group);
    if (BLOCKS > 1u) {
        store_inside(s1, block + 1u, group);
    }
    if (BLOCKS > 2u) {
        store_inside(s2, block + 2u, group);
        store_inside(s3, block + 3u, group);
    }
}

fn store_inside(sums: mat4x4<f32>, block: u32, group: u32) {
    if (block < blocks() && group < ALL_GROUPS) {
        store(sums, block, group);
    }
}
