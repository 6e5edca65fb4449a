//! `gpu-mnist config`: the settings and where each comes from.

use clap::Args;
use comfy_table::presets;
use serde_json::json;
use toml_edit::Value;

use crate::cli::{self, DataSetArgs, DeviceArgs, SettingsArgs};
use crate::report::text::table;

/// Flags of `config`.
#[derive(Args, Debug)]
pub struct ConfigArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    #[command(flatten)]
    data: DataSetArgs,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
    /// A settings file with every setting: the comments of the default and of --config are kept
    #[arg(long, conflicts_with = "json")]
    toml: bool,
}

/// # Errors
/// Those of the settings.
pub fn run(args: &ConfigArgs) -> anyhow::Result<()> {
    let mut layers = args.settings.layers()?;
    args.device.apply(&mut layers)?;
    args.data.apply(&mut layers)?;
    cli::resolve(&layers)?;
    if args.toml {
        return cli::print(&layers.to_toml());
    }
    let entries = layers.entries();
    if args.json {
        let settings: serde_json::Map<String, serde_json::Value> = entries
            .iter()
            .map(|entry| {
                let value =
                    json!({"value": json_value(&entry.value), "origin": entry.origin.to_string()});
                (entry.key.clone(), value)
            })
            .collect();
        return cli::print(&format!("{}\n", json!({ "settings": settings })));
    }
    let mut shown = table(presets::NOTHING);
    shown.set_header(["Setting", "Value", "Origin"]);
    for entry in entries {
        shown.add_row([
            entry.key,
            shown_value(&entry.value),
            entry.origin.to_string(),
        ]);
    }
    cli::print(&format!("{shown}\n"))
}

/// An entry of a list a line.
fn shown_value(value: &Value) -> String {
    match value {
        Value::Array(list) if !list.is_empty() => {
            let entries: Vec<String> = list.iter().map(|entry| entry.to_string()).collect();
            entries
                .iter()
                .map(|entry| entry.trim())
                .collect::<Vec<_>>()
                .join("\n")
        }
        plain => plain.to_string().trim().into(),
    }
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
