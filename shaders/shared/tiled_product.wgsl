// product = left x right for any sizes. A workgroup multiplies square tiles of 4 * EDGE from workgroup memory, an
// invocation keeps 4x4. SLICES parts of a workgroup share the depth; their sums are added in their order.
#import shared/add_outer
#import shared/product_sides

const EDGE: u32 = 16u;
const SLICES: u32 = 1u;
const SIDE: u32 = EDGE * EDGE;

// A slice of each is [depth][row / 4] and [depth][column / 4], as deep as EDGE: an invocation loads one of each.
var<workgroup> left_tile: array<vec4<f32>, SIDE * SLICES>;
var<workgroup> right_tile: array<vec4<f32>, SIDE * SLICES>;

@compute @workgroup_size(EDGE, EDGE, SLICES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile_row = workgroup.y * 4u * EDGE;
    let tile_column = workgroup.x * 4u * EDGE;
    // Neighbours load neighbours, whichever way a side is stored.
    let slow = local.y;
    let fast = local.x;
    let left_group = select(slow, fast, LEFT_TRANSPOSED == 1u);
    let left_depth = select(fast, slow, LEFT_TRANSPOSED == 1u);
    let right_group = select(fast, slow, RIGHT_TRANSPOSED == 1u);
    let right_depth = select(slow, fast, RIGHT_TRANSPOSED == 1u);
    let slice = local.z * SIDE;
    var sums = mat4x4<f32>();
    for (var first = 0u; first < parameters.depth; first += EDGE * SLICES) {
        let depth = first + local.z * EDGE;
        left_tile[slice + left_depth * EDGE + left_group] =
            four_of_left(tile_row + 4u * left_group, depth + left_depth);
        right_tile[slice + right_depth * EDGE + right_group] =
            four_of_right(tile_column + 4u * right_group, depth + right_depth);
        workgroupBarrier();
        for (var step = 0u; step < EDGE; step++) {
            let at = slice + step * EDGE;
            sums = add(sums, right_tile[at + local.x], left_tile[at + local.y]);
        }
        workgroupBarrier();
    }
    let row = tile_row + 4u * local.y;
    let column = tile_column + 4u * local.x;
    finish_line(sums[0], lane, row, column);
    finish_line(sums[1], lane, row + 1u, column);
    finish_line(sums[2], lane, row + 2u, column);
    finish_line(sums[3], lane, row + 3u, column);
}

// Adds what the slices have of a line, and stores it.
fn finish_line(line: vec4<f32>, lane: u32, row: u32, column: u32) {
    var sum = line;
    if (SLICES > 1u) {
        left_tile[lane] = line;
        workgroupBarrier();
        for (var at = lane + SIDE; at < SIDE * SLICES; at += SIDE) {
            sum += left_tile[at];
        }
        workgroupBarrier();
    }
    // The first slice has added all of them.
    if (lane < SIDE) {
        store(sum.x, row, column);
        store(sum.y, row, column + 1u);
        store(sum.z, row, column + 2u);
        store(sum.w, row, column + 3u);
    }
}

fn four_of_left(row: u32, depth: u32) -> vec4<f32> {
    return vec4(left_at(row, depth), left_at(row + 1u, depth), left_at(row + 2u, depth), left_at(row + 3u, depth));
}

fn four_of_right(column: u32, depth: u32) -> vec4<f32> {
    return vec4(
        right_at(column, depth),
        right_at(column + 1u, depth),
        right_at(column + 2u, depth),
        right_at(column + 3u, depth),
    );
}
