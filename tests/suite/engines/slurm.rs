//! A Slurm of one node with two processors: `munged`, `slurmctld` and `slurmd`, with all they keep in a temporary folder.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use tempfile::TempDir;

use super::{Machine, free_port, missing, skip, try_output, wait};

pub struct Slurm {
    node: Option<Machine>,
    controller: Machine,
    _munge: Machine,
    // Last, for it must outlive those who write into it.
    folder: TempDir,
}

const NODE: &str = "node";

impl Slurm {
    /// A cluster that takes jobs; without Slurm here `test` is named as skipped.
    pub fn start(test: &str) -> Option<Self> {
        // Debian keeps daemons where only root's PATH leads.
        let programs = [
            &daemon("munged"),
            &daemon("slurmctld"),
            &daemon("slurmd"),
            "sbatch",
            "squeue",
            "scontrol",
        ];
        if let Some(why) = missing(&programs) {
            skip("slurm", test, &why);
            return None;
        }
        let folder = tempfile::tempdir().expect("a folder");
        let munge = start_munge(&folder);
        let (port, node_port) = (free_port(), free_port());
        fs::write(
            folder.path().join("slurm.conf"),
            configuration(&folder, port, node_port),
        )
        .expect("written");
        for name in ["state", "spool"] {
            fs::create_dir(folder.path().join(name)).expect("made");
        }
        let mut command = Command::new(daemon("slurmctld"));
        command
            .arg("-D")
            .env("SLURM_CONF", folder.path().join("slurm.conf"));
        let controller = Machine::start(&command, &folder.path().join("slurmctld.log"));
        let mut cluster = Self {
            node: None,
            controller,
            _munge: munge,
            folder,
        };
        cluster.start_node();
        Some(cluster)
    }

    /// What `SLURM_CONF` must be for every command that means this cluster.
    pub fn configuration(&self) -> PathBuf {
        self.folder.path().join("slurm.conf")
    }

    /// What a command of Slurm prints.
    pub fn ask(&self, program: &str, arguments: &[&str]) -> Result<String, String> {
        try_output(
            Command::new(program)
                .args(arguments)
                .env("SLURM_CONF", self.configuration()),
        )
    }

    /// Starts the node, and at once what waits for its turn after a lost node: Slurm would let it wait two minutes.
    pub fn start_node(&mut self) {
        let mut command = Command::new(daemon("slurmd"));
        command
            .args(["-D", "-f"])
            .arg(self.configuration())
            .env("SLURM_CONF", self.configuration());
        self.node = Some(Machine::start(
            &command,
            &self.folder.path().join("slurmd.log"),
        ));
        wait("a node that takes jobs", 60, || {
            if !self.controller.runs() {
                panic!("slurmctld ended: {}", self.logs());
            }
            match self.ask("sinfo", &["-h", "-o", "%T"])?.as_str() {
                "idle" | "mixed" | "allocated" => Ok(()),
                state => Err(format!("{state}\n{}", self.logs())),
            }
        });
        for job in self
            .ask("squeue", &["-h", "-r", "-t", "PENDING", "-o", "%i"])
            .expect("the queue")
            .lines()
        {
            // One that started meanwhile refuses.
            let _ = self.ask(
                "scontrol",
                &["update", &format!("JobId={job}"), "StartTime=now"],
            );
        }
    }

    /// The power fails: all that ran on the node is gone, and the controller hears of it.
    pub fn kill_node(&mut self) {
        drop(self.node.take());
        let named = format!("NodeName={NODE}");
        self.ask(
            "scontrol",
            &["update", &named, "State=DOWN", "Reason=killed"],
        )
        .expect("down");
    }

    fn logs(&self) -> String {
        let log =
            |name: &str| fs::read_to_string(self.folder.path().join(name)).unwrap_or_default();
        let tail = |text: String| text.lines().rev().take(12).collect::<Vec<_>>().join("\n");
        ["munged.log", "slurmctld.log", "slurmd.log"]
            .map(|name| tail(log(name)))
            .join("\n--\n")
    }
}

fn daemon(name: &str) -> String {
    format!("/usr/sbin/{name}")
}

/// Its key and socket are private to the cluster. It insists on who may enter and write its folder.
fn start_munge(folder: &TempDir) -> Machine {
    let mode = |path: &std::path::Path, mode| {
        fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("changed")
    };
    mode(folder.path(), 0o711);
    let key = folder.path().join("key");
    fs::write(&key, [7; 1024]).expect("written");
    mode(&key, 0o400);
    let mut command = Command::new(daemon("munged"));
    command.arg("--foreground");
    for (option, file) in [
        ("key-file", "key"),
        ("socket", "socket"),
        ("pid-file", "munged.pid"),
        ("seed-file", "seed"),
    ] {
        command.arg(format!("--{option}={}", folder.path().join(file).display()));
    }
    let mut machine = Machine::start(&command, &folder.path().join("munged.log"));
    wait("munged", 20, || {
        match (folder.path().join("socket").exists(), machine.runs()) {
            (true, _) => Ok(()),
            (false, true) => Err("no socket yet".into()),
            (false, false) => panic!(
                "munged ended: {:?}",
                fs::read_to_string(folder.path().join("munged.log"))
            ),
        }
    });
    machine
}

fn configuration(folder: &TempDir, port: u16, node_port: u16) -> String {
    let host = fs::read_to_string("/proc/sys/kernel/hostname").expect("a name");
    let host = host.trim().split('.').next().expect("a name").to_string();
    let user = try_output(Command::new("id").arg("-un")).expect("a user");
    let folder = folder.path().display();
    format!(
        "ClusterName=test
SlurmctldHost={host}(127.0.0.1)
SlurmctldPort={port}
SlurmdPort={node_port}
AuthType=auth/munge
AuthInfo=socket={folder}/socket
SlurmUser={user}
SlurmdUser={user}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerType=sched/builtin
SchedulerParameters=batch_sched_delay=0,sched_min_interval=0
SlurmdParameters=config_overrides
ReturnToService=2
JobRequeue=1
KillWait=5
MailProg=/bin/true
NodeName={NODE} NodeHostname={host} NodeAddr=127.0.0.1 CPUs=2 State=UNKNOWN
PartitionName=main Nodes=ALL Default=YES MaxTime=INFINITE State=UP
"
    )
}
