//! Sweeps on the engines that clusters have, the real ones: started here for the length of a test, in a folder of its
//! own, and gone with it.

#![cfg(target_os = "linux")]

mod hyperqueue;
mod slurm;
mod sweeps;
mod tests;

use std::fs::File;
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// A daemon in process and mount namespaces of its own: killed, it takes all that it started with it, as a machine that
/// loses its power does. It dies with the test that started it.
struct Machine(Child);

impl Machine {
    /// `log` takes what the daemon says.
    fn start(command: &Command, log: &Path) -> Self {
        let log = File::options().create(true).append(true).open(log);
        let log = log.expect("a log");
        let child = isolated(command)
            .stdin(Stdio::null())
            .stdout(log.try_clone().expect("twice"))
            .stderr(log)
            .spawn();
        Self(child.expect("started"))
    }

    fn runs(&mut self) -> bool {
        self.0.try_wait().expect("its state").is_none()
    }
}

impl Drop for Machine {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The command as a first process that the rest of the system does not see.
fn isolated(command: &Command) -> Command {
    let mut whole = Command::new("setpriv");
    whole
        .args(["--pdeathsig", "KILL"])
        .args(["unshare", "--pid", "--fork", "--mount-proc", "--kill-child"])
        .arg(command.get_program())
        .args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => whole.env(name, value),
            None => whole.env_remove(name),
        };
    }
    if let Some(folder) = command.get_current_dir() {
        whole.current_dir(folder);
    }
    whole
}

/// Why a [`Machine`] cannot be had here, or a program that is needed.
fn missing(programs: &[&str]) -> Option<String> {
    for program in programs {
        let found = std::env::split_paths(&std::env::var_os("PATH").unwrap_or_default())
            .any(|folder| folder.join(program).is_file());
        if !found && !Path::new(program).is_file() {
            return Some(format!("no {program} in PATH"));
        }
    }
    let tried = isolated(&Command::new("true")).output();
    match tried {
        Ok(output) if output.status.success() => None,
        Ok(output) => Some(said(&output).trim().to_string()),
        Err(error) => Some(format!("setpriv: {error}")),
    }
}

/// Names a test that needs what is not here, past the capture of the test runner.
fn skip(engine: &str, test: &str, why: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED ({engine}): {test}: {why}");
}

fn said(output: &Output) -> String {
    let both = [output.stdout.as_slice(), output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).into_owned()
}

/// What a command prints; `Err` with all it said where it failed.
fn try_output(command: &mut Command) -> Result<String, String> {
    let output = command.output().map_err(|error| error.to_string())?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).trim().to_string()),
        false => Err(format!("{command:?}: {}", said(&output))),
    }
}

/// Asks until the answer is there; after `seconds` the test fails with the last reason why it was not.
fn wait<T>(what: &str, seconds: u64, mut ask: impl FnMut() -> Result<T, String>) -> T {
    let end = Instant::now() + Duration::from_secs(seconds);
    loop {
        match ask() {
            Ok(answer) => return answer,
            Err(why) if Instant::now() > end => panic!("{what}, after {seconds} s: {why}"),
            Err(_) => std::thread::sleep(Duration::from_millis(100)),
        }
    }
}

/// A free port, and one that another test does not get at the same time: the system hands them out in turn.
fn free_port() -> u16 {
    let socket = std::net::TcpListener::bind(("127.0.0.1", 0)).expect("a port");
    socket.local_addr().expect("bound").port()
}
