//! Sets of any shape and number of classes for tests, written as IDX without the program's help.

use std::path::Path;

use gpu_mnist::data::ImageShape;

/// What a written set holds.
#[derive(Clone, Copy)]
pub struct Written {
    pub shape: ImageShape,
    pub classes: usize,
    pub train: usize,
    pub test: usize,
    /// Another seed gives other images of the same classes.
    pub seed: u32,
    /// Whether the images of a class lie together.
    pub sorted: bool,
}

impl Written {
    /// Grey images of 28x28 in ten classes.
    pub fn like_mnist(train: usize, test: usize) -> Self {
        Self {
            shape: ImageShape::grey(28, 28),
            classes: 10,
            train,
            test,
            seed: 1,
            sorted: false,
        }
    }

    /// Writes the four files into `folder`. A class is the place and the colour of a bright square
    /// on a dark, noisy background.
    pub fn write(self, folder: &Path) {
        std::fs::create_dir_all(folder).expect("a folder");
        let mut random = Random(self.seed);
        for (split, count) in [("train", self.train), ("t10k", self.test)] {
            let mut labels: Vec<usize> = (0..count).map(|index| index % self.classes).collect();
            if self.sorted {
                labels.sort_unstable();
            }
            let images: Vec<u8> = labels
                .iter()
                .flat_map(|&label| self.image(label, &mut random))
                .collect();
            let ImageShape {
                height,
                width,
                channels,
            } = self.shape;
            let mut dims = vec![count, height, width];
            if channels > 1 {
                dims.push(channels);
            }
            let file = |kind: &str| folder.join(format!("{split}-{kind}-ubyte"));
            std::fs::write(file("images-idx3"), idx(&dims, &images)).expect("written");
            let labels: Vec<u8> = labels.iter().map(|&label| label as u8).collect();
            std::fs::write(file("labels-idx1"), idx(&[count], &labels)).expect("written");
        }
    }

    fn image(self, label: usize, random: &mut Random) -> Vec<u8> {
        let ImageShape {
            height,
            width,
            channels,
        } = self.shape;
        let colours = if channels == 1 { 1 } else { 3 };
        let places = self.classes.div_ceil(colours);
        let columns = (places as f64).sqrt().ceil() as usize;
        let rows = places.div_ceil(columns);
        let (place, colour) = (label / colours, label % colours);
        let cell = [(height - 2) / rows, (width - 2) / columns];
        let top = 1 + place / columns * cell[0] + random.below(2);
        let left = 1 + place % columns * cell[1] + random.below(2);
        let mut image = Vec::with_capacity(self.shape.bytes());
        for at in 0..height * width {
            let (row, column) = (at / width, at % width);
            let bright =
                (top..top + cell[0]).contains(&row) && (left..left + cell[1]).contains(&column);
            for channel in 0..channels {
                let lit = bright && channel == colour % channels;
                let noise = random.below(30);
                image.push(if lit { 220 + noise } else { noise / 8 } as u8);
            }
        }
        image
    }
}

/// The bytes of an IDX file of unsigned bytes.
pub fn idx(dims: &[usize], items: &[u8]) -> Vec<u8> {
    let mut file = vec![0, 0, 8, dims.len() as u8];
    for &dim in dims {
        file.extend((dim as u32).to_be_bytes());
    }
    file.extend(items);
    file
}

/// A linear congruential generator.
struct Random(u32);

impl Random {
    fn below(&mut self, limit: u32) -> usize {
        self.0 = self.0.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (((self.0 >> 16) * limit) >> 16) as usize
    }
}
