// Both gradients of a linear layer, of any widths, where tiles would be few.
#import shared/linear_gradient
#import shared/small_product
