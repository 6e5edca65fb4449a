// The sides of a product, either stored transposed, zeros past their edges, and where the product goes. What imports
// this defines the bindings `left`, `right`, `product`, `parameters` and `finished(sum, column)`.

// 1: left is [depth][rows]; 1: right is [columns][depth].
const LEFT_TRANSPOSED: u32 = 0u;
const RIGHT_TRANSPOSED: u32 = 0u;

struct Parameters { rows: u32, columns: u32, depth: u32 }

fn left_at(row: u32, depth: u32) -> f32 {
    if (row < parameters.rows && depth < parameters.depth) {
        return left[select(row * parameters.depth + depth, depth * parameters.rows + row, LEFT_TRANSPOSED == 1u)];
    }
    return 0.0;
}

fn right_at(column: u32, depth: u32) -> f32 {
    if (column < parameters.columns && depth < parameters.depth) {
        let across = depth * parameters.columns + column;
        return right[select(across, column * parameters.depth + depth, RIGHT_TRANSPOSED == 1u)];
    }
    return 0.0;
}

fn store(sum: f32, row: u32, column: u32) {
    if (row < parameters.rows && column < parameters.columns) {
        product[row * parameters.columns + column] = finished(sum, column);
    }
}
