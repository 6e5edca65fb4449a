// Blocks of four images of a linear layer, DEPTH fours of numbers each.
#import shared/linear_tile
#import shared/weights

alias Start = vec4<u32>;
alias Place = vec4<u32>;

fn lines() -> u32 {
    return batch;
}

fn inner_steps() -> u32 {
    return DEPTH;
}

fn start_of(block: u32) -> Start {
    return lines_of(block) * DEPTH;
}

fn place_of(start: Start, outer: u32) -> Place {
    return start;
}

// Columns are four images, rows four of their numbers.
fn columns(place: Place, depth: u32) -> Columns {
    let at = place + depth;
    return mat4x4(source[at.x], source[at.y], source[at.z], source[at.w]);
}
