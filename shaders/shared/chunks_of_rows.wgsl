// A workgroup takes four channels and puts together what the chunks of rows gave, in a fixed order.
#import shared/each_workgroup

const GROUPS: u32 = 4u; // fours of channels

// rows of the batch and of a chunk
struct Parameters { rows: u32, chunk: u32, epsilon: f32 }

fn chunks() -> u32 {
    return (parameters.rows + parameters.chunk - 1u) / parameters.chunk;
}
