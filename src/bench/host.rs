//! What a step asks of the host: its launches, and the processor time of the thread that trains and of those of the
//! runtime, which speak to the driver. Only Linux tells times.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use cubecl::logging::{LaunchObservation, LaunchObserver};
use serde::{Deserialize, Serialize};

/// Milliseconds of processor time a step.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct HostTime {
    /// Of the thread that trains.
    pub calling: f64,
    /// Of the runtime's threads.
    pub runtime: f64,
}

/// Counts launches on all devices while `work` runs.
pub fn count_launches<T>(work: impl FnOnce() -> T) -> (T, usize) {
    #[derive(Default)]
    struct Count(AtomicUsize);
    impl LaunchObserver for Count {
        fn launched(&self, _kernel: &'static str) {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    let count = Arc::new(Count::default());
    let observation = LaunchObservation::new(count.clone());
    let found = work();
    drop(observation);
    (found, count.0.load(Ordering::Relaxed))
}

/// Processor time since a moment.
pub struct Watch(Option<HostTime>);

impl Watch {
    pub fn start() -> Self {
        Self(now())
    }

    /// A step's share of what went by, of `steps` steps.
    pub fn a_step(&self, steps: usize) -> Option<HostTime> {
        let (then, now) = (self.0?, now()?);
        let share = |now: f64, then: f64| (now - then) / steps as f64;
        Some(HostTime {
            calling: share(now.calling, then.calling),
            runtime: share(now.runtime, then.runtime),
        })
    }
}

fn now() -> Option<HostTime> {
    let mut time = HostTime {
        calling: milliseconds("/proc/thread-self/schedstat")?,
        runtime: 0.0,
    };
    for task in std::fs::read_dir("/proc/self/task").ok()?.flatten() {
        let path = task.path();
        // So CubeCL names the threads of its devices.
        let name = std::fs::read_to_string(path.join("comm")).unwrap_or_default();
        if name.starts_with("DSU-") || name.starts_with("DSD-") {
            time.runtime += milliseconds(path.join("schedstat")).unwrap_or_default();
        }
    }
    Some(time)
}

/// The processor time in the file that the kernel keeps of a thread.
fn milliseconds(path: impl AsRef<std::path::Path>) -> Option<f64> {
    let text = std::fs::read_to_string(path).ok()?;
    let nanoseconds: f64 = text.split_whitespace().next()?.parse().ok()?;
    Some(nanoseconds / 1e6)
}
