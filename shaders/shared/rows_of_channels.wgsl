// Weights of a tap: columns are four input channels, rows four output channels.
#import shared/add_blocks
#import shared/weights

fn rows(tap: u32, channel: u32, group: u32) -> Rows {
    return weights((tap * IN_CHANNELS + 4u * channel) * OUT_GROUPS + group, OUT_GROUPS);
}
