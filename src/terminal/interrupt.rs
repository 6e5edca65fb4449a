//! Ctrl-C and SIGTERM: heeded by commands that have something to save, else the end.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use super::bars;

static INTERRUPTED: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// A flag that Ctrl-C and SIGTERM raise; the second time the program ends at once.
pub fn interrupt_flag() -> Arc<AtomicBool> {
    INTERRUPTED.get_or_init(heed_interrupts).clone()
}

/// The flag of [`interrupt_flag`], in commands that asked for it: others end at once.
pub fn interrupted() -> Option<Arc<AtomicBool>> {
    INTERRUPTED.get().cloned()
}

/// Has Ctrl-C clear the terminal and end the program, in commands that have nothing to save.
pub fn end_on_interrupt() {
    let installed = ctrlc::set_handler(|| {
        bars::clear();
        std::process::exit(130);
    });
    if let Err(error) = installed {
        tracing::debug!("Ctrl-C may leave a bar on the terminal: {error}");
    }
}

fn heed_interrupts() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    let installed = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::SeqCst) {
            bars::clear();
            std::process::exit(130);
        }
        tracing::info!("stopping; Ctrl-C again ends at once, without saving");
    });
    if let Err(error) = installed {
        tracing::debug!("Ctrl-C will end the program without saving: {error}");
    }
    flag
}
