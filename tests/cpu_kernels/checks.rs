//! The checks of the CPU kernels, as the suite has them.

#[path = "../suite"]
mod suite {
    mod kernels_cpu;
    mod parallel;
}
