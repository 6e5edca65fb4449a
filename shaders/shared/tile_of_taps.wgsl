// A register tile whose sum runs over TAPS and, within, inner_steps() channels: place_of(start, tap) is a Place.
#import shared/register_tile

fn run(index: u32) {
    #import shared/tile_start
    let end = inner_steps();
    var s: array<mat4x4<f32>, 24>;
    for (var outer = 0u; outer < TAPS; outer++) {
        let place0 = place_of(start0, outer);
        let place1 = place_of(start1, outer);
        let place2 = place_of(start2, outer);
        let place3 = place_of(start3, outer);
        for (var inner = 0u; inner < end; inner++) {
            #import shared/tile_products
        }
    }
    #import shared/tile_end
}
