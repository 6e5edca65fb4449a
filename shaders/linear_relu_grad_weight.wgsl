// Gradient of a linear layer by its weight: grad_weight = input transposed x grad_sum, widths
// in fours. Four outputs are a block's rows, four inputs its columns; pictures are summed in
// their order, four at a time, those past the last as zeros.
const INPUTS: u32 = 800u;
const OUTPUTS: u32 = 256u;
// Blocks of four inputs and groups of four outputs (1, 2 or 4 each) an invocation.
const ROWS: u32 = 4u;
const GROUPS: u32 = 4u;
const INVOCATIONS: u32 = 8u;

const LINES: u32 = INPUTS / 4u;
const COLUMNS: u32 = OUTPUTS / 4u;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [n][in / 4]
@group(0) @binding(1) var<storage, read_write> grad_sum: array<vec4<f32>>; // [n][out / 4]
@group(0) @binding(2) var<storage, read_write> grad_weight: array<vec4<f32>>; // [in][out / 4]
@group(0) @binding(3) var<uniform> parameters: Parameters;

// Columns are four inputs, rows four pictures.
fn left(at: vec4<u32>, line: u32) -> mat4x4<f32> {
    let inside = min(line, LINES - 1u);
    return transpose(mat4x4(
        input[at.x * LINES + inside],
        input[at.y * LINES + inside],
        input[at.z * LINES + inside],
        input[at.w * LINES + inside],
    ));
}

// Columns are four pictures, rows four outputs.
fn right(at: vec4<u32>, valid: vec4<f32>, group: u32) -> mat4x4<f32> {
    return mat4x4(
        valid.x * grad_sum[at.x * COLUMNS + group],
        valid.y * grad_sum[at.y * COLUMNS + group],
        valid.z * grad_sum[at.z * COLUMNS + group],
        valid.w * grad_sum[at.w * COLUMNS + group],
    );
}

fn store_line(line: vec4<f32>, row: u32, rows: u32, group: u32) {
    if (row < rows && group < COLUMNS) {
        grad_weight[row * COLUMNS + group] = line;
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
    let rows = INPUTS;
    let row_tiles = (rows + 4u * ROWS - 1u) / (4u * ROWS);
    let row = (index % row_tiles) * 4u * ROWS;
    let group = (index / row_tiles) * GROUPS;
    if (group >= COLUMNS) {
        return;
    }
    let group1 = min(group + 1u, COLUMNS - 1u);
    let group2 = min(group + 2u, COLUMNS - 1u);
    let group3 = min(group + 3u, COLUMNS - 1u);

    var s: array<mat4x4<f32>, 16>;
    for (var picture = 0u; picture < parameters.batch; picture += 4u) {
        let pictures = vec4<u32>(picture) + vec4<u32>(0u, 1u, 2u, 3u);
        let at = min(pictures, vec4<u32>(parameters.batch - 1u));
        let valid = vec4<f32>(pictures == at);
        let x0 = left(at, row / 4u);
        var x1 = x0;
        var x2 = x0;
        var x3 = x0;
        if (ROWS > 1u) {
            x1 = left(at, (row + 4u) / 4u);
        }
        if (ROWS > 2u) {
            x2 = left(at, (row + 8u) / 4u);
            x3 = left(at, (row + 12u) / 4u);
        }
        let w0 = right(at, valid, group);
        s[0] += w0 * x0;
        s[1] += w0 * x1;
        s[2] += w0 * x2;
        s[3] += w0 * x3;
        if (GROUPS > 1u) {
            let w1 = right(at, valid, group1);
            s[4] += w1 * x0;
            s[5] += w1 * x1;
            s[6] += w1 * x2;
            s[7] += w1 * x3;
        }
        if (GROUPS > 2u) {
            let w2 = right(at, valid, group2);
            s[8] += w2 * x0;
            s[9] += w2 * x1;
            s[10] += w2 * x2;
            s[11] += w2 * x3;
            let w3 = right(at, valid, group3);
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
