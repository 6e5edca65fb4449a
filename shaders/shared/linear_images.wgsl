// Blocks of four images of a linear layer, DEPTH fours of numbers each.
#import shared/linear_tile
#import shared/weights

alias Start = vec4<u32>;

fn lines() -> u32 {
    return batch;
}

fn inner_steps() -> u32 {
    return DEPTH;
}

fn start_of(block: u32) -> Start {
    return lines_of(block) * DEPTH;
}

// Columns are four images, rows four of their numbers.
fn columns(start: Start, depth: u32) -> Columns {
    let at = start + depth;
    return mat4x4(source[at.x], source[at.y], source[at.z], source[at.w]);
}
