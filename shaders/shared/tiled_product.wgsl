// product = left x right for any sizes, either side stored transposed. A workgroup multiplies square tiles of 4 * EDGE
// from workgroup memory, an invocation keeps 4x4. The grid's z splits the depth: every chunk writes a product of its
// own. What imports this defines the bindings and `finish`.
#import shared/add_outer

// 1: left is [depth][rows]; 1: right is [columns][depth].
const LEFT_TRANSPOSED: u32 = 0u;
const RIGHT_TRANSPOSED: u32 = 0u;
const EDGE: u32 = 16u;

struct Parameters { rows: u32, columns: u32, depth: u32, chunk: u32 }

// [depth][row / 4] and [depth][column / 4]; as deep as EDGE, so an invocation loads one of each.
var<workgroup> left_tile: array<vec4<f32>, EDGE * EDGE>;
var<workgroup> right_tile: array<vec4<f32>, EDGE * EDGE>;

@compute @workgroup_size(EDGE, EDGE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile_row = workgroup.y * 4u * EDGE;
    let tile_column = workgroup.x * 4u * EDGE;
    // Neighbours load neighbours, whichever way a side is stored.
    let slow = lane / EDGE;
    let fast = lane % EDGE;
    let left_group = select(slow, fast, LEFT_TRANSPOSED == 1u);
    let left_depth = select(fast, slow, LEFT_TRANSPOSED == 1u);
    let right_group = select(fast, slow, RIGHT_TRANSPOSED == 1u);
    let right_depth = select(slow, fast, RIGHT_TRANSPOSED == 1u);
    let first = workgroup.z * parameters.chunk;
    let end = min(first + parameters.chunk, parameters.depth);
    var sums = mat4x4<f32>();
    for (var depth = first; depth < end; depth += EDGE) {
        left_tile[left_depth * EDGE + left_group] = four_of_left(tile_row + 4u * left_group, depth + left_depth, end);
        right_tile[right_depth * EDGE + right_group] =
            four_of_right(tile_column + 4u * right_group, depth + right_depth, end);
        workgroupBarrier();
        for (var step = 0u; step < EDGE; step++) {
            sums = add(sums, right_tile[step * EDGE + local.x], left_tile[step * EDGE + local.y]);
        }
        workgroupBarrier();
    }
    let row = tile_row + 4u * local.y;
    let column = tile_column + 4u * local.x;
    store_line(sums[0], workgroup.z, row, column);
    store_line(sums[1], workgroup.z, row + 1u, column);
    store_line(sums[2], workgroup.z, row + 2u, column);
    store_line(sums[3], workgroup.z, row + 3u, column);
}

fn four_of_left(row: u32, depth: u32, end: u32) -> vec4<f32> {
    return vec4(
        left_at(row, depth, end),
        left_at(row + 1u, depth, end),
        left_at(row + 2u, depth, end),
        left_at(row + 3u, depth, end),
    );
}

fn left_at(row: u32, depth: u32, end: u32) -> f32 {
    if (row < parameters.rows && depth < end) {
        return left[select(row * parameters.depth + depth, depth * parameters.rows + row, LEFT_TRANSPOSED == 1u)];
    }
    return 0.0;
}

fn four_of_right(column: u32, depth: u32, end: u32) -> vec4<f32> {
    return vec4(
        right_at(column, depth, end),
        right_at(column + 1u, depth, end),
        right_at(column + 2u, depth, end),
        right_at(column + 3u, depth, end),
    );
}

fn right_at(column: u32, depth: u32, end: u32) -> f32 {
    if (column < parameters.columns && depth < end) {
        let across = depth * parameters.columns + column;
        return right[select(across, column * parameters.depth + depth, RIGHT_TRANSPOSED == 1u)];
    }
    return 0.0;
}

fn store_line(line: vec4<f32>, chunk: u32, row: u32, column: u32) {
    store(line.x, chunk, row, column);
    store(line.y, chunk, row, column + 1u);
    store(line.z, chunk, row, column + 2u);
    store(line.w, chunk, row, column + 3u);
}

fn store(sum: f32, chunk: u32, row: u32, column: u32) {
    if (row < parameters.rows && column < parameters.columns) {
        product[(chunk * parameters.rows + row) * parameters.columns + column] = finish(sum, column);
    }
}
