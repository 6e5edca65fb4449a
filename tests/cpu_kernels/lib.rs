//! The sources of the CPU kernels, and of what they stand on, as a library of their own.

#[cfg(test)]
mod registers;

// Some of it is asked for by the parts alone that know Burn.
#[allow(dead_code)]
#[path = "../../src/kernels"]
pub mod kernels {
    pub mod images;
    mod limits;
    pub mod parallel;
    mod primitives;
    pub mod reference;
    pub mod simd;

    pub mod adam {
        pub mod cpu;
    }
    pub mod augment_batch {
        mod colour;
        pub mod cpu;
        pub mod distortion;
        pub mod random;
        mod settings;
        mod spline;
        pub use settings::{Augmentation, Stream};
    }
    pub mod average_pool {
        pub mod cpu;
        mod shape;
    }
    pub mod batch_norm_relu {
        pub mod cpu;
    }
    pub mod blend {
        pub mod cpu;
    }
    pub mod convolve {
        pub mod cpu;
        mod shape;
    }
    pub mod convolve_pool_relu {
        pub mod cpu;
        mod shape;
    }
    pub mod count_confusion {
        pub mod cpu;
    }
    pub mod gather_batch {
        pub mod cpu;
    }
    pub mod linear_relu {
        pub mod cpu;
    }
    pub mod orthogonal {
        pub mod cpu;
        pub(super) mod iteration;
    }
    pub mod softmax_cross_entropy {
        pub mod cpu;
    }
    pub mod sum_squares {
        pub mod cpu;
    }
}
