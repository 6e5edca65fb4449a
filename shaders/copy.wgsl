// Writes numbers somewhere else.
#import shared/each_invocation

struct Parameters {
    elements: u32,
}

@group(0) @binding(0) var<storage, read_write> source: array<u32>;
@group(0) @binding(1) var<storage, read_write> copied: array<u32>;
@group(0) @binding(2) var<uniform> parameters: Parameters;

fn run(index: u32) {
    if (index < parameters.elements) {
        copied[index] = source[index];
    }
}
