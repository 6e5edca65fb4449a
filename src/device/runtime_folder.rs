//! Mesa writes "error: XDG_RUNTIME_DIR is invalid" to stderr, as if this program had failed, where
//! the variable names no folder: over ssh, in containers, in CI. It gets one of its own.

#[cfg(target_os = "linux")]
use std::os::unix::process::CommandExt;

/// Starts the program anew with the variable set, where it names no folder: a process cannot
/// safely change its environment once libraries may read it. Returns where nothing needs to be
/// done, or nothing can.
#[cfg(target_os = "linux")]
pub fn provide() {
    const VARIABLE: &str = "XDG_RUNTIME_DIR";
    let named = std::env::var_os(VARIABLE).unwrap_or_default();
    if std::path::Path::new(&named).is_dir() {
        return;
    }
    let Some(folder) = crate::files::cache_folder().map(|cache| cache.join("runtime")) else {
        return;
    };
    let Ok(program) = std::env::current_exe() else {
        return;
    };
    if std::fs::create_dir_all(&folder).is_ok() && folder.is_absolute() {
        let mut arguments = std::env::args_os();
        let name = arguments.next().unwrap_or_else(|| program.clone().into());
        // It comes back only when it failed; then Mesa's lines stay.
        let _ = std::process::Command::new(program)
            .arg0(name)
            .args(arguments)
            .env(VARIABLE, folder)
            .exec();
    }
}

/// Other systems have no such variable.
#[cfg(not(target_os = "linux"))]
pub fn provide() {}
