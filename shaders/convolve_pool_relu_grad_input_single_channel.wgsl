// `convolve_pool_relu_grad_input` for images of one channel: an invocation a pixel. No network trains the pixels of its
// first layer, so this is short rather than fast.
#import shared/pooled_sizes
#import shared/bytes
#import shared/each_invocation

@group(0) @binding(0) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(1) var<storage, read_write> argmax: array<u32>; // as grad_output, a byte a channel
@group(0) @binding(2) var<storage, read_write> weight: array<vec4<f32>>; // [tap][out / 4]
@group(0) @binding(3) var<storage, read_write> grad_input: array<f32>; // [n][y][x]
@group(0) @binding(4) var<uniform> batch: u32;

fn run(index: u32) {
    if (index >= batch * HEIGHT * WIDTH) {
        return;
    }
    let pixel_x = index % WIDTH;
    let pixel_y = (index / WIDTH) % HEIGHT;
    let image = index / (WIDTH * HEIGHT);
    var sum = 0.0;
    for (var tap = 0u; tap < TAPS; tap++) {
        // Positions before the first wrap to huge numbers.
        let y = pixel_y - tap / KERNEL;
        let x = pixel_x - tap % KERNEL;
        if (y < 2u * POOLED_HEIGHT && x < 2u * POOLED_WIDTH) {
            let window = (image * POOLED_HEIGHT + y / 2u) * POOLED_WIDTH + x / 2u;
            let position = vec4<u32>((y % 2u) * 2u + x % 2u);
            for (var group = 0u; group < OUT_GROUPS; group++) {
                let at = window * OUT_GROUPS + group;
                let gradient = select(vec4(0.0), grad_output[at], bytes_of(argmax[at]) == position);
                sum += dot(gradient, weight[tap * OUT_GROUPS + group]);
            }
        }
    }
    grad_input[index] = sum;
}
