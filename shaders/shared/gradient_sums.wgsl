// Sums of the gradients of four channels, and of those times the deviations from the mean.
var<workgroup> gradients: array<vec4<f32>, INVOCATIONS>;
var<workgroup> products: array<vec4<f32>, INVOCATIONS>;

// Adds up those of invocations that are multiples of `stride` apart, in a tree.
fn sum_all(local: u32, stride: u32, gradient_sum: vec4<f32>, product_sum: vec4<f32>) {
    gradients[local] = gradient_sum;
    products[local] = product_sum;
    for (var half = INVOCATIONS / stride / 2u; half > 0u; half /= 2u) {
        workgroupBarrier();
        if (local < half * stride) {
            gradients[local] += gradients[local + half * stride];
            products[local] += products[local + half * stride];
        }
    }
}
