// A workgroup takes a chunk of rows; each of its invocations takes four channels of every INVOCATIONS / GROUPS-th.
#import shared/each_workgroup

const GROUPS: u32 = 4u; // fours of channels; INVOCATIONS are a power of two times as many

// rows of the batch; steps: rows an invocation takes
struct Parameters { rows: u32, steps: u32 }
