//! What a person sees of a run: text, JSON, CSV or Markdown of its evaluation, and pages with
//! pictures of the whole run.

pub mod bench;
mod calibration;
mod class_rows;
pub mod closing;
mod curves;
pub mod doctor;
pub(crate) mod files;
mod heat_map;
pub mod look;
pub mod page;
pub mod picture;
pub(crate) mod predictions;
pub mod rates;
pub mod record;
pub mod seeds;
pub(crate) mod sheet;
pub(crate) mod sweep;
pub mod table;
mod templates;
pub mod text;

use crate::evaluation::Evaluation;
use look::Look;

/// More classes than these are not all shown at once: those with the lowest F1 are.
const MANY_CLASSES: usize = 20;

/// How to render an evaluation or a measurement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
#[allow(
    missing_docs,
    reason = "each says what it is, and a comment would be help text"
)]
pub enum Format {
    #[value(alias = "table")]
    Text,
    Json,
    Csv,
    Markdown,
}

/// Renders an evaluation whole, with a final line break; `look` is that of text.
///
/// # Errors
/// Those of the JSON and CSV writers.
pub fn render(evaluation: &Evaluation, format: Format, look: &Look) -> anyhow::Result<String> {
    Ok(match format {
        Format::Text => text::evaluation(evaluation, look),
        Format::Json => serde_json::to_string(evaluation)? + "\n",
        Format::Csv => class_rows::class_rows(evaluation)?,
        Format::Markdown => text::markdown(evaluation),
    })
}
