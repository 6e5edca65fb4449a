//! What `bench` measured: text, CSV or Markdown. Untrusted rows are struck out.

use serde::Serialize;

use super::Format;
use super::look::Look;
use super::table::{Column, Table, left, right};
use crate::bench::compare::{Comparison, Measurement};
use crate::bench::row::{Launching, Phases, Probes, Row, Spread};
use crate::device::with_api;

const NONE: &str = "n/a";

/// Renders a measurement whole, with a final line break; `look` is that of text.
///
/// # Errors
/// Those of the JSON and CSV writers.
pub fn render(measurement: &Measurement, format: Format, look: &Look) -> anyhow::Result<String> {
    Ok(match format {
        Format::Text => tables(measurement, &|table| table.text(look.width)),
        Format::Markdown => tables(measurement, &Table::markdown),
        Format::Json => serde_json::to_string(measurement)? + "\n",
        Format::Csv => csv(measurement)?,
    })
}

fn tables(measurement: &Measurement, shown: &dyn Fn(&Table) -> String) -> String {
    let rows = &measurement.rows;
    let mut parts = vec![shown(&training(rows)), shown(&machine(rows))];
    if let Some(comparison) = &measurement.comparison {
        parts.push(shown(&compared(comparison)));
    }
    if measurement.slows_burn() {
        parts.push(
            "Burn's own operations on the CPU are not optimised in this build: time them with `cargo build --profile dist`."
                .into(),
        );
    }
    let failures: Vec<String> = rows
        .iter()
        .filter_map(|row| Some(format!("{}: {}", row.name, row.error.as_ref()?)))
        .collect();
    if !failures.is_empty() {
        parts.push(failures.join("\n"));
    }
    parts.join("\n\n") + "\n"
}

/// The columns that say which row it is.
fn keys() -> [Column; 3] {
    [
        left("Device").least(19).keeps_end(),
        left("Kernels"),
        right("Batch"),
    ]
}

fn training(rows: &[Row]) -> Table {
    let columns = [
        right("Images/s"),
        left("Losses"),
        right("Step"),
        right("p10 to p90"),
        right("Forward"),
        right("Backward"),
        right("Optimiser"),
        right("First step"),
        right("Evaluation images/s").short("Eval. im./s"),
    ];
    let rank = right("Rank").short("#");
    let mut table = Table::new([rank].into_iter().chain(keys()).chain(columns)).keys(4);
    for row in rows {
        let step = |of: &dyn Fn(Spread) -> String| cell(row, row.step_ms.map(of));
        let phase = |of: fn(&Phases) -> f64| {
            let phases = row.phases_ms.as_ref();
            cell(row, phases.map(|phases| milliseconds(of(phases))))
        };
        table.row([
            row.rank.map_or_else(|| "-".into(), |rank| rank.to_string()),
            name(row),
            row.kernels.to_string(),
            row.batch_size.to_string(),
            cell(row, row.images_per_second.map(whole)),
            losses(row),
            step(&|step| milliseconds(step.median)),
            step(&|step| format!("{} to {}", milliseconds(step.p10), milliseconds(step.p90))),
            phase(|phases| phases.forward),
            phase(|phases| phases.backward),
            phase(|phases| phases.optimizer),
            cell(row, row.first_step_ms.map(milliseconds)),
            cell(row, row.evaluation_images_per_second.map(whole)),
        ]);
    }
    table
}

