// Linear layer, bias and (RELU 1) ReLU: output = input x weight + bias, widths in fours. A 4x4
// block holds four outputs (rows) of four pictures (columns); an invocation keeps ROWS x
// GROUPS blocks in private memory. The lines are written out because drivers that run on
// the CPU turn an indexed private array into memory traffic.
const INPUTS: u32 = 800u;
const OUTPUTS: u32 = 256u;
const RELU: u32 = 1u;
// Blocks of four pictures and groups of four outputs (1, 2 or 4 each) an invocation.
const ROWS: u32 = 4u;
const GROUPS: u32 = 4u;
const INVOCATIONS: u32 = 8u;

const DEPTH: u32 = INPUTS / 4u;
const COLUMNS: u32 = OUTPUTS / 4u;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][in / 4]
@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [in][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][out / 4]
@group(0) @binding(4) var<uniform> parameters: Parameters;

// Columns are four pictures, rows four inputs.
fn left(first: u32, last: u32, depth: u32) -> mat4x4<f32> {
    return mat4x4(
        input[min(first, last) * DEPTH + depth],
        input[min(first + 1u, last) * DEPTH + depth],
        input[min(first + 2u, last) * DEPTH + depth],
        input[min(first + 3u, last) * DEPTH + depth],
    );
}

// Columns are four inputs, rows four outputs.
fn right(depth: u32, group: u32) -> mat4x4<f32> {
    let at = 4u * depth * COLUMNS + group;
    return mat4x4(weight[at], weight[at + COLUMNS], weight[at + 2u * COLUMNS], weight[at + 3u * COLUMNS]);
}

fn store_line(line: vec4<f32>, row: u32, rows: u32, group: u32) {
    if (row < rows && group < COLUMNS) {
        let sum = line + bias[group];
        output[row * COLUMNS + group] = select(sum, max(sum, vec4(0.0)), RELU == 1u);
    }
}

fn store(sums: mat4x4<f32>, row: u32, rows: u32, group: u32) {
    store_line(sums[0], row, rows, group);
    store_line(sums[1], row + 1u, rows, group);
    store_line(sums[2], row + 2u, rows, group);
    store_line(sums[3], row + 3u, rows, group);
}

fn store_row(s0: mat4x4<f32>, s1: mat4x4<f32>, s2: mat4x4<f32>, s3: mat4x4<f32>, row: u32, rows: u32, group: u32) {
    store(s0, row, rows, group);
    if (ROWS > 1u) {
        store(s1, row + 4u, rows, group);
    }
    if (ROWS > 2u) {
        store(s2, row + 8u, rows, group);
        store(s3, row + 12u, rows, group);
    }
}

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    let rows = parameters.batch;
    let row_tiles = (rows + 4u * ROWS - 1u) / (4u * ROWS);
    let row = (index % row_tiles) * 4u * ROWS;
    let group = (index / row_tiles) * GROUPS;
    if (group >= COLUMNS) {
        return;
    }
    let last = rows - 1u;
    let group1 = min(group + 1u, COLUMNS - 1u);
    let group2 = min(group + 2u, COLUMNS - 1u);
    let group3 = min(group + 3u, COLUMNS - 1u);

    var s: array<mat4x4<f32>, 16>;
    for (var depth = 0u; depth < DEPTH; depth++) {
        let x0 = left(row, last, depth);
        var x1 = x0;
        var x2 = x0;
        var x3 = x0;
        if (ROWS > 1u) {
            x1 = left(row + 4u, last, depth);
        }
        if (ROWS > 2u) {
            x2 = left(row + 8u, last, depth);
            x3 = left(row + 12u, last, depth);
        }
        let w0 = right(depth, group);
        s[0] += w0 * x0;
        s[1] += w0 * x1;
        s[2] += w0 * x2;
        s[3] += w0 * x3;
        if (GROUPS > 1u) {
            let w1 = right(depth, group1);
            s[4] += w1 * x0;
            s[5] += w1 * x1;
            s[6] += w1 * x2;
            s[7] += w1 * x3;
        }
        if (GROUPS > 2u) {
            let w2 = right(depth, group2);
            s[8] += w2 * x0;
            s[9] += w2 * x1;
            s[10] += w2 * x2;
            s[11] += w2 * x3;
            let w3 = right(depth, group3);
            s[12] += w3 * x0;
            s[13] += w3 * x1;
            s[14] += w3 * x2;
            s[15] += w3 * x3;
        }
    }
    store_row(s[0], s[1], s[2], s[3], row, rows, group);
    if (GROUPS > 1u) {
        store_row(s[4], s[5], s[6], s[7], row, rows, group + 1u);
    }
    if (GROUPS > 2u) {
        store_row(s[8], s[9], s[10], s[11], row, rows, group + 2u);
        store_row(s[12], s[13], s[14], s[15], row, rows, group + 3u);
    }
}
