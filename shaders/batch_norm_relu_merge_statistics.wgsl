// Mean and (biased) variance of each channel from those of the chunks.
#import shared/chunks_of_rows
#import shared/moments

@group(0) @binding(0) var<storage, read_write> partials: array<vec4<f32>>; // [chunk][mean, squares][c / 4]
@group(0) @binding(1) var<storage, read_write> mean: array<vec4<f32>>; // [c / 4]
@group(0) @binding(2) var<storage, read_write> variance: array<vec4<f32>>; // [c / 4]
@group(0) @binding(3) var<uniform> parameters: Parameters;

fn run(group: u32, local: u32) {
    counts[local] = 0.0;
    means[local] = vec4(0.0);
    squares[local] = vec4(0.0);
    for (var chunk = local; chunk < chunks(); chunk += INVOCATIONS) {
        let count = min(parameters.chunk, parameters.rows - chunk * parameters.chunk);
        let at = 2u * chunk * GROUPS + group;
        merge(local, f32(count), partials[at], partials[at + GROUPS]);
    }
    merge_all(local, 1u);
    if (local == 0u) {
        mean[group] = means[0];
        variance[group] = squares[0] / f32(parameters.rows);
    }
}
