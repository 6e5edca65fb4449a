//! Where something is remembered of each adapter: one folder an adapter, driver and API in the cache
//! folder of the system.

use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::AdapterInfo;
use crate::files::cache_folder;

/// Hash of the sources of all kernels and the versions of what runs them.
pub const KERNEL_SET: &str = env!("GPU_MNIST_KERNEL_SET");

/// The folder of one adapter.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
    name: String,
}

impl Store {
    /// The store of `adapter` under `root`, which holds those of all adapters.
    pub fn new(root: &Path, adapter: &AdapterInfo) -> Self {
        Self {
            root: root.into(),
            name: name(adapter),
        }
    }

    /// The store of `adapter` in the cache folder of the system; `None` without a home.
    pub fn of(adapter: &AdapterInfo) -> Option<Self> {
        Some(Self::new(&cache_folder()?.join("adapters"), adapter))
    }

    /// The adapter's folder; it may not be there yet.
    pub fn folder(&self) -> PathBuf {
        self.root.join(&self.name)
    }

    /// Has everything that CubeCL keeps between runs (tuning, where the build has it) kept here.
    pub fn take_tuning(&self) {
        super::keep_tuning_in(&self.folder());
    }
}

/// Vendor, device and API in words, and a hash of all that tells two adapters or drivers apart.
fn name(adapter: &AdapterInfo) -> String {
    let AdapterInfo {
        name,
        api,
        driver,
        id,
        bus,
        ..
    } = adapter;
    let hash = Sha256::digest(format!("{name}\n{api}\n{driver}\n{id}\n{bus}"));
    let hash: String = hash[..6].iter().map(|byte| format!("{byte:02x}")).collect();
    let driver: String = driver.chars().take(40).collect();
    plain(&format!("{id}-{driver}-{api}-{hash}"))
}

/// `text` with everything but letters, digits and dots turned into single dashes.
fn plain(text: &str) -> String {
    let mut plain = String::new();
    for letter in text.chars() {
        match letter.is_ascii_alphanumeric() || letter == '.' {
            true => plain.push(letter.to_ascii_lowercase()),
            false if plain.ends_with('-') => {}
            false => plain.push('-'),
        }
    }
    plain
}
