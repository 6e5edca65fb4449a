// Gradient of `convolve_pool_relu` by its input, in gather form.
#import shared/pooled_sizes
#import shared/max_pool_gradient
#import shared/add_blocks
#import shared/weights
#import shared/tile_of_taps

// Image, y and x.
alias Start = vec3<u32>;

// Where the pooled gradient of the four pixels lies under one tap, and the position that must have won for it to reach
// them; 9 outside, which never wins.
struct Place { at: vec4<u32>, position: vec4<u32> }

fn blocks() -> u32 {
    return batch * BLOCKS_HIGH * BLOCKS_WIDE;
}

fn inner_steps() -> u32 {
    return OUT_GROUPS;
}

fn start_of(block: u32) -> Start {
    return block_origin(block);
}

// Positions before the first wrap to huge numbers: one comparison finds both ends.
fn place_of(origin: Start, tap: u32) -> Place {
    let y = vec4<u32>(origin.y - tap / KERNEL) + vec4<u32>(0u, 0u, 1u, 1u);
    let x = vec4<u32>(origin.z - tap % KERNEL) + vec4<u32>(0u, 1u, 0u, 1u);
    let inside = (y < vec4<u32>(2u * POOLED_HEIGHT)) & (x < vec4<u32>(2u * POOLED_WIDTH));
    let window = (origin.x * POOLED_HEIGHT + y / 2u) * POOLED_WIDTH + x / 2u;
    let position = (y % 2u) * 2u + x % 2u;
    return Place(select(vec4<u32>(0u), window * OUT_GROUPS, inside), select(vec4<u32>(9u), position, inside));
}

// Columns are the block's pixels, rows four output channels.
fn columns(place: Place, channel: u32) -> Columns {
    return mat4x4(
        unpooled(place.at.x + channel, place.position.x),
        unpooled(place.at.y + channel, place.position.y),
        unpooled(place.at.z + channel, place.position.z),
        unpooled(place.at.w + channel, place.position.w),
    );
}
