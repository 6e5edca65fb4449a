// sum[i] = partials[0][i] + partials[1][i] + ... in the order of the chunks.
#import shared/each_invocation

struct Parameters { elements: u32, chunks: u32 }

@group(0) @binding(0) var<storage, read_write> partials: array<f32>; // [chunk][element]
@group(0) @binding(1) var<storage, read_write> sum: array<f32>; // [element]
@group(0) @binding(2) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.elements) {
        return;
    }
    var total = 0.0;
    for (var chunk = 0u; chunk < parameters.chunks; chunk++) {
        total += partials[chunk * parameters.elements + index];
    }
    sum[index] = total;
}
