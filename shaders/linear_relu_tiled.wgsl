// Linear layer, bias and (RELU 1) ReLU of any widths: output = input x weight + bias. A
// workgroup multiplies square tiles of 4 * EDGE from workgroup memory, an invocation keeps 4x4.
const RELU: u32 = 1u;
const EDGE: u32 = 16u;

struct Parameters { rows: u32, columns: u32, depth: u32, padding: u32 }

@group(0) @binding(0) var<storage, read_write> left: array<f32>; // input [rows][depth]
@group(0) @binding(1) var<storage, read_write> right: array<f32>; // weight [depth][columns]
@group(0) @binding(2) var<storage, read_write> bias: array<f32>; // [columns]
@group(0) @binding(3) var<storage, read_write> product: array<f32>; // output [rows][columns]
@group(0) @binding(4) var<uniform> parameters: Parameters;

// [depth][row / 4] and [depth][column / 4]; as deep as EDGE, so an invocation loads one of each.
var<workgroup> left_tile: array<vec4<f32>, EDGE * EDGE>;
var<workgroup> right_tile: array<vec4<f32>, EDGE * EDGE>;

fn left_at(row: u32, depth: u32) -> f32 {
    if (row < parameters.rows && depth < parameters.depth) {
        return left[row * parameters.depth + depth];
    }
    return 0.0;
}

fn right_at(depth: u32, column: u32) -> f32 {
    if (column < parameters.columns && depth < parameters.depth) {
        return right[depth * parameters.columns + column];
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

fn store(value: f32, row: u32, column: u32) {
    if (row < parameters.rows && column < parameters.columns) {
        let sum = value + bias[column];
        product[row * parameters.columns + column] = select(sum, max(sum, 0.0), RELU == 1u);
    }
}

fn store_line(line: vec4<f32>, row: u32, column: u32) {
    store(line.x, row, column);
    store(line.y, row, column + 1u);
    store(line.z, row, column + 2u);
    store(line.w, row, column + 3u);
}

@compute @workgroup_size(EDGE, EDGE)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(local_invocation_id) local: vec3<u32>,
    @builtin(local_invocation_index) lane: u32,
) {
    let tile_row = workgroup.y * 4u * EDGE;
    let tile_column = workgroup.x * 4u * EDGE;
    // Neighbours load neighbours: along the depth on the left, along the columns on the right.
    let left_group = lane / EDGE;
    let left_depth = lane % EDGE;
    let right_group = lane % EDGE;
    let right_depth = lane / EDGE;
    var sums = mat4x4<f32>();
    for (var depth = 0u; depth < parameters.depth; depth += EDGE) {
        let row = tile_row + 4u * left_group;
        let column = tile_column + 4u * right_group;
        let left_step = depth + left_depth;
        let right_step = depth + right_depth;
        left_tile[left_depth * EDGE + left_group] = vec4(
            left_at(row, left_step),
            left_at(row + 1u, left_step),
            left_at(row + 2u, left_step),
            left_at(row + 3u, left_step),
        );
        right_tile[right_depth * EDGE + right_group] = vec4(
            right_at(right_step, column),
            right_at(right_step, column + 1u),
            right_at(right_step, column + 2u),
            right_at(right_step, column + 3u),
        );
        workgroupBarrier();
        for (var step = 0u; step < EDGE; step++) {
            sums = add(sums, right_tile[step * EDGE + local.x], left_tile[step * EDGE + local.y]);
        }
        workgroupBarrier();
    }
    let row = tile_row + 4u * local.y;
    let column = tile_column + 4u * local.x;
    store_line(sums[0], row, column);
    store_line(sums[1], row + 1u, column);
    store_line(sums[2], row + 2u, column);
    store_line(sums[3], row + 3u, column);
}
