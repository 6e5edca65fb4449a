//! `gpu-mnist devices`: the adapters, and which one would be used, and why.

use std::path::PathBuf;

use clap::Args;
use console::measure_text_width;
use serde::Serialize;
use serde_json::json;

use super::args::{ComputeArgs, FormatArgs};
use crate::device::store::Store;
use crate::device::{self, AdapterInfo, DeviceInfo, driver_advice};
use crate::kernels::tiles::Timed;
use crate::report::look::Look;
use crate::report::table::{Table, left};
use crate::report::text::wrapped;
use crate::terminal::print;

/// Flags of `devices`.
#[derive(Args, Debug)]
#[command(after_help = "\
For example:
  gpu-mnist devices                 what is there, and what would be used
  gpu-mnist devices --adapter 3060  whether that names an adapter")]
pub struct DevicesArgs {
    #[command(flatten)]
    compute: ComputeArgs,
    #[command(flatten)]
    output: FormatArgs,
}

/// An adapter in the JSON, with the folder of what is remembered of it, and which tiles were timed on it.
#[derive(Serialize)]
struct Listed<'a> {
    #[serde(flatten)]
    info: &'a AdapterInfo,
    store: Option<PathBuf>,
    tiles: Vec<Timed>,
}

/// # Errors
/// [`device::DeviceError`] when the flags ask for what is not there; the list is printed first.
pub fn run(args: &DevicesArgs) -> anyhow::Result<()> {
    let reads = [
        "device.kind",
        "device.adapter",
        "device.api",
        "device.hardware_only",
    ];
    args.compute.settings.only("devices", &reads)?;
    let config = args.compute.config()?.device;
    device::environment()?;
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
    if args.output.json() {
        let chosen = choice.as_ref().ok().map(|(position, reason)| match position {
            Some(position) => json!({"kind": "gpu", "index": infos[*position].index, "name": infos[*position].name, "reason": reason}),
            None => json!({"kind": "cpu", "name": cpu.name, "reason": reason}),
        });
        let adapters: Vec<_> = infos
            .iter()
            .map(|info| {
                let store = Store::of(info);
                Listed {
                    info,
                    tiles: store.as_ref().map(Store::timed).unwrap_or_default(),
                    store: store.map(|store| store.folder()),
                }
            })
            .collect();
        print(&format!(
            "{}\n",
            json!({"adapters": adapters, "cpu": cpu, "chosen": chosen})
        ))?;
    } else {
        let look = Look::of_stdout(false);
        print(&format!("{}\n\n", listed(&infos, &cpu, &look)))?;
        if let Ok((position, reason)) = &choice {
            let name = position.map_or(cpu.name.clone(), |position| infos[position].to_string());
            let text = format!("would be used: {name}: {reason}");
            print(&(wrapped(&text, look.width, "  ") + "\n"))?;
        }
        if infos.iter().all(AdapterInfo::is_software) {
            let text = format!("no hardware adapter found: {}", driver_advice());
            print(&(wrapped(&text, look.width, "  ") + "\n"))?;
        }
    }
    choice?;
    Ok(())
}

/// A table, or where that is too wide two lines a device.
fn listed(infos: &[AdapterInfo], cpu: &DeviceInfo, look: &Look) -> String {
    let mut table = Table::new([
        left("Number"),
        left("Name"),
        left("API"),
        left("Type"),
        left("Driver"),
        left("Id"),
    ]);
    let mut lines = Vec::new();
    let mut add = |number: &str, name: &str, rest: [&str; 4]| {
        let [api, kind, driver, id] = rest;
        table.row([number, name, api, kind, driver, id].map(String::from));
        let indent = " ".repeat(7);
        let known: Vec<&str> = rest.into_iter().filter(|word| !word.is_empty()).collect();
        lines.push(wrapped(
            &format!("  {number:<3}  {name}"),
            look.width,
            &indent,
        ));
        let known = format!("{indent}{}", known.join(", "));
        lines.push(wrapped(&known, look.width, &indent));
    };
    for info in infos {
        let rest = [&info.api, &info.adapter_type, &info.driver, &info.id];
        add(
            &info.index.to_string(),
            &info.name,
            rest.map(|word| word.as_str()),
        );
    }
    add("cpu", &cpu.name, ["", "cpu", &cpu.driver, ""]);
    let text = table.text(usize::MAX);
    match text
        .lines()
        .all(|line| measure_text_width(line) <= look.width)
    {
        true => text,
        false => lines.join("\n"),
    }
}
