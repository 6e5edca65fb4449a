//! What `doctor` found, as a person reads it.

use std::fmt::Write;
use std::path::PathBuf;

use comfy_table::presets;
use serde::Serialize;

use super::text::table;
use crate::checks::Finding;
use crate::device::{AdapterInfo, Capabilities, DeviceInfo};

/// What `doctor` found out, and on what.
#[derive(Serialize)]
pub struct Report {
    pub version: &'static str,
    /// Versions of what the kernels run on.
    pub libraries: &'static str,
    pub kernel_set: &'static str,
    pub os: String,
    pub passed: bool,
    pub devices: Vec<Examined>,
}

/// One device.
#[derive(Serialize)]
pub struct Examined {
    pub name: String,
    pub device: Option<DeviceInfo>,
    /// `None` for the CPU.
    pub adapter: Option<AdapterInfo>,
    pub capabilities: Option<Capabilities>,
    /// The folder of what is remembered of the adapter.
    pub store: Option<PathBuf>,
    /// Why it could not be opened.
    pub error: Option<String>,
    pub findings: Vec<Finding>,
    pub failed: Vec<String>,
    pub passed: bool,
}

/// The findings of every device as tables, then what a bug report needs.
pub fn text(report: &Report) -> String {
    let mut text = String::new();
    for examined in &report.devices {
        let _ = writeln!(text, "{}", examined.name);
        if let Some(error) = &examined.error {
            let _ = writeln!(text, "{error}\n");
            continue;
        }
        let _ = writeln!(
            text,
            "{}\n\n{}\n",
            findings(&examined.findings),
            verdict(examined)
        );
    }
    let _ = writeln!(text, "For a bug report\n{}", background(report));
    text
}

fn findings(findings: &[Finding]) -> String {
    let mut shown = table(presets::NOTHING);
    shown.set_header([
        "Kernels",
        "Operation",
        "Part",
        "Shape",
        "Error",
        "Tolerance",
        "Verdict",
    ]);
    for finding in findings {
        shown.add_row([
            finding.kernels.to_string(),
            finding.op.clone(),
            finding.part.clone(),
            finding.shape.clone(),
            finding
                .error
                .map_or_else(|| "n/a".into(), |error| format!("{error:.1e}")),
            format!("{:.0e}", finding.tolerance),
            match finding.passed {
                true => "right".into(),
                false => "WRONG".into(),
            },
        ]);
    }
    shown.trim_fmt()
}

fn verdict(examined: &Examined) -> String {
    match examined.passed {
        true => format!("{} numbers compared, all right", examined.findings.len()),
        false => format!("wrong: {}", examined.failed.join("\n       ")),
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
