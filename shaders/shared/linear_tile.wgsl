// Products of a linear layer, widths in fours: four outputs or inputs are a block's rows, four images or inputs its
// columns.
#import shared/four_lines
#import shared/add_blocks
#import shared/tile_of_steps

const INPUTS: u32 = 800u;
const OUTPUTS: u32 = 256u;
