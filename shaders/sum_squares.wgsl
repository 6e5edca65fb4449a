// Adds up numbers or their squares in a fixed order: a workgroup adds `chunk` of them.
#import shared/each_workgroup

const SQUARED: u32 = 1u;

struct Sizes {
    count: u32,
    chunk: u32,
}

@group(0) @binding(0) var<storage, read_write> numbers: array<f32>; // [count]
@group(0) @binding(1) var<storage, read_write> sums: array<f32>; // [workgroup]
@group(0) @binding(2) var<uniform> sizes: Sizes;

var<workgroup> parts: array<f32, INVOCATIONS>;

fn run(workgroup: u32, local: u32) {
    let start = workgroup * sizes.chunk;
    let end = min(start + sizes.chunk, sizes.count);
    var sum = 0.0;
    for (var index = start + local; index < end; index += INVOCATIONS) {
        let number = numbers[index];
        sum += select(number, number * number, SQUARED == 1u);
    }
    parts[local] = sum;
    for (var half = INVOCATIONS / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half) {
            parts[local] += parts[local + half];
        }
    }
    if (local == 0u && start < sizes.count) {
        sums[workgroup] = parts[0];
    }
}
