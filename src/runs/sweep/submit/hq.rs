//! HyperQueue: a script for `hq submit --array`, and `hq job info`.

use std::path::Path;

use super::{LOGS, Queue, Queued, UsageError, Work, head, reason, run, shell, spec};

/// What its script is called.
const SCRIPT: &str = "job-hq.sh";

pub struct HyperQueue;

impl Queue for HyperQueue {
    fn script(
        &self,
        work: &Work<'_>,
        trials: &[usize],
    ) -> Result<(&'static str, String), UsageError> {
        let job = work.job;
        for (flag, is_set) in [
            ("--partition", job.partition.is_some()),
            ("--at-once", job.at_once.is_some()),
        ] {
            if is_set {
                return Err(UsageError(format!(
                    "{flag}: HyperQueue has no such thing; its workers decide (`hq alloc add`); leave it out"
                )));
            }
        }
        let mut lines = head("hq submit", SCRIPT, trials);
        let mut option = |text: String| lines.push(format!("#HQ {text}"));
        option(format!("--name=\"{}\" --cpus={}", work.name(), job.cpus));
        if let Some(gpus) = job.gpus {
            option(format!("--resource gpus/nvidia={gpus}"));
        }
        if let Some(time) = &job.time {
            option(format!("--time-limit={time} --time-request={time}"));
        }
        // It would begin its files anew each time a task starts again.
        option("--stdout=none --stderr=none".into());
        for more in &job.option {
            option(more.clone());
        }
        // Tasks have the environment of their worker.
        if let Ok(folder) = std::env::var("GPU_MNIST_DATA_DIR") {
            let words = [format!("GPU_MNIST_DATA_DIR={folder}")];
            lines.push(format!("export {}", shell(&words)));
        }
        lines.push(format!("export RAYON_NUM_THREADS={}", job.cpus));
        let logs = shell(&[format!("{}/", work.folder.join(LOGS).display())]);
        lines.push(format!(
            "exec {} >> {logs}\"hq-$HQ_TASK_ID.log\" 2>&1",
            shell(&work.trial())
        ));
        Ok((SCRIPT, lines.join("\n") + "\n"))
    }

    fn command(&self, _work: &Work<'_>, script: &Path, trials: &[usize]) -> Vec<String> {
        let array = format!("--array={}", spec(trials));
        let words = ["hq", "--output-mode=quiet", "submit"].map(Into::into);
        let script = script.display().to_string();
        words.into_iter().chain([array, script]).collect()
    }

    /// A server that is started anew counts from 1 again.
    fn server(&self) -> anyhow::Result<String> {
        let found = asked(&["server", "info"])?;
        Ok(found["server_uid"].as_str().unwrap_or_default().into())
    }

    fn queued(&self, job: &str) -> anyhow::Result<Vec<Queued>> {
        let found = asked(&["job", "info", job])?;
        // Nothing of a job that it does not know.
        let tasks = found[0]["tasks"].as_array().cloned().unwrap_or_default();
        let queued = |task: &serde_json::Value| {
            let state = task["state"].as_str()?.to_lowercase();
            let is_running = state == "running";
            let trial = usize::try_from(task["id"].as_u64()?).ok()?;
            (is_running || state == "waiting").then_some(Queued {
                trial,
                is_running,
                reason: String::new(),
            })
        };
        Ok(tasks.iter().filter_map(queued).collect())
    }

    fn cancel(&self, jobs: &[&str]) -> String {
        format!("hq job cancel {}", jobs.join(","))
    }
}

/// What it answers.
fn asked(words: &[&str]) -> anyhow::Result<serde_json::Value> {
    let words = ["hq", "--output-mode=json"].iter().chain(words);
    let words: Vec<String> = words.map(ToString::to_string).collect();
    let output = run(&words)?;
    anyhow::ensure!(output.status.success(), "{}", reason(&output));
    Ok(serde_json::from_slice(&output.stdout)?)
}
