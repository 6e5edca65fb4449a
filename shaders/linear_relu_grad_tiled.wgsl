// product = left x right for any sizes, either side stored transposed: both gradients of a
// linear layer. Tiles as in `linear_relu_tiled`. The grid's z splits the depth: every chunk
// writes a product of its own, and `sum_chunks` adds them in order.
// 1: left is [depth][rows]; 1: right is [columns][depth].
const LEFT_TRANSPOSED: u32 = 0u;
const RIGHT_TRANSPOSED: u32 = 1u;
const EDGE: u32 = 16u;

struct Parameters { rows: u32, columns: u32, depth: u32, chunk: u32 }

@group(0) @binding(0) var<storage, read_write> left: array<f32>; // [rows][depth]
@group(0) @binding(1) var<storage, read_write> right: array<f32>; // [depth][columns]
@group(0) @binding(2) var<storage, read_write> product: array<f32>; // [chunk][rows][columns]
@group(0) @binding(3) var<uniform> parameters: Parameters;

// [depth][row / 4] and [depth][column / 4]; as deep as EDGE, so an invocation loads one of each.
var<workgroup> left_tile: array<vec4<f32>, EDGE * EDGE>;
var<workgroup> right_tile: array<vec4<f32>, EDGE * EDGE>;

fn left_at(row: u32, depth: u32, end: u32) -> f32 {
    if (row < parameters.rows && depth < end) {
        return left[select(row * parameters.depth + depth, depth * parameters.rows + row, LEFT_TRANSPOSED == 1u)];
    }
    return 0.0;
}

fn right_at(depth: u32, column: u32, end: u32) -> f32 {
    if (column < parameters.columns && depth < end) {
        return right[select(depth * parameters.columns + column, column * parameters.depth + depth, RIGHT_TRANSPOSED == 1u)];
    }
    return 0.0;
}

// Adds the outer product of four columns (rows of the block) and four rows (its columns).
fn add(sums: mat4x4<f32>, w: vec4<f32>, x: vec4<f32>) -> mat4x4<f32> {
    return mat4x4(
        fma(w, vec4(x.x), sums[0]),
        fma(w, vec4(x.y), sums[1]),
        fma(w, vec4(x.z), sums[2]),
        fma(w, vec4(x.w), sums[3]),
    );
}

fn store(value: f32, chunk: u32, row: u32, column: u32) {
    if (row < parameters.rows && column < parameters.columns) {
        product[(chunk * parameters.rows + row) * parameters.columns + column] = value;
    }
}

fn store_line(line: vec4<f32>, chunk: u32, row: u32, column: u32) {
    store(line.x, chunk, row, column);
    store(line.y, chunk, row, column + 1u);
    store(line.z, chunk, row, column + 2u);
    store(line.w, chunk, row, column + 3u);
}

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
        let row = tile_row + 4u * left_group;
        let column = tile_column + 4u * right_group;
        let left_step = depth + left_depth;
        let right_step = depth + right_depth;
        left_tile[left_depth * EDGE + left_group] = vec4(
            left_at(row, left_step, end),
            left_at(row + 1u, left_step, end),
            left_at(row + 2u, left_step, end),
            left_at(row + 3u, left_step, end),
        );
        right_tile[right_depth * EDGE + right_group] = vec4(
            right_at(right_step, column, end),
            right_at(right_step, column + 1u, end),
            right_at(right_step, column + 2u, end),
            right_at(right_step, column + 3u, end),
        );
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
