// A matrix divided by its norm, with the shorter side as its rows.
#import shared/each_invocation

// Whether the matrix has more rows than columns.
const TURNED: u32 = 0u;

struct Parameters {
    rows: u32,
    columns: u32,
    epsilon: f32,
}

@group(0) @binding(0) var<storage, read_write> matrix: array<f32>; // [rows, columns]
@group(0) @binding(1) var<storage, read_write> squares: array<f32, 1>; // the sum of its squares
@group(0) @binding(2) var<storage, read_write> wide: array<f32>;
@group(0) @binding(3) var<uniform> parameters: Parameters;

fn run(index: u32) {
    let norm = sqrt(squares[0]);
    if (index >= parameters.rows * parameters.columns) {
        return;
    }
    let turned = index % parameters.rows * parameters.columns + index / parameters.rows;
    let number = matrix[select(index, turned, TURNED == 1u)];
    wide[index] = number / select(norm, parameters.epsilon, norm < parameters.epsilon);
}
