// Sizes of a convolution's weight: square kernels, channels in fours, or one that comes in.
const IN_CHANNELS: u32 = 24u;
const OUT_CHANNELS: u32 = 32u;
const KERNEL: u32 = 3u;

const TAPS: u32 = KERNEL * KERNEL;
const IN_GROUPS: u32 = IN_CHANNELS / 4u;
const OUT_GROUPS: u32 = OUT_CHANNELS / 4u;