fn machine(rows: &[Row]) -> Table {
    let columns = [
        right("GFLOP/s"),
        right("Matmul GFLOP/s").short("Matmul"),
        right("of matmul"),
        right("Copy GB/s").short("Copy"),
        right("Upload GB/s").short("Upload"),
        right("Launch"),
        right("Dispatches").short("Disp."),
        right("Submits"),
        right("Host time").short("Host"),
        right("Device time").short("Device"),
        right("Not replayed images/s").short("Launched"),
        right("Round trip"),
        right("Memory"),
    ];
    let mut table = Table::new(keys().into_iter().chain(columns)).keys(3);
    for row in rows {
        let probes = row.probes.as_ref();
        let probe = |of: fn(&Probes) -> String| probes.map_or_else(|| NONE.into(), of);
        let launching = |of: &dyn Fn(Launching) -> String| cell(row, row.launching.map(of));
        table.row([
            name(row),
            row.kernels.to_string(),
            row.batch_size.to_string(),
            cell(row, row.gflops.map(|rate| format!("{rate:.1}"))),
            probe(|probes| format!("{:.1}", probes.peak_gflops)),
            // No share: kernels that skip zeros or transform pass the rate of a plain product.
            cell(row, row.share_of_peak().map(|share| format!("{share:.2}x"))),
            probe(|probes| format!("{:.1}", probes.copy_gb_per_second)),
            probe(|probes| {
                probes
                    .upload_gb_per_second
                    .map_or_else(|| NONE.into(), |rate| format!("{rate:.1}"))
            }),
            probe(|probes| format!("{:.1} us", probes.launch_us)),
            launching(&|launching| launching.dispatches.to_string()),
            launching(&|launching| {
                let submits = launching.submits;
                submits.map_or_else(|| NONE.into(), |submits| format!("{submits:.2}"))
            }),
            launching(&|launching| {
                let host = launching.host_ms.map(|host| host.calling + host.runtime);
                host.map_or_else(|| NONE.into(), milliseconds)
            }),
            launching(&|launching| {
                launching
                    .device_ms
                    .map_or_else(|| NONE.into(), milliseconds)
            }),
            launching(&|launching| match launching.replayed {
                true => whole(launching.launched_images_per_second),
                false => NONE.into(),
            }),
            probe(|probes| format!("{:.1} us", probes.round_trip_us)),
            row.memory_bytes
                .map_or_else(|| NONE.into(), |bytes| format!("{} MB", bytes / 1_000_000)),
        ]);
    }
    table
}

fn compared(comparison: &[Comparison]) -> Table {
    let columns = [
        left("Compared"),
        right("Step now / then").short("Now / then"),
        right("95 % interval"),
    ];
    let has_notes = comparison.iter().any(|found| found.note.is_some());
    let notes = has_notes.then(|| left("Note").least(40));
    let columns = keys().into_iter().chain(columns).chain(notes);
    let mut table = Table::new(columns).keys(3);
    let number = |number: Option<f64>| number.map_or_else(|| NONE.into(), |n| format!("{n:.3}"));
    for found in comparison {
        let row = [
            with_api(&found.name, &found.api),
            found.kernels.to_string(),
            found.batch_size.to_string(),
            found.outcome.to_string(),
            number(found.ratio),
            match (found.low, found.high) {
                (Some(low), Some(high)) => format!("{low:.3} to {high:.3}"),
                _ => NONE.into(),
            },
        ];
        let note = has_notes.then(|| found.note.clone().unwrap_or_default());
        table.row(row.into_iter().chain(note));
    }
    table
}

fn name(row: &Row) -> String {
    let label = match row.is_software() {
        // The end stays where there is little room.
        true => format!("{} (software, {})", row.name, row.api),
        false => with_api(&row.name, &row.api),
    };
    strike(row, label)
}

/// A measured number; struck out where the losses cannot be trusted.
fn cell(row: &Row, text: Option<String>) -> String {
    text.map_or_else(|| NONE.into(), |text| strike(row, text))
}

/// Markdown's mark, which reads the same without colour.
fn strike(row: &Row, text: String) -> String {
    match row.trusted() {
        true => text,
        false => format!("~~{text}~~"),
    }
}

fn losses(row: &Row) -> String {
    match (&row.error, row.parity) {
        (Some(_), _) => "the device failed".into(),
        (None, None) => NONE.into(),
        (None, Some(parity)) => match (parity.ok, parity.deviation) {
            (true, _) => "ok".into(),
            (false, Some(deviation)) => {
                format!("off by {:.1} % at step {}", deviation * 100.0, parity.step)
            }
            (false, None) => format!("no number at step {}", parity.step),
        },
    }
}

fn milliseconds(number: f64) -> String {
    match number {
        number if number < 10.0 => format!("{number:.2} ms"),
        number if number < 100.0 => format!("{number:.1} ms"),
        number => format!("{number:.0} ms"),
    }
}

fn whole(number: f64) -> String {
    format!("{number:.0}")
}

