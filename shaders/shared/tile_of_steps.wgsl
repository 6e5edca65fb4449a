// A register tile whose sum runs over inner_steps(); `outer` is 0. A loop of one step around it would cost llvmpipe up
// to a tenth.
#import shared/register_tile

fn run(index: u32) {
    #import shared/tile_start
    let outer = 0u;
    let end = inner_steps();
    let place0 = start0;
    let place1 = start1;
    let place2 = start2;
    let place3 = start3;
    var s: array<mat4x4<f32>, 24>;
    for (var inner = 0u; inner < end; inner++) {
        #import shared/tile_products
    }
    #import shared/tile_end
}
