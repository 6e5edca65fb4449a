//! Names the kernel set (what the sources of every kernel and the versions of what runs them hash
//! to), those versions, and the profile of this build, for the verdicts on adapters and for bug reports. Has the linker
//! pack relocations where it may.

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
    if packs_relocations() {
        println!("cargo:rustc-link-arg-bins=-Wl,-z,pack-relative-relocs");
    }
}

/// Whether the program may have its 200,000 addresses packed that are set when it starts: that saves a twelfth of its size
/// and a third of the time to start. It then needs glibc 2.36, so only what is built on one has them packed.
fn packs_relocations() -> bool {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let target = variable("TARGET");
    if target != variable("HOST") || !target.ends_with("-linux-gnu") {
        return false;
    }
    let said = Command::new("getconf").arg("GNU_LIBC_VERSION").output();
    let said = said.map(|said| String::from_utf8_lossy(&said.stdout).into_owned());
    let version = said.ok().and_then(|said| {
        let (major, minor) = said.trim().strip_prefix("glibc ")?.split_once('.')?;
        Some((major.parse().ok()?, minor.parse().ok()?))
    });
    version >= Some((2u32, 36u32))
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
