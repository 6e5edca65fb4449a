//! `gpu-mnist config`: the settings and where each comes from.

use clap::Args;
use serde_json::json;
use toml_edit::Value;

use super::args::{WorkArgs, resolve};
use crate::config::{Entry, Layers, did_you_mean};
use crate::exit::UsageError;
use crate::report::look::Look;
use crate::report::table::{Table, left};
use crate::report::text::wrapped;
use crate::terminal::print;

/// Flags of `config`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist config training                               one section
  gpu-mnist config --config best --changed                what a preset changes
  gpu-mnist config --config best --format toml > my.toml  a file to edit")]
pub struct ConfigArgs {
    /// Only these settings: a section such as training, or a key such as training.epochs
    #[arg(value_name = "SECTION")]
    section: Option<String>,
    /// Only settings that are not the default
    #[arg(long, help_heading = "Output")]
    changed: bool,
    #[command(flatten)]
    work: WorkArgs,
    /// How to print them; toml: a settings file with every setting, the comments of the default and
    /// of --config kept
    #[arg(long, value_enum, default_value_t = Format::Text, help_heading = "Output")]
    format: Format,
    /// The same as --format json
    #[arg(long, conflicts_with = "format", help_heading = "Output")]
    json: bool,
    /// The same as --format toml
    #[arg(long, conflicts_with_all = ["json", "format", "section", "changed"])]
    #[arg(help_heading = "Output")]
    toml: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Text,
    Json,
    Toml,
}

/// # Errors
/// Those of the settings.
pub fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    let layers = args.work.over(Layers::default())?;
    resolve(&layers)?;
    if args.toml || args.format == Format::Toml {
        if args.section.is_some() || args.changed {
            let reason = "--format toml writes every setting: leave out SECTION and --changed";
            return Err(UsageError(reason.into()).into());
        }
        return print(&layers.to_toml());
    }
    let entries = chosen(args, layers.entries())?;
    if args.json || args.format == Format::Json {
        let settings: serde_json::Map<String, serde_json::Value> = entries
            .iter()
            .map(|entry| {
                let value =
                    json!({"value": json_value(&entry.value), "origin": entry.origin.to_string()});
                (entry.key.clone(), value)
            })
            .collect();
        return print(&format!("{}\n", json!({ "settings": settings })));
    }
    if entries.is_empty() {
        tracing::info!("every setting is the default");
        return Ok(());
    }
    print(&(shown(&entries, Look::of_stdout(false).width) + "\n"))
}

/// The entries that were asked for.
fn chosen(args: &ConfigArgs, all: Vec<Entry>) -> Result<Vec<Entry>, UsageError> {
    let mut entries = all.clone();
    if let Some(section) = &args.section {
        let below = format!("{section}.");
        entries.retain(|entry| entry.key == *section || entry.key.starts_with(&below));
        if entries.is_empty() {
            let mut known: Vec<String> = Vec::new();
            for entry in &all {
                let (section, _) = entry.key.split_once('.').unwrap_or((&entry.key, ""));
                if !known.iter().any(|name| name == section) {
                    known.push(section.into());
                }
            }
            let keys = all.iter().map(|entry| entry.key.clone());
            let names: Vec<String> = known.iter().cloned().chain(keys).collect();
            return Err(UsageError(format!(
                "config {section}: no such section or setting{}; there are {}",
                did_you_mean(section, &names),
                known.join(", ")
            )));
        }
    }
    let defaults = Layers::default().entries();
    let is_default = |entry: &Entry| {
        let default = defaults.iter().find(|default| default.key == entry.key);
        default.is_some_and(|default| plain(&default.value) == plain(&entry.value))
    };
    entries.retain(|entry| !args.changed || !is_default(entry));
    Ok(entries)
}

/// A table; a list stands below its key, an entry a line.
fn shown(entries: &[Entry], width: usize) -> String {
    let mut table = Table::new([
        left("Setting"),
        left("Value").least(12),
        left("Origin").least(12).keeps_end(),
    ]);
    let mut below = Vec::new();
    for entry in entries {
        let list = match &entry.value {
            Value::Array(list) if !list.is_empty() => list.iter().map(plain).collect(),
            _ => Vec::new(),
        };
        let value = match list.len() {
            0 => plain(&entry.value),
            1 => "1 entry:".into(),
            several => format!("{several} entries:"),
        };
        table.row([entry.key.clone(), value, entry.origin.to_string()]);
        below.push(list);
    }
    let text = table.text(width);
    let mut lines = text.lines();
    let mut shown: Vec<String> = lines.next().map(String::from).into_iter().collect();
    for (line, list) in lines.zip(below) {
        shown.push(line.into());
        for entry in list {
            shown.push(wrapped(&format!("      {entry}"), width, "        "));
        }
    }
    shown.join("\n")
}

fn plain(value: &Value) -> String {
    value.to_string().trim().into()
}

fn json_value(value: &Value) -> serde_json::Value {
    match value {
        Value::String(text) => json!(text.value()),
        Value::Integer(number) => json!(number.value()),
        Value::Float(number) => json!(number.value()),
        Value::Boolean(choice) => json!(choice.value()),
        Value::Array(list) => list.iter().map(json_value).collect(),
        Value::InlineTable(table) => table
            .iter()
            .map(|(key, value)| (key.to_string(), json_value(value)))
            .collect::<serde_json::Map<_, _>>()
            .into(),
        Value::Datetime(time) => json!(time.to_string()),
    }
}
