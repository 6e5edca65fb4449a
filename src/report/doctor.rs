//! What `doctor` found, as a person reads it.

use std::fmt::Write;
use std::path::PathBuf;

use serde::Serialize;

use super::look::{Look, Mark};
use super::table::{Table, left, right};
use crate::checks::{Finding, Group};
use crate::device::{AdapterInfo, Capabilities, DeviceInfo};
use crate::wording::count;

/// What `doctor` found out, and on what.
#[derive(Serialize)]
pub struct Report {
    /// Of the program.
    pub version: &'static str,
    /// Versions of what the kernels run on.
    pub libraries: &'static str,
    /// A hash of the shaders and of what launches them.
    pub kernel_set: &'static str,
    /// The operating system.
    pub os: String,
    /// Whether all devices did.
    pub passed: bool,
    /// Those examined.
    pub devices: Vec<Examined>,
}

/// One device.
#[derive(Serialize)]
pub struct Examined {
    /// What it is called.
    pub name: String,
    /// As reports name it; `None` where it could not be opened.
    pub device: Option<DeviceInfo>,
    /// `None` for the CPU.
    pub adapter: Option<AdapterInfo>,
    /// `None` for the CPU.
    pub capabilities: Option<Capabilities>,
    /// The folder of what is remembered of the adapter.
    pub store: Option<PathBuf>,
    /// Why it could not be opened.
    pub error: Option<String>,
    /// Every comparison.
    pub findings: Vec<Finding>,
    /// Those that failed, in words.
    pub failed: Vec<String>,
    /// Whether none did.
    pub passed: bool,
}

/// A line for each operation of every device, then the verdict; `background` adds what a bug
/// report needs, `look.details` every comparison.
pub fn text(report: &Report, background: bool, look: &Look) -> String {
    let mut text = String::new();
    if background {
        let _ = writeln!(text, "For a bug report\n{}\n", self::background(report));
    }
    for examined in &report.devices {
        let _ = writeln!(text, "{}", look.mark(Mark::Title, &examined.name));
        if let Some(error) = &examined.error {
            let _ = writeln!(text, "{}\n", look.mark(Mark::Bad, error));
            continue;
        }
        let found = match look.details {
            true => comparisons(&examined.findings, look),
            false => operations(&examined.findings, look),
        };
        let _ = writeln!(
            text,
            "{}\n\n{}\n",
            found.text(look.width),
            verdict(examined, look)
        );
    }
    text.truncate(text.trim_end().len());
    text + "\n"
}

/// An operation with one kind of kernels.
fn operations(findings: &[Finding], look: &Look) -> Table {
    let mut table = Table::new([
        left("Operation").least(20),
        left("Kernels"),
        right("Cases"),
        right("Worst error"),
        right("Tolerance").short("Limit"),
        left("Verdict"),
    ]);
    let mut order: Vec<(Group, &str)> = Vec::new();
    for finding in findings {
        let operation = (finding.kernels, finding.op.as_str());
        if !order.contains(&operation) {
            order.push(operation);
        }
    }
    for (kernels, op) in order {
        let of = |finding: &&Finding| finding.kernels == kernels && finding.op == op;
        let cases = findings.iter().filter(of);
        let wrong = cases.clone().filter(|finding| !finding.passed).count();
        let Some(worst) = cases.clone().max_by(|a, b| share(a).total_cmp(&share(b))) else {
            continue;
        };
        table.row([
            op.into(),
            kernels.to_string(),
            cases.count().to_string(),
            error(worst),
            format!("{:.0e}", worst.tolerance),
            match wrong {
                0 => look.mark(Mark::Good, "right"),
                wrong => look.mark(Mark::Bad, &format!("WRONG in {wrong}")),
            },
        ]);
    }
    table
}

/// An error as a multiple of what is tolerated; what is no number is worst.
fn share(finding: &Finding) -> f64 {
    match finding.error {
        // A tolerance of 0 admits nothing.
        Some(0.0) => 0.0,
        Some(error) => error / finding.tolerance,
        None => f64::INFINITY,
    }
}

fn error(finding: &Finding) -> String {
    finding
        .error
        .map_or_else(|| "n/a".into(), |error| format!("{error:.1e}"))
}

fn comparisons(findings: &[Finding], look: &Look) -> Table {
    let mut table = Table::new([
        left("Operation").least(14),
        left("Kernels"),
        left("Part").least(12),
        left("Shape").least(12),
        right("Error"),
        right("Tolerance").short("Limit"),
        left("Verdict"),
    ]);
    for finding in findings {
        table.row([
            finding.op.clone(),
            finding.kernels.to_string(),
            finding.part.clone(),
            finding.shape.clone(),
            error(finding),
            format!("{:.0e}", finding.tolerance),
            match finding.passed {
                true => look.mark(Mark::Good, "right"),
                false => look.mark(Mark::Bad, "WRONG"),
            },
        ]);
    }
    table
}

fn verdict(examined: &Examined, look: &Look) -> String {
    let all = count(examined.findings.len(), "comparison");
    match examined.passed {
        true => format!("{}: {all}, none failed", look.mark(Mark::Good, "right")),
        false => format!(
            "{}: {} of {all} failed:\n  {}",
            look.mark(Mark::Bad, "WRONG"),
            examined.failed.len(),
            examined.failed.join("\n  ")
        ),
    }
}

fn background(report: &Report) -> String {
    let mut lines = vec![
        format!(
            "gpu-mnist {} ({}), kernel set {}",
            report.version, report.libraries, report.kernel_set
        ),
        format!("system: {}", report.os),
    ];
    for examined in &report.devices {
        match (&examined.adapter, &examined.device) {
            (Some(adapter), _) => lines.push(format!(
                "adapter {}: {adapter}, id {}, bus {}, driver {}",
                adapter.index,
                adapter.id,
                match adapter.bus.is_empty() {
                    true => "unknown",
                    false => &adapter.bus,
                },
                adapter.driver
            )),
            (None, Some(cpu)) => lines.push(format!("CPU: {}, {}", cpu.name, cpu.driver)),
            (None, None) => {}
        }
        if let Some(capabilities) = &examined.capabilities {
            let limits: Vec<String> = capabilities
                .limits
                .iter()
                .map(|(name, limit)| format!("{name} {limit}"))
                .collect();
            let [least, most] = capabilities.subgroup_sizes;
            lines.push(format!("  subgroups of {least} to {most}"));
            lines.push(format!("  limits: {}", limits.join(", ")));
            lines.push(format!("  features: {}", capabilities.features.join(", ")));
        }
    }
    lines.join("\n")
}
