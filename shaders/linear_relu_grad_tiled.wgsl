// Both gradients of a linear layer, of any widths, in tiles.
#import shared/linear_gradient
#import shared/tiled_product
