// Linear layer, bias and ReLU, of any widths, where tiles would be few.
#import shared/linear_product
#import shared/small_product
