// What is bound for a convolution, beside its input, and the places of the sum: blocks of four output pixels (columns)
// by four output channels (rows). TURNED, it is the gradient of the input: it reads the output's gradient through the
// weights turned by 180 degrees, as if DILATION - 1 zeros lay between two pixels. What imports this defines PIXEL, the
// words of a pixel of the input.
#import shared/convolution_sizes
#import shared/four_lines
#import shared/tile_of_taps

const DILATION: u32 = 1u;
const TURNED: u32 = 0u;
const RELU: u32 = 1u;
const ALL_GROUPS: u32 = OUT_GROUPS;
// No pixel.
const NOWHERE: u32 = 0xffffffffu;

@group(0) @binding(1) var<storage, read_write> weight: array<vec4<f32>>; // [tap][in][out / 4]
@group(0) @binding(2) var<storage, read_write> bias: array<vec4<f32>>; // [out / 4]
@group(0) @binding(3) var<storage, read_write> output: array<vec4<f32>>; // [n][y][x][out / 4]
@group(0) @binding(4) var<uniform> batch: u32;

// Of four output pixels: the first row of their images, and where they begin to look.
struct Start { line: vec4<u32>, y: vec4<u32>, x: vec4<u32> }
// The first words of the pixels that they see under a tap.
alias Place = vec4<u32>;

fn lines() -> u32 {
    return batch * OUT_HEIGHT * OUT_WIDTH;
}

fn start_of(block: u32) -> Start {
    let pixels = lines_of(block);
    let rest = pixels / OUT_WIDTH;
    // Positions before the first wrap to huge numbers.
    let y = (rest % OUT_HEIGHT) * STRIDE - PADDING;
    return Start((rest / OUT_HEIGHT) * IN_HEIGHT, y, (pixels % OUT_WIDTH) * STRIDE - PADDING);
}

fn place_of(start: Start, tap: u32) -> Place {
    let y = start.y + tap / KERNEL;
    let x = start.x + tap % KERNEL;
    let inside = (y < vec4<u32>(IN_HEIGHT * DILATION)) & (x < vec4<u32>(IN_WIDTH * DILATION));
    let between = (y % DILATION + x % DILATION) != vec4<u32>(0u);
    let pixel = (start.line + y / DILATION) * IN_WIDTH + x / DILATION;
    return select(vec4<u32>(NOWHERE), pixel * PIXEL, inside & !between);
}

fn store_line(sums: vec4<f32>, pixel: u32, group: u32) {
    let sum = sums + select(bias[group], vec4(0.0), TURNED == 1u);
    let dead = (sum <= vec4(0.0)) & vec4<bool>(RELU == 1u);
    output[pixel * OUT_GROUPS + group] = select(sum, vec4(0.0), dead);
}
