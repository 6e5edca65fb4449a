// What is bound for a convolution with a max-pool, beside its input, and what becomes of the sums. A pool window's four
// outputs are the columns of a block whose rows are four output channels: they meet in registers, and nothing
// un-pooled reaches memory.
const RELU: u32 = 1u;
const ALL_GROUPS: u32 = OUT_GROUPS;

@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [tap][in][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(4) var<storage, read_write> argmax: array<u32>; // as output, a byte a channel
@group(0) @binding(5) var<uniform> batch: u32;

// Adds the bias, and takes the first maximum and ReLU (RELU 1). A byte of argmax is the position dy * 2 + dx, 4 where
// ReLU cut.
fn store(sums: mat4x4<f32>, window: u32, group: u32) {
    var best = sums[0];
    var code = vec4<u32>(0u);
    code = select(code, vec4<u32>(1u), sums[1] > best);
    best = max(best, sums[1]);
    code = select(code, vec4<u32>(2u), sums[2] > best);
    best = max(best, sums[2]);
    code = select(code, vec4<u32>(3u), sums[3] > best);
    best = max(best, sums[3]);
    best += bias[group];
    let dead = (best <= vec4(0.0)) & vec4<bool>(RELU == 1u);
    code = select(code, vec4<u32>(4u), dead);
    output[window * OUT_GROUPS + group] = select(best, vec4(0.0), dead);
    argmax[window * OUT_GROUPS + group] = code.x | (code.y << 8u) | (code.z << 16u) | (code.w << 24u);
}
