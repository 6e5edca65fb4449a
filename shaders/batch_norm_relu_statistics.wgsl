// Mean and sum of squared deviations of each channel over a chunk of rows.
#import shared/chunk_of_rows
#import shared/moments

@group(0) @binding(0) var<storage, read_write> input: array<vec4<f32>>; // [row][c / 4]
@group(0) @binding(1) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][mean, squares][c / 4]
@group(0) @binding(2) var<uniform> parameters: Parameters;

fn run(chunk: u32, local: u32) {
    let end = parameters.rows * GROUPS;
    let first = chunk * parameters.steps * INVOCATIONS;
    var count = 0.0;
    var mean = vec4(0.0);
    var square = vec4(0.0);
    for (var step = 0u; step < parameters.steps; step++) {
        let at = first + step * INVOCATIONS + local;
        if (at < end) {
            count += 1.0;
            let value = input[at];
            let deviation = value - mean;
            mean += deviation / count;
            square += deviation * (value - mean);
        }
    }
    counts[local] = count;
    means[local] = mean;
    squares[local] = square;
    merge_all(local, GROUPS);
    if (local < GROUPS && first < end) {
        partials[2u * chunk * GROUPS + local] = means[local];
        partials[(2u * chunk + 1u) * GROUPS + local] = squares[local];
    }
}
