// `convolve_pool_relu_grad_input` for pictures of one channel: an invocation a pixel. No
// network trains the pixels of its first layer, so this is short rather than fast.
const HEIGHT: u32 = 28u;
const WIDTH: u32 = 28u;
const OUT_CHANNELS: u32 = 24u;
const KERNEL: u32 = 5u;
const INVOCATIONS: u32 = 64u;

const POOLED_HEIGHT: u32 = (HEIGHT - KERNEL + 1u) / 2u;
const POOLED_WIDTH: u32 = (WIDTH - KERNEL + 1u) / 2u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;

struct Parameters { batch: u32, padding0: u32, padding1: u32, padding2: u32 }

@group(0) @binding(0) var<storage, read_write> grad_output: array<vec4<f32>>; // [n][y / 2][x / 2][out / 4]
@group(0) @binding(1) var<storage, read_write> winners: array<u32>; // as grad_output, a byte a channel
@group(0) @binding(2) var<storage, read_write> weight: array<vec4<f32>>; // [tap][out / 4]
@group(0) @binding(3) var<storage, read_write> grad_input: array<f32>; // [n][y][x]
@group(0) @binding(4) var<uniform> parameters: Parameters;

@compute @workgroup_size(INVOCATIONS)
fn main(
    @builtin(workgroup_id) workgroup: vec3<u32>,
    @builtin(num_workgroups) grid: vec3<u32>,
    @builtin(local_invocation_index) local: u32,
) {
    let index = (workgroup.y * grid.x + workgroup.x) * INVOCATIONS + local;
    if (index >= parameters.batch * HEIGHT * WIDTH) {
        return;
    }
    let pixel_x = index % WIDTH;
    let pixel_y = (index / WIDTH) % HEIGHT;
    let picture = index / (WIDTH * HEIGHT);
    var sum = 0.0;
    for (var tap = 0u; tap < KERNEL * KERNEL; tap++) {
        // Positions before the first wrap to huge numbers.
        let y = pixel_y - tap / KERNEL;
        let x = pixel_x - tap % KERNEL;
        if (y < 2u * POOLED_HEIGHT && x < 2u * POOLED_WIDTH) {
            let window = (picture * POOLED_HEIGHT + y / 2u) * POOLED_WIDTH + x / 2u;
            let position = vec4<u32>((y % 2u) * 2u + x % 2u);
            for (var group = 0u; group < OUT_GROUPS; group++) {
                let at = window * OUT_GROUPS + group;
                let codes = (vec4<u32>(winners[at]) >> vec4<u32>(0u, 8u, 16u, 24u)) & vec4<u32>(255u);
                let gradient = select(vec4(0.0), grad_output[at], codes == position);
                sum += dot(gradient, weight[tap * OUT_GROUPS + group]);
            }
        }
    }
    grad_input[index] = sum;
}
