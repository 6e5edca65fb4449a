//! Slurm: a script for `sbatch --array`, and `squeue`.

use std::path::Path;

use super::{LOGS, Queue, Queued, UsageError, Work, head, reason, run, shell, spec};

/// What its script is called.
const SCRIPT: &str = "job-slurm.sh";
/// Reasons that do not go away by themselves.
const STUCK: &[&str] = &[
    "JobHeldUser",
    "JobHeldAdmin",
    "launch failed requeued held",
    "PartitionConfig",
    "PartitionTimeLimit",
    "PartitionNodeLimit",
    "BadConstraints",
    "DependencyNeverSatisfied",
];

pub struct Slurm;

impl Queue for Slurm {
    /// It becomes the program itself, so that signals reach it.
    fn script(
        &self,
        work: &Work<'_>,
        trials: &[usize],
    ) -> Result<(&'static str, String), UsageError> {
        let job = work.job;
        // A percent sign would begin a pattern.
        let log = work
            .folder
            .join(LOGS)
            .display()
            .to_string()
            .replace('%', "%%");
        if log.contains('"') || log.contains('\\') {
            return Err(UsageError(format!(
                "{log}: Slurm takes no path with quotation marks or backslashes; move the sweep"
            )));
        }
        let mut lines = head("sbatch", SCRIPT, trials);
        let mut option = |text: String| lines.push(format!("#SBATCH {text}"));
        option(format!("--job-name=\"{}\"", work.name()));
        option(format!("--output=\"{log}/slurm-%a.log\""));
        // A trial that starts again keeps what it said before.
        option("--open-mode=append".into());
        option("--requeue".into());
        option("--nodes=1".into());
        option("--ntasks=1".into());
        option(format!("--cpus-per-task={}", job.cpus));
        if let Some(name) = &job.partition {
            option(format!("--partition={name}"));
        }
        if let Some(gpus) = job.gpus {
            option(format!("--gres=gpu:{gpus}"));
        }
        if let Some(time) = &job.time {
            option(format!("--time={time}"));
            // It is told to save before that.
            option("--signal=B:TERM@60".into());
        }
        for more in &job.option {
            option(more.clone());
        }
        // Without cgroups a job sees all cores of its node.
        lines.push("export RAYON_NUM_THREADS=\"${SLURM_CPUS_PER_TASK:-1}\"".into());
        lines.push(format!("exec {}", shell(&work.trial())));
        Ok((SCRIPT, lines.join("\n") + "\n"))
    }

    fn command(&self, work: &Work<'_>, script: &Path, trials: &[usize]) -> Vec<String> {
        let most = work
            .job
            .at_once
            .map_or_else(String::new, |most| format!("%{most}"));
        let array = format!("--array={}{most}", spec(trials));
        let script = script.display().to_string();
        vec!["sbatch".into(), "--parsable".into(), array, script]
    }

    fn queued(&self, job: &str) -> anyhow::Result<Vec<Queued>> {
        let words = ["squeue", "-h", "-r", "-j", job, "-o", "%K|%T|%r"].map(String::from);
        let output = run(&words)?;
        if !output.status.success() {
            let reason = reason(&output);
            // It ended so long ago that Slurm has forgotten it.
            anyhow::ensure!(reason.contains("Invalid job id"), "{reason}");
            return Ok(Vec::new());
        }
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        let queued = |line: &str| {
            let mut parts = line.split('|').map(str::trim);
            Some(Queued {
                trial: parts.next()?.parse().ok()?,
                is_running: parts.next()? == "RUNNING",
                reason: parts.next()?.into(),
            })
        };
        Ok(text.lines().filter_map(queued).collect())
    }

    fn cancel(&self, jobs: &[&str]) -> String {
        format!("scancel {}", jobs.join(" "))
    }

    fn is_stuck(&self, reason: &str) -> bool {
        STUCK.contains(&reason) || reason.starts_with("Assoc")
    }

    fn hint(&self, said: &str) -> &'static str {
        match said.contains("Invalid job array") {
            true => {
                "Slurm's MaxArraySize may be too small for so many trials: plan fewer, or have it raised"
            }
            false => "see that Slurm answers here (`sinfo`), then submit again: the plan is kept",
        }
    }
}
