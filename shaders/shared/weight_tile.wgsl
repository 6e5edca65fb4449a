// Gradients of a convolution by weights and bias, one partial sum for every chunk of positions (no atomics;
// `convolution_sum_weight` adds them in a fixed order). An invocation keeps ROWS x GROUPS sums of products of 4x4
// blocks: gradients (of four output channels at four positions) and the pixels they saw (columns four input channels or
// taps, rows positions). Lines are written out as in `register_tile`. What imports this defines
//   ALL_ROWS, OUT_GROUPS         how many rows of four weights, and groups of four output channels, there are
//   STEPS                        blocks of four positions of an image
//   Place, place_of(step)        a block of positions, counted over the batch
//   Row, row_of(row)             which pixels four weights see
//   pixels(place, row)
//   Gradients, gradients(place, group), at_position(gradients, position), total(gradients)
//   partials, sizes              bindings
#import shared/each_invocation

struct Sizes {
    batch: u32,
    chunk: u32, // blocks of positions whose gradients one invocation adds up
}

// Rows of four weights: 1 or 2.
const ROWS: u32 = 1u;
// Groups of four output channels: 1, 2, 4, 6 or 8.
const GROUPS: u32 = 4u;

const ROW_TILES: u32 = (ALL_ROWS + ROWS - 1u) / ROWS;
const CHANNEL_TILES: u32 = (OUT_GROUPS + GROUPS - 1u) / GROUPS;
// A partial sum: weights [ALL_ROWS * 4][out], then the bias [out].
const PARTIAL: u32 = (4u * ALL_ROWS + 1u) * OUT_GROUPS;

fn run(index: u32) {
    let row = (index % ROW_TILES) * ROWS;
    let group = ((index / ROW_TILES) % CHANNEL_TILES) * GROUPS;
    let chunk = index / (ROW_TILES * CHANNEL_TILES);
    if (chunk * sizes.chunk >= sizes.batch * STEPS) {
        return;
    }
    let row0 = row_of(row);
    let row1 = row_of(min(row + 1u, ALL_ROWS - 1u));
    let group1 = min(group + 1u, OUT_GROUPS - 1u);
    let group2 = min(group + 2u, OUT_GROUPS - 1u);
    let group3 = min(group + 3u, OUT_GROUPS - 1u);
    let group4 = min(group + 4u, OUT_GROUPS - 1u);
    let group5 = min(group + 5u, OUT_GROUPS - 1u);
    let group6 = min(group + 6u, OUT_GROUPS - 1u);
    let group7 = min(group + 7u, OUT_GROUPS - 1u);
    let end = min((chunk + 1u) * sizes.chunk, sizes.batch * STEPS);

    // For each group the sums of row 0 and row 1, then those of the bias.
    var s: array<mat4x4<f32>, 16>;
    var b: array<vec4<f32>, 8>;
    for (var step = chunk * sizes.chunk; step < end; step++) {
        let place = place_of(step);
        let x0 = pixels(place, row0);
        var x1 = x0;
        if (ROWS > 1u) {
            x1 = pixels(place, row1);
        }
        let g0 = gradients(place, group);
        s[0] = products(s[0], g0, x0);
        s[1] = products(s[1], g0, x1);
        b[0] += total(g0);
        if (GROUPS > 1u) {
            let g1 = gradients(place, group1);
            s[2] = products(s[2], g1, x0);
            s[3] = products(s[3], g1, x1);
            b[1] += total(g1);
        }
        if (GROUPS > 2u) {
            let g2 = gradients(place, group2);
            s[4] = products(s[4], g2, x0);
            s[5] = products(s[5], g2, x1);
            b[2] += total(g2);
            let g3 = gradients(place, group3);
            s[6] = products(s[6], g3, x0);
            s[7] = products(s[7], g3, x1);
            b[3] += total(g3);
        }
        if (GROUPS > 4u) {
            let g4 = gradients(place, group4);
            s[8] = products(s[8], g4, x0);
            s[9] = products(s[9], g4, x1);
            b[4] += total(g4);
            let g5 = gradients(place, group5);
            s[10] = products(s[10], g5, x0);
            s[11] = products(s[11], g5, x1);
            b[5] += total(g5);
        }
        if (GROUPS > 6u) {
            let g6 = gradients(place, group6);
            s[12] = products(s[12], g6, x0);
            s[13] = products(s[13], g6, x1);
            b[6] += total(g6);
            let g7 = gradients(place, group7);
            s[14] = products(s[14], g7, x0);
            s[15] = products(s[15], g7, x1);
            b[7] += total(g7);
        }
    }
    store_group(s[0], s[1], b[0], chunk, row, group);
    if (GROUPS > 1u) {
        store_group(s[2], s[3], b[1], chunk, row, group + 1u);
    }
    if (GROUPS > 2u) {
        store_group(s[4], s[5], b[2], chunk, row, group + 2u);
        store_group(s[6], s[7], b[3], chunk, row, group + 3u);
    }
    if (GROUPS > 4u) {
        store_group(s[8], s[9], b[4], chunk, row, group + 4u);
        store_group(s[10], s[11], b[5], chunk, row, group + 5u);
    }
    if (GROUPS > 6u) {
        store_group(s[12], s[13], b[6], chunk, row, group + 6u);
        store_group(s[14], s[15], b[7], chunk, row, group + 7u);
    }
}

// A position at a time, so that its gradients need not be kept beside those of the others.
fn products(sums: mat4x4<f32>, gradients: Gradients, x: mat4x4<f32>) -> mat4x4<f32> {
    let one = product(sums, at_position(gradients, 0u), vec4(x[0].x, x[1].x, x[2].x, x[3].x));
    let two = product(one, at_position(gradients, 1u), vec4(x[0].y, x[1].y, x[2].y, x[3].y));
    let three = product(two, at_position(gradients, 2u), vec4(x[0].z, x[1].z, x[2].z, x[3].z));
    return product(three, at_position(gradients, 3u), vec4(x[0].w, x[1].w, x[2].w, x[3].w));
}

fn product(sums: mat4x4<f32>, gradient: vec4<f32>, x: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(
        fma(gradient, vec4(x.x), sums[0]),
        fma(gradient, vec4(x.y), sums[1]),
        fma(gradient, vec4(x.z), sums[2]),
        fma(gradient, vec4(x.w), sums[3]),
    );
}

fn store_group(s0: mat4x4<f32>, s1: mat4x4<f32>, bias: vec4<f32>, chunk: u32, row: u32, group: u32) {
    if (group < OUT_GROUPS) {
        store_row(s0, chunk, row, group);
        if (ROWS > 1u && row + 1u < ALL_ROWS) {
            store_row(s1, chunk, row + 1u, group);
        }
        if (row == 0u) {
            partials[chunk * PARTIAL + 4u * ALL_ROWS * OUT_GROUPS + group] = bias;
        }
    }
}

fn store_row(sums: mat4x4<f32>, chunk: u32, row: u32, group: u32) {
    let at = chunk * PARTIAL + 4u * row * OUT_GROUPS + group;
    partials[at] = sums[0];
    partials[at + OUT_GROUPS] = sums[1];
    partials[at + 2u * OUT_GROUPS] = sums[2];
    partials[at + 3u * OUT_GROUPS] = sums[3];
}
