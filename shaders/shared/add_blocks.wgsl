// Sums of products of 4x4 blocks.
alias Rows = mat4x4<f32>;
alias Columns = mat4x4<f32>;

fn add(sums: mat4x4<f32>, rows: Rows, columns: Columns) -> mat4x4<f32> {
    return sums + rows * columns;
}
