// Sizes of a convolution with stride and zero padding.
#import shared/weight_sizes

const IN_HEIGHT: u32 = 14u;
const IN_WIDTH: u32 = 14u;
const OUT_HEIGHT: u32 = 14u;
const OUT_WIDTH: u32 = 14u;
const STRIDE: u32 = 1u;
const PADDING: u32 = 1u;
