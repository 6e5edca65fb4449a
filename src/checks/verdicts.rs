//! What checks found, remembered in the store of an adapter. The file is replaced whole; a damaged
//! one counts as absent.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::config::Architecture;
use crate::device::AdapterInfo;
use crate::device::store::{KERNEL_SET, Store};
use crate::files::{MOST_RECORD, TEMPORARY, read_file, write_atomically};
use crate::kernels::Kernels;

const VERDICTS: &str = "verdicts.json";
const FORMAT: &str = "gpu-mnist verdicts 2";
/// Networks whose verdicts are kept; the oldest goes first.
const MOST_VERDICTS: usize = 16;

/// What a check of one network on an adapter found.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// Version of the program.
    pub version: String,
    /// A hash of the shaders and of what launches them.
    pub kernel_set: String,
    /// Name and version of the driver.
    pub driver: String,
    /// What was checked.
    pub network: Architecture,
    /// Whether each kernel set computes right; `None`: not checked.
    pub fused: Option<bool>,
    /// The same of Burn's.
    #[serde(alias = "stock")]
    pub burn: Option<bool>,
    /// Whether replayed steps are those that are launched; `None`: not checked, or none was replayed.
    #[serde(default)]
    pub replay: Option<bool>,
    /// What failed, for the warning.
    pub failed: Vec<String>,
}

impl Verdict {
    /// Nothing checked yet.
    pub fn new(adapter: &AdapterInfo, network: &Architecture) -> Self {
        Self {
            version: env!("CARGO_PKG_VERSION").into(),
            kernel_set: KERNEL_SET.into(),
            driver: adapter.driver.clone(),
            network: network.clone(),
            fused: None,
            burn: None,
            replay: None,
            failed: Vec::new(),
        }
    }

    /// Whether these kernels computed right numbers; `None` where they were not checked.
    pub fn of(&self, kernels: Kernels) -> Option<bool> {
        match kernels {
            Kernels::Fused => self.fused,
            Kernels::Burn => self.burn,
        }
    }

    /// The place of that verdict.
    pub fn of_mut(&mut self, kernels: Kernels) -> &mut Option<bool> {
        match kernels {
            Kernels::Fused => &mut self.fused,
            Kernels::Burn => &mut self.burn,
        }
    }

    fn same_subject(&self, other: &Self) -> bool {
        let subject = |verdict: &Self| {
            (
                verdict.version.clone(),
                verdict.kernel_set.clone(),
                verdict.driver.clone(),
                verdict.network.clone(),
            )
        };
        subject(self) == subject(other)
    }
}

#[derive(Serialize, Deserialize)]
struct Verdicts {
    format: String,
    verdicts: Vec<Verdict>,
}

impl Store {
    /// What an earlier check of the subject of `wanted` found. A file that cannot be read or
    /// understood holds nothing.
    pub fn verdict(&self, wanted: &Verdict) -> Option<Verdict> {
        self.verdicts()
            .into_iter()
            .find(|verdict| verdict.same_subject(wanted))
    }

    /// Remembers `verdict` in place of an earlier one of the same subject.
    ///
    /// # Errors
    /// Those of the file system; what was remembered before then still is.
    pub fn remember(&self, verdict: &Verdict) -> io::Result<()> {
        let folder = self.folder();
        fs::create_dir_all(&folder)?;
        remove_leftovers(&folder);
        let mut verdicts = self.verdicts();
        verdicts.retain(|other| !other.same_subject(verdict));
        verdicts.push(verdict.clone());
        let excess = verdicts.len().saturating_sub(MOST_VERDICTS);
        verdicts.drain(..excess);
        let text = serde_json::to_string_pretty(&Verdicts {
            format: FORMAT.into(),
            verdicts,
        })?;
        write_atomically(&folder.join(VERDICTS), text.as_bytes())
    }

    fn verdicts(&self) -> Vec<Verdict> {
        let path = self.folder().join(VERDICTS);
        let Ok(bytes) = read_file(&path, MOST_RECORD) else {
            return Vec::new();
        };
        match serde_json::from_slice::<Verdicts>(&bytes) {
            Ok(read) if read.format == FORMAT => read.verdicts,
            _ => {
                tracing::debug!(
                    "{}: could not be understood, checking again",
                    path.display()
                );
                Vec::new()
            }
        }
    }
}

/// Removes what a process that was killed while writing left behind, an hour later.
fn remove_leftovers(folder: &Path) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let old = entry
            .metadata()
            .and_then(|metadata| metadata.modified())
            .ok()
            .and_then(|time| time.elapsed().ok())
            .is_some_and(|age| age > Duration::from_secs(3600));
        if old && entry.file_name().to_string_lossy().starts_with(TEMPORARY) {
            let _ = fs::remove_file(entry.path());
        }
    }
}
