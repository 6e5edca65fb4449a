// Sums of outer products: of four numbers, one a row of the block, and four, one a column.
alias Rows = vec4<f32>;
alias Columns = vec4<f32>;

fn add(sums: mat4x4<f32>, rows: Rows, columns: Columns) -> mat4x4<f32> {
    return mat4x4(
        fma(rows, vec4(columns.x), sums[0]),
        fma(rows, vec4(columns.y), sums[1]),
        fma(rows, vec4(columns.z), sums[2]),
        fma(rows, vec4(columns.w), sums[3]),
    );
}
