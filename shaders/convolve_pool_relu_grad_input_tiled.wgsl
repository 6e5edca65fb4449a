// `convolve_pool_relu_grad_input` for graphics cards: the pooled gradients are spread over workgroup memory, each at
// the position that won, zeros elsewhere and in a border of KERNEL - 1. So every tap is one load.
#import shared/pooled_sizes
#import shared/max_pool_gradient
#import shared/add_blocks
#import shared/weights
#import shared/staged_image

const BORDER: u32 = KERNEL - 1u;
// As far as a block of pixels sees through the taps.
const LINES: u32 = 2u * BLOCKS_HIGH + BORDER;
const COLUMNS: u32 = 2u * BLOCKS_WIDE + BORDER;
const ALL_BLOCKS: u32 = BLOCKS_HIGH * BLOCKS_WIDE;
const ALL_STAGED: u32 = OUT_GROUPS;
const STAGED_WORDS: u32 = LINES * COLUMNS * STAGED; // [y + border][x + border][out / 4]
alias Staged = vec4<f32>;

// The gradients of one position of the convolution.
fn stage(image: u32, first: u32, at: u32) -> Staged {
    // Lines and columns before the border wrap to huge numbers: one comparison finds both ends.
    let y = (at / STAGED) / COLUMNS - BORDER;
    let x = (at / STAGED) % COLUMNS - BORDER;
    if (y >= 2u * POOLED_HEIGHT || x >= 2u * POOLED_WIDTH) {
        return vec4(0.0);
    }
    let window = image * WINDOWS + (y / 2u) * POOLED_WIDTH + x / 2u;
    return unpooled(window * OUT_GROUPS + first + at % STAGED, (y % 2u) * 2u + x % 2u);
}

fn place_of(block: u32, tap: u32) -> u32 {
    let line = 2u * (block / BLOCKS_WIDE) + BORDER - tap / KERNEL;
    let column = 2u * (block % BLOCKS_WIDE) + BORDER - tap % KERNEL;
    return (line * COLUMNS + column) * STAGED;
}

// Columns are the block's pixels, rows four output channels.
fn columns(place: u32, channel: u32) -> Columns {
    let at = place + channel;
    let below = at + COLUMNS * STAGED;
    return mat4x4(staged[at], staged[at + STAGED], staged[below], staged[below + STAGED]);
}
