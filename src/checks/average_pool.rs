//! Global average pooling.

use super::case::{Case, Layers, Numbers, Outputs, f64s, leaf, send_back};

/// `[n, h, w, c]`
pub const ODD_SHAPES: [[usize; 4]; 3] = [[7, 3, 5, 96], [1, 1, 1, 3], [3, 13, 11, 10]];

/// The pooling behind the convolutions of the model, if it has one.
pub fn of_layers(layers: &Layers) -> Option<Case> {
    layers.average.map(case)
}

pub fn case(shape: [usize; 4]) -> Case {
    let [batch, height, width, channels] = shape;
    Case {
        op: "average_pool",
        shape: format!("{batch}x{height}x{width}x{channels}"),
        work: Box::new(move |device| {
            let (size, picture) = (shape.iter().product(), height * width * channels);
            let share = 1.0 / (height * width) as f64;
            let mut numbers = Numbers::new(9);
            let input = numbers.floats(size, 1.0);
            let upstream = numbers.floats(batch * channels, 1.0);
            let mut expected = vec![0.0; batch * channels];
            let mut grad_input = vec![0.0; size];
            for (at, value) in f64s(&input).into_iter().enumerate() {
                let to = at / picture * channels + at % channels;
                expected[to] += value * share;
                grad_input[at] = f64::from(upstream[to]) * share;
            }
            let input = leaf(&input, shape, device);
            let output = device.kernels().average_pool(input.clone());
            let gradients = send_back(&output, &upstream);
            Outputs::default()
                .with("output", output.inner(), expected)
                .with_gradient("gradient of input", &input, &gradients, grad_input)
        }),
    }
}
