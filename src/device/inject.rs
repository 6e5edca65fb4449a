//! Faults injected at the boundary of a device, so that tests see what a bad driver would cause.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// What to inject: words separated by commas.
///
/// `wrong:OP` scales what the operation OP computes by 1.01, `wrong:OP/KERNELS` with those kernels alone. `lost:N`, `out-of-memory:N`,
/// `shader:N` and `time-limit:N` fail the Nth guarded piece of training, from 1, and `N+` every
/// one from there on. `no-replay` refuses to record a step. `slow:MS` makes each last MS milliseconds longer.
#[derive(Clone, Debug, Default)]
pub struct Injection {
    wrong: Vec<String>,
    failures: Vec<Failure>,
    slow: Duration,
    refuses_replays: bool,
    /// Shared by the devices of a process, so that a retry goes on counting.
    done: Arc<AtomicUsize>,
}

#[derive(Clone, Debug)]
struct Failure {
    message: &'static str,
    from: usize,
    repeated: bool,
}

impl FromStr for Injection {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let mut injection = Self::default();
        for word in text.split(',').filter(|word| !word.is_empty()) {
            let (kind, value) = word.split_once(':').unwrap_or((word, ""));
            let number = || {
                value
                    .trim_end_matches('+')
                    .parse::<usize>()
                    .map_err(|error| format!("{word}: {error}"))
            };
            // As wgpu and CubeCL word them.
            let message = match kind {
                "wrong" => {
                    injection.wrong.push(value.into());
                    continue;
                }
                "no-replay" => {
                    injection.refuses_replays = true;
                    continue;
                }
                "slow" => {
                    injection.slow = Duration::from_millis(number()? as u64);
                    continue;
                }
                "lost" => {
                    "The device is poisoned\nCaused by:\n  Unknown: Device is lost (injected)"
                }
                "out-of-memory" => "wgpu error: Out of Memory (injected)",
                "shader" => {
                    "A compilation error happened during launch: the device refused the compute pipeline (injected)"
                }
                "time-limit" => "Device lost: DXGI_ERROR_DEVICE_HUNG (injected)",
                _ => return Err(format!("{word}: nothing is injected by that name")),
            };
            injection.failures.push(Failure {
                message,
                from: number()?,
                repeated: value.ends_with('+'),
            });
        }
        Ok(injection)
    }
}

impl Injection {
    /// Fails where no step is to be recorded.
    ///
    /// # Errors
    /// The message.
    pub fn before_recording(&self) -> Result<(), String> {
        match self.refuses_replays {
            true => Err("no graphs here (injected)".into()),
            false => Ok(()),
        }
    }

    /// The factor on what `op` computes with these `kernels`: 1 unless it is to be wrong.
    pub fn factor(&self, op: &str, kernels: &str) -> f64 {
        let with_kernels = format!("{op}/{kernels}");
        let is_meant = |wrong: &String| *wrong == op || *wrong == with_kernels;
        match self.wrong.iter().any(is_meant) {
            true => 1.01,
            false => 1.0,
        }
    }

    /// Counts a piece of guarded work; fails or delays it where that was asked for.
    pub(super) fn before(&self, doing: &str) -> Result<(), String> {
        if doing != "training" {
            return Ok(());
        }
        let number = self.done.fetch_add(1, Ordering::SeqCst) + 1;
        if !self.slow.is_zero() {
            std::thread::sleep(self.slow);
        }
        let due = |failure: &&Failure| {
            number == failure.from || (failure.repeated && number > failure.from)
        };
        match self.failures.iter().find(due) {
            Some(failure) => Err(failure.message.into()),
            None => Ok(()),
        }
    }
}
