// Linear layer, bias and ReLU, of any widths, in tiles.
#import shared/linear_product
#import shared/tiled_product
