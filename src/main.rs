//! Calls the library and returns its exit code.

fn main() -> std::process::ExitCode {
    gpu_mnist::cli::main()
}
