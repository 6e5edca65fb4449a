//! `gpu-mnist devices`: the adapters, and which one would be used, and why.

use std::path::PathBuf;

use clap::Args;
use comfy_table::presets;
use serde::Serialize;
use serde_json::json;

use crate::cli::{self, DeviceArgs, SettingsArgs};
use crate::device::{self, AdapterInfo, driver_advice};
use crate::report::text::table;
use crate::store::Store;

/// Flags of `devices`.
#[derive(Args, Debug)]
pub struct DevicesArgs {
    #[command(flatten)]
    settings: SettingsArgs,
    #[command(flatten)]
    device: DeviceArgs,
    /// One JSON object on stdout
    #[arg(long)]
    json: bool,
}

/// An adapter in the JSON, with the folder of what is remembered of it.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    info: &'a AdapterInfo,
    store: Option<PathBuf>,
}

/// # Errors
/// [`device::DeviceError`] when the flags ask for what is not there; the list is printed first.
pub fn run(args: &DevicesArgs) -> anyhow::Result<()> {
    let mut layers = args.settings.layers()?;
    args.device.apply(&mut layers)?;
    let config = cli::resolve(&layers)?.device;
    let infos: Vec<_> = device::adapters(config.api)
        .into_iter()
        .map(|adapter| adapter.info)
        .collect();
    let choice = if config.kind == crate::config::DeviceKind::Cpu {
        Ok((None, "--device cpu".to_string()))
    } else {
        device::select(&infos, &config)
    };
    let cpu = device::Device::cpu().info;
    if args.json {
        let chosen = choice.as_ref().ok().map(|(position, reason)| match position {
            Some(position) => json!({"kind": "gpu", "index": infos[*position].index, "name": infos[*position].name, "reason": reason}),
            None => json!({"kind": "cpu", "name": cpu.name, "reason": reason}),
        });
        let adapters: Vec<_> = infos
            .iter()
            .map(|info| Listed {
                info,
                store: Store::of(info).map(|store| store.folder()),
            })
            .collect();
        cli::print(&format!(
            "{}\n",
            json!({"adapters": adapters, "cpu": cpu, "chosen": chosen})
        ))?;
    } else {
        let mut shown = table(presets::NOTHING);
        shown.set_header(["Number", "Name", "API", "Type", "Driver", "Id"]);
        for info in &infos {
            shown.add_row([
                info.index.to_string(),
                info.name.clone(),
                info.api.clone(),
                info.adapter_type.clone(),
                info.driver.clone(),
                info.id.clone(),
            ]);
        }
        shown.add_row(["cpu", &cpu.name, &cpu.api, "cpu", &cpu.driver, ""]);
        cli::print(&format!("{shown}\n\n"))?;
        if let Ok((position, reason)) = &choice {
            let name = position.map_or(cpu.name.clone(), |position| infos[position].to_string());
            cli::print(&format!("would be used: {name}: {reason}\n"))?;
        }
        if infos.iter().all(AdapterInfo::is_software) {
            cli::print(&format!("no hardware adapter found: {}\n", driver_advice()))?;
        }
    }
    choice?;
    Ok(())
}
