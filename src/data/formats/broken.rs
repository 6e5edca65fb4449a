//! What of a set cannot be read, and whether the rest may be used without it.

use std::path::Path;

use crate::config::BrokenFiles;
use crate::data::error::DataError;
use crate::wording::verb;

/// So many are named.
const NAMED: usize = 10;
/// Under "few", so many may be broken in a set of any size.
const ALWAYS: usize = 10;
/// Under "few", one in so many.
const SHARE: usize = 20;

/// Files or rows that cannot be read, and why.
#[derive(Debug, Default)]
pub struct Broken {
    count: usize,
    named: Vec<String>,
}

impl Broken {
    pub fn add(&mut self, what: impl FnOnce() -> String) {
        self.count += 1;
        if self.named.len() < NAMED {
            self.named.push(what());
        }
    }

    /// What is said of them, beside `sound` others; `things` are what they are, such as "files".
    ///
    /// # Errors
    /// [`DataError::Unfit`] where the setting does not allow so many.
    pub fn judge(
        &self,
        path: &Path,
        things: &str,
        sound: usize,
        allowed: BrokenFiles,
    ) -> Result<Option<String>, DataError> {
        let all = sound + self.count;
        let few = self.count <= ALWAYS.max(all / SHARE) && 2 * self.count < all;
        let fits = match allowed {
            BrokenFiles::None => false,
            BrokenFiles::Few => few,
            BrokenFiles::Any => sound > 0,
        };
        let more = match self.count - self.named.len() {
            0 => String::new(),
            more => format!("\n  and {more} more"),
        };
        let list = format!("\n  {}{more}", self.named.join("\n  "));
        let found = format!("{} of {all} {things} cannot be read", self.count);
        let are = verb(self.count, "is", "are");
        match self.count {
            0 => Ok(None),
            _ if fits => Ok(Some(format!("{found} and {are} left out:{list}"))),
            _ if sound == 0 => Err(DataError::unfit(
                path,
                found,
                format!("none is left:{list}"),
            )),
            _ => Err(DataError::unfit(
                path,
                found,
                match allowed {
                    // Asked for by the setting, or by what checks every byte.
                    BrokenFiles::None => format!(
                        "mend or remove them; a training leaves out a few unless data.broken is \"none\":{list}"
                    ),
                    _ => format!(
                        "mend or remove them, or leave out however many there are with --set data.broken=any:{list}"
                    ),
                },
            )),
        }
    }
}
