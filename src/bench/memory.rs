//! How much the process grew while something ran. Only Linux tells.

/// The memory of the process when the watch started.
pub struct Watch {
    resident: Option<u64>,
}

impl Watch {
    /// Starts anew: what the process needed at most before does not count.
    pub fn start() -> Self {
        #[cfg(target_os = "linux")]
        let _ = std::fs::write("/proc/self/clear_refs", "5");
        Self {
            resident: status("VmRSS:"),
        }
    }

    /// Bytes above the start that the process needed at most since.
    pub fn grown(&self) -> Option<u64> {
        Some(status("VmHWM:")?.saturating_sub(self.resident?))
    }
}

fn status(key: &str) -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find(|line| line.starts_with(key))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes * 1024)
}
