// product = left x right, widths in fours. A subgroup of LANES invocations takes ROWS rows by 4 * LANES columns: of the
// left side each invocation loads a piece, four numbers, of LANES rows, and tells it to the others. SLICES subgroups
// share the depth; their sums are added in their order. What imports this defines the bindings `left`, `right`,
// `product`, `parameters` and `finished(sum, group)`.
const LANES: u32 = 8u;
const ROWS: u32 = 32u;
const PIECES: u32 = 4u;
const SLICES: u32 = 1u;
// How many of the rows lie along the depth, left [rows][depth / 4], and how many across, left [depth][rows / 4]: all or none.
const ROWS_ALONG: u32 = 32u;
const ROWS_ACROSS: u32 = 0u;
// 0: right is [depth][columns / 4]; 1: right is [columns][depth / 4].
const RIGHT_TRANSPOSED: u32 = 0u;

struct Parameters { rows: u32, columns: u32, depth: u32 }

var<workgroup> parts: array<vec4<f32>, LANES * SLICES>;
var<private> pieces: array<vec4<f32>, PIECES>;
var<private> sums: array<vec4<f32>, ROWS>;

@compute @workgroup_size(LANES * SLICES)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(subgroup_id) slice: u32,
    @builtin(subgroup_invocation_id) lane: u32,
) {
    let row = workgroup.y * ROWS;
    let group = workgroup.x * LANES + lane;
    let end = (parameters.depth + 3u) / 4u;
    for (var step = slice; step < end; step += SLICES) {
        #each PIECES pieces[$] = piece_of(row + $u * LANES, step, min(lane, ROWS - 1u));
        let lines = lines_of(step, min(group, parameters.columns / 4u - 1u));
        #each ROWS_ALONG add_line($u, lines, subgroupBroadcast(pieces[$u / LANES], $u % LANES));
        #each ROWS_ACROSS add_line($u, lines, vec4(subgroupBroadcast(pieces[$u / LANES][$u % 4u], $u % LANES / 4u * 4u), subgroupBroadcast(pieces[$u / LANES][$u % 4u], $u % LANES / 4u * 4u + 1u), subgroupBroadcast(pieces[$u / LANES][$u % 4u], $u % LANES / 4u * 4u + 2u), subgroupBroadcast(pieces[$u / LANES][$u % 4u], $u % LANES / 4u * 4u + 3u)));
    }
    #each ROWS finish(sums[$], row + $u, group, slice, lane);
}

// Four numbers: those of a row along the depth, or of four rows across it. Where a subgroup has more invocations than
// rows, the rest load what the last one loads.
fn piece_of(row: u32, step: u32, lane: u32) -> vec4<f32> {
    if (ROWS_ACROSS == 0u) {
        return left[min(row + lane, parameters.rows - 1u) * (parameters.depth / 4u) + step];
    }
    let fours = parameters.rows / 4u;
    let depth = min(4u * step + lane % 4u, parameters.depth - 1u);
    return left[depth * fours + min(row / 4u + lane / 4u, fours - 1u)];
}

// Four columns of four lines of the right side, zeros past the last.
fn lines_of(step: u32, group: u32) -> mat4x4<f32> {
    if (RIGHT_TRANSPOSED == 1u) {
        let along = parameters.depth / 4u;
        let at = 4u * group * along + step;
        return transpose(mat4x4(right[at], right[at + along], right[at + 2u * along], right[at + 3u * along]));
    }
    let fours = parameters.columns / 4u;
    let depth = vec4(4u * step) + vec4(0u, 1u, 2u, 3u);
    let inside = min(depth, vec4(parameters.depth - 1u));
    let at = inside * fours + group;
    if (ROWS_ACROSS == 0u) {
        return mat4x4(right[at.x], right[at.y], right[at.z], right[at.w]);
    }
    let valid = vec4<f32>(depth == inside);
    return mat4x4(valid.x * right[at.x], valid.y * right[at.y], valid.z * right[at.z], valid.w * right[at.w]);
}

fn add_line(row: u32, lines: mat4x4<f32>, numbers: vec4<f32>) {
    sums[row] = fma(lines[3], vec4(numbers.w), fma(lines[2], vec4(numbers.z), fma(lines[1], vec4(numbers.y), fma(lines[0], vec4(numbers.x), sums[row]))));
}

// Adds what the slices have of a line to what the first has, which stores it.
fn finish(line: vec4<f32>, row: u32, group: u32, slice: u32, lane: u32) {
    var sum = line;
    if (SLICES > 1u) {
        parts[slice * LANES + lane] = line;
        workgroupBarrier();
        for (var other = 1u; other < SLICES; other++) {
            sum += parts[other * LANES + lane];
        }
        workgroupBarrier();
    }
    let groups = parameters.columns / 4u;
    if (slice == 0u && row < parameters.rows && group < groups) {
        product[row * groups + group] = finished(sum, group);
    }
}
