// Weights of a tap where one channel comes in: four output channels.
#import shared/add_outer

fn rows(tap: u32, channel: u32, group: u32) -> Rows {
    return weight[tap * OUT_GROUPS + group];
}
