// A square times a number, with another added to its diagonal.
#import shared/each_invocation

struct Parameters {
    side: u32,
    factor: f32,
    added: f32,
}

@group(0) @binding(0) var<storage, read_write> square: array<f32>; // [side, side]
@group(0) @binding(1) var<storage, read_write> result: array<f32>; // [side, side]
@group(0) @binding(2) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index >= parameters.side * parameters.side) {
        return;
    }
    let added = select(0.0, parameters.added, index % (parameters.side + 1u) == 0u);
    result[index] = square[index] * parameters.factor + added;
}
