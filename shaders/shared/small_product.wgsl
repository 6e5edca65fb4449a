// product = left x right for any sizes, where tiles would be too few to fill a card: a sum a number of it.
#import shared/product_sides
#import shared/sum_of_slices

fn part_of(index: u32, slice: u32) -> f32 {
    let row = index / parameters.columns;
    let column = index % parameters.columns;
    var sum = 0.0;
    for (var depth = slice; depth < parameters.depth; depth += SLICES) {
        sum += left_at(row, depth) * right_at(column, depth);
    }
    return sum;
}

fn finish(index: u32, sum: f32) {
    store(sum, index / parameters.columns, index % parameters.columns);
}
