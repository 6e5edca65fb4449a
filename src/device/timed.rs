//! Which tiles were found fastest on an adapter, remembered in its store. The file is replaced whole; a damaged one, or
//! one of other kernels, counts as absent.

use std::fs;
use std::io;

use serde::{Deserialize, Serialize};

use super::store::{KERNEL_SET, Store};
use crate::files::{MOST_RECORD, read_file, write_atomically};
use crate::kernels::tiles::Timed;

const FILE: &str = "tiles.json";
const FORMAT: &str = "gpu-mnist tiles 1";

#[derive(Serialize, Deserialize)]
struct Record {
    format: String,
    /// A hash of the shaders and of what launches them.
    kernel_set: String,
    kernels: Vec<Timed>,
}

impl Store {
    /// What was timed with these kernels.
    pub fn timed(&self) -> Vec<Timed> {
        let read = read_file(&self.folder().join(FILE), MOST_RECORD).ok();
        let record = read.and_then(|bytes| serde_json::from_slice::<Record>(&bytes).ok());
        record
            .filter(|record| record.format == FORMAT && record.kernel_set == KERNEL_SET)
            .map_or_else(Vec::new, |record| record.kernels)
    }

    /// Remembers what was timed, in place of what was before.
    ///
    /// # Errors
    /// Those of the file system; what was remembered before then still is.
    pub fn remember_timed(&self, kernels: &[Timed]) -> io::Result<()> {
        fs::create_dir_all(self.folder())?;
        let text = serde_json::to_string_pretty(&Record {
            format: FORMAT.into(),
            kernel_set: KERNEL_SET.into(),
            kernels: kernels.to_vec(),
        })?;
        write_atomically(&self.folder().join(FILE), text.as_bytes())
    }
}
