//! A HyperQueue of one worker with two processors: `hq server` and `hq worker`, with all they keep in a temporary folder.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::{Machine, missing, skip, try_output, wait};

pub struct HyperQueue {
    worker: Option<Machine>,
    server: Machine,
    program: PathBuf,
    // Last, for it must outlive those who write into it.
    folder: TempDir,
}

impl HyperQueue {
    /// A server and a worker; without `hq` in PATH (`GPU_MNIST_HQ` names another) `test` is named as skipped.
    pub fn start(test: &str) -> Option<Self> {
        let program = std::env::var("GPU_MNIST_HQ").unwrap_or_else(|_| "hq".into());
        if let Some(why) = missing(&[&program]) {
            skip("hq", test, &why);
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let program = PathBuf::from(program);
        let mut command = Command::new(&program);
        command
            .args(["server", "start", "--host", "127.0.0.1"])
            .env("HQ_SERVER_DIR", folder.path().join("server"));
        let server = Machine::start(&command, &folder.path().join("server.log"));
        let mut cluster = Self {
            worker: None,
            server,
            program,
            folder,
        };
        wait("a server of HyperQueue", 30, || {
            assert!(cluster.server.runs(), "{}", cluster.logs());
            cluster.ask(&["server", "info"])
        });
        cluster.start_worker();
        Some(cluster)
    }

    /// What `HQ_SERVER_DIR` must be for every command that means this server.
    pub fn server(&self) -> PathBuf {
        self.folder.path().join("server")
    }

    /// A `PATH` in which `hq` is found.
    pub fn path(&self) -> PathBuf {
        let known = std::env::var_os("PATH").unwrap_or_default();
        let own = self.program.parent().filter(|folder| folder.is_absolute());
        let folders = own
            .map(Path::to_path_buf)
            .into_iter()
            .chain(std::env::split_paths(&known));
        std::env::join_paths(folders).expect("folders").into()
    }

    /// What `hq` prints.
    pub fn ask(&self, arguments: &[&str]) -> Result<String, String> {
        try_output(
            Command::new(&self.program)
                .args(arguments)
                .env("HQ_SERVER_DIR", self.server()),
        )
    }

    pub fn start_worker(&mut self) {
        let mut command = Command::new(&self.program);
        command
            .args(["worker", "start", "--cpus", "2"])
            .env("HQ_SERVER_DIR", self.server());
        self.worker = Some(Machine::start(
            &command,
            &self.folder.path().join("worker.log"),
        ));
        wait("a worker of HyperQueue", 30, || {
            let listed = self.ask(&["worker", "list", "--output-mode=json"])?;
            let found: serde_json::Value =
                serde_json::from_str(&listed).map_err(|error| error.to_string())?;
            match found.as_array().is_some_and(|workers| !workers.is_empty()) {
                true => Ok(()),
                false => Err(self.logs()),
            }
        });
    }

    /// The power fails: all that ran on the worker's machine is gone.
    pub fn kill_worker(&mut self) {
        drop(self.worker.take());
    }

    fn logs(&self) -> String {
        let log =
            |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        ["server.log", "worker.log"].map(log).join("\n--\n")
    }
}
