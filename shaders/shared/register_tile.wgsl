// An invocation keeps BLOCKS x GROUPS sums of products, 4x4 blocks of four channels (rows) by four pixels or images
// (columns). The lines are written out because drivers that run on the CPU turn an indexed private array into memory
// traffic. What imports this defines
//   ALL_GROUPS, blocks()         how many groups of four channels, and blocks of four columns, there are
//   Start, start_of(block)       where a block begins
//   OUTER, inner_steps()         the sum runs over both, as taps and channels
//   Place, place_of(start, outer)
//   columns(place, inner), rows(outer, inner, group), add(sums, rows, columns)
//   store(sums, block, group)
#import shared/each_invocation

// 1, 2 or 4.
const BLOCKS: u32 = 4u;
// 1, 2, 4 or 6.
const GROUPS: u32 = 4u;

fn run(index: u32) {
    let all = blocks();
    let tiles = (all + BLOCKS - 1u) / BLOCKS;
    let block = (index % tiles) * BLOCKS;
    let group = (index / tiles) * GROUPS;
    if (group >= ALL_GROUPS) {
        return;
    }
    let start0 = start_of(block);
    let start1 = start_of(min(block + 1u, all - 1u));
    let start2 = start_of(min(block + 2u, all - 1u));
    let start3 = start_of(min(block + 3u, all - 1u));
    let group1 = min(group + 1u, ALL_GROUPS - 1u);
    let group2 = min(group + 2u, ALL_GROUPS - 1u);
    let group3 = min(group + 3u, ALL_GROUPS - 1u);
    let group4 = min(group + 4u, ALL_GROUPS - 1u);
    let group5 = min(group + 5u, ALL_GROUPS - 1u);
    let end = inner_steps();

    var s: array<mat4x4<f32>, 24>;
    for (var outer = 0u; outer < OUTER; outer++) {
        let place0 = place_of(start0, outer);
        let place1 = place_of(start1, outer);
        let place2 = place_of(start2, outer);
        let place3 = place_of(start3, outer);
        for (var inner = 0u; inner < end; inner++) {
            let x0 = columns(place0, inner);
            var x1 = x0;
            var x2 = x0;
            var x3 = x0;
            if (BLOCKS > 1u) {
                x1 = columns(place1, inner);
            }
            if (BLOCKS > 2u) {
                x2 = columns(place2, inner);
                x3 = columns(place3, inner);
            }
            let w0 = rows(outer, inner, group);
            s[0] = add(s[0], w0, x0);
            s[1] = add(s[1], w0, x1);
            s[2] = add(s[2], w0, x2);
            s[3] = add(s[3], w0, x3);
            if (GROUPS > 1u) {
                let w1 = rows(outer, inner, group1);
                s[4] = add(s[4], w1, x0);
                s[5] = add(s[5], w1, x1);
                s[6] = add(s[6], w1, x2);
                s[7] = add(s[7], w1, x3);
            }
            if (GROUPS > 2u) {
                let w2 = rows(outer, inner, group2);
                s[8] = add(s[8], w2, x0);
                s[9] = add(s[9], w2, x1);
                s[10] = add(s[10], w2, x2);
                s[11] = add(s[11], w2, x3);
                let w3 = rows(outer, inner, group3);
                s[12] = add(s[12], w3, x0);
                s[13] = add(s[13], w3, x1);
                s[14] = add(s[14], w3, x2);
                s[15] = add(s[15], w3, x3);
            }
            if (GROUPS > 4u) {
                let w4 = rows(outer, inner, group4);
                s[16] = add(s[16], w4, x0);
                s[17] = add(s[17], w4, x1);
                s[18] = add(s[18], w4, x2);
                s[19] = add(s[19], w4, x3);
                let w5 = rows(outer, inner, group5);
                s[20] = add(s[20], w5, x0);
                s[21] = add(s[21], w5, x1);
                s[22] = add(s[22], w5, x2);
                s[23] = add(s[23], w5, x3);
            }
        }
    }
    store_row(s[0], s[1], s[2], s[3], block, group);
    if (GROUPS > 1u) {
        store_row(s[4], s[5], s[6], s[7], block, group + 1u);
    }
    if (GROUPS > 2u) {
        store_row(s[8], s[9], s[10], s[11], block, group + 2u);
        store_row(s[12], s[13], s[14], s[15], block, group + 3u);
    }
    if (GROUPS > 4u) {
        store_row(s[16], s[17], s[18], s[19], block, group + 4u);
        store_row(s[20], s[21], s[22], s[23], block, group + 5u);
    }
}

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
