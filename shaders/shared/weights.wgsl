// Four vectors of weights, `stride` apart, as the columns of a block.
fn weights(at: u32, stride: u32) -> mat4x4<f32> {
    return mat4x4(weight[at], weight[at + stride], weight[at + 2u * stride], weight[at + 3u * stride]);
}
