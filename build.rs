//! Names the kernel set (what the sources of every kernel and the versions of what runs them hash
//! to), those versions, and the profile of this build, for the verdicts on adapters and for bug reports. Tells the
//! linker what to do with addresses.

use std::collections::hash_map::DefaultHasher;
use std::hash::Hasher;
use std::path::{Path, PathBuf};
use std::process::Command;

const FOLDERS: [&str; 2] = ["shaders", "src/kernels"];
const PACKAGES: [&str; 4] = ["burn", "cubecl", "wgpu", "naga"];

fn main() {
    let root = PathBuf::from(std::env::var("CARGO_MANIFEST_DIR").expect("set by Cargo"));
    let mut files = Vec::new();
    for folder in FOLDERS {
        println!("cargo:rerun-if-changed={folder}");
        collect(&root.join(folder), &mut files);
    }
    files.sort();
    let mut hasher = DefaultHasher::new();
    for file in files {
        let name = file.strip_prefix(&root).unwrap_or(&file);
        hasher.write(name.to_string_lossy().as_bytes());
        hasher.write(&std::fs::read(&file).unwrap_or_default());
    }
    println!("cargo:rerun-if-changed=Cargo.lock");
    let lock = std::fs::read_to_string(root.join("Cargo.lock")).unwrap_or_default();
    let versions: Vec<String> = PACKAGES
        .iter()
        .map(|package| format!("{package} {}", version(&lock, package)))
        .collect();
    let versions = versions.join(", ");
    hasher.write(versions.as_bytes());
    println!("cargo:rustc-env=GPU_MNIST_VERSIONS={versions}");
    println!(
        "cargo:rustc-env=GPU_MNIST_KERNEL_SET={:016x}",
        hasher.finish()
    );
    println!("cargo:rustc-env=GPU_MNIST_PROFILE={}", profile());
    if let Some(argument) = addresses() {
        println!("cargo:rustc-link-arg-bins={argument}");
    }
}

/// What the linker does with the 500,000 addresses that a program at changing places has set in it each time it
/// starts. What is built here to run here lies at one place and has none of them to set. What people install (`dist`)
/// keeps its changing place, and has them packed, where glibc is 2.36 or later: it then needs one to start.
fn addresses() -> Option<&'static str> {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let target = variable("TARGET");
    if target != variable("HOST") || !target.ends_with("-linux-gnu") {
        return None;
    }
    match profile() == "dist" {
        false => Some("-no-pie"),
        true => (glibc()? >= (2, 36)).then_some("-Wl,-z,pack-relative-relocs"),
    }
}

fn glibc() -> Option<(u32, u32)> {
    let said = Command::new("getconf")
        .arg("GNU_LIBC_VERSION")
        .output()
        .ok()?;
    let said = String::from_utf8_lossy(&said.stdout).into_owned();
    let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

/// Cargo says `release` of every profile that inherits it; its own name is that of the folder:
/// target/PROFILE/build/PACKAGE/out.
fn profile() -> String {
    let out = PathBuf::from(std::env::var("OUT_DIR").expect("set by Cargo"));
    let folder = out.ancestors().nth(3).and_then(Path::file_name);
    folder.map_or_else(String::new, |name| name.to_string_lossy().into_owned())
}

fn collect(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        match path.is_dir() {
            true => collect(&path, files),
            false => files.push(path),
        }
    }
}

fn version<'a>(lock: &'a str, package: &str) -> &'a str {
    lock.split_once(&format!("name = \"{package}\"\nversion = \""))
        .and_then(|(_, rest)| rest.split_once('"'))
        .map_or("unknown", |(version, _)| version)
}