/// A row of the CSV: what the JSON has, without the samples, and the comparison.
#[derive(Serialize)]
struct Flat<'a> {
    rank: Option<usize>,
    name: &'a str,
    kind: &'a str,
    api: &'a str,
    driver: &'a str,
    adapter_type: &'a str,
    index: Option<usize>,
    id: Option<&'a str>,
    bus: Option<&'a str>,
    kernels: String,
    batch_size: usize,
    losses: String,
    loss_deviation: Option<f64>,
    step_ms_median: Option<f64>,
    step_ms_p10: Option<f64>,
    step_ms_p90: Option<f64>,
    steps: Option<usize>,
    forward_ms: Option<f64>,
    backward_ms: Option<f64>,
    optimizer_ms: Option<f64>,
    images_per_second: Option<f64>,
    first_step_ms: Option<f64>,
    dispatches: Option<usize>,
    submits: Option<f64>,
    replayed: Option<bool>,
    host_calling_ms: Option<f64>,
    host_runtime_ms: Option<f64>,
    launched_host_calling_ms: Option<f64>,
    launched_host_runtime_ms: Option<f64>,
    launched_images_per_second: Option<f64>,
    device_ms: Option<f64>,
    evaluation_images_per_second: Option<f64>,
    gflop_per_step: f64,
    gflops: Option<f64>,
    share_of_peak: Option<f64>,
    peak_gflops: Option<f64>,
    copy_gb_per_second: Option<f64>,
    upload_gb_per_second: Option<f64>,
    launch_us: Option<f64>,
    round_trip_us: Option<f64>,
    memory_bytes: Option<u64>,
    error: Option<&'a str>,
    compared: Option<String>,
    ratio: Option<f64>,
    ratio_low: Option<f64>,
    ratio_high: Option<f64>,
}

fn csv(measurement: &Measurement) -> anyhow::Result<String> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    for (position, row) in measurement.rows.iter().enumerate() {
        let comparison = measurement
            .comparison
            .as_ref()
            .and_then(|comparison| comparison.get(position));
        writer.serialize(flat(row, comparison))?;
    }
    Ok(String::from_utf8(writer.into_inner()?)?)
}

fn flat<'a>(row: &'a Row, comparison: Option<&Comparison>) -> Flat<'a> {
    let probes = row.probes.as_ref();
    let host = row.launching.and_then(|launching| launching.host_ms);
    let launched = row
        .launching
        .and_then(|launching| launching.launched_host_ms);
    Flat {
        rank: row.rank,
        name: &row.name,
        kind: &row.kind,
        api: &row.api,
        driver: &row.driver,
        adapter_type: &row.adapter_type,
        index: row.index,
        id: row.id.as_deref(),
        bus: row.bus.as_deref(),
        kernels: row.kernels.to_string(),
        batch_size: row.batch_size,
        losses: losses(row),
        loss_deviation: row.parity.and_then(|parity| parity.deviation),
        step_ms_median: row.step_ms.map(|step| step.median),
        step_ms_p10: row.step_ms.map(|step| step.p10),
        step_ms_p90: row.step_ms.map(|step| step.p90),
        steps: row.step_ms.map(|step| step.n),
        forward_ms: row.phases_ms.map(|phases| phases.forward),
        backward_ms: row.phases_ms.map(|phases| phases.backward),
        optimizer_ms: row.phases_ms.map(|phases| phases.optimizer),
        images_per_second: row.images_per_second,
        first_step_ms: row.first_step_ms,
        dispatches: row.launching.map(|launching| launching.dispatches),
        submits: row.launching.and_then(|launching| launching.submits),
        replayed: row.launching.map(|launching| launching.replayed),
        host_calling_ms: host.map(|host| host.calling),
        host_runtime_ms: host.map(|host| host.runtime),
        launched_host_calling_ms: launched.map(|host| host.calling),
        launched_host_runtime_ms: launched.map(|host| host.runtime),
        launched_images_per_second: row
            .launching
            .map(|launching| launching.launched_images_per_second),
        device_ms: row.launching.and_then(|launching| launching.device_ms),
        evaluation_images_per_second: row.evaluation_images_per_second,
        gflop_per_step: row.gflop_per_step,
        gflops: row.gflops,
        share_of_peak: row.share_of_peak(),
        peak_gflops: probes.map(|probes| probes.peak_gflops),
        copy_gb_per_second: probes.map(|probes| probes.copy_gb_per_second),
        upload_gb_per_second: probes.and_then(|probes| probes.upload_gb_per_second),
        launch_us: probes.map(|probes| probes.launch_us),
        round_trip_us: probes.map(|probes| probes.round_trip_us),
        memory_bytes: row.memory_bytes,
        error: row.error.as_deref(),
        compared: comparison.map(|comparison| comparison.outcome.to_string()),
        ratio: comparison.and_then(|comparison| comparison.ratio),
        ratio_low: comparison.and_then(|comparison| comparison.low),
        ratio_high: comparison.and_then(|comparison| comparison.high),
    }
}
