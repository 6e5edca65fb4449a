//! Every picture's verdict and logits as CSV.

use crate::data::CLASSES;
use crate::evaluation::inference::Logits;
use crate::evaluation::worst::verdicts;

/// One line a picture; a logit has as many digits as give back the same 32 bits.
///
/// # Errors
/// Those of the CSV writer.
pub fn predictions(scores: &[Logits], labels: &[u8]) -> anyhow::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = ["index", "truth", "predicted", "confidence", "loss"].map(String::from);
    let logits = (0..CLASSES).map(|class| format!("logit_{class}"));
    writer.write_record(names.into_iter().chain(logits))?;
    for (verdict, scores) in verdicts(scores, labels).iter().zip(scores) {
        let found = [
            verdict.index.to_string(),
            verdict.truth.to_string(),
            verdict.predicted.to_string(),
            verdict.confidence.to_string(),
            verdict.loss.to_string(),
        ];
        writer.write_record(
            found
                .into_iter()
                .chain(scores.map(|score| score.to_string())),
        )?;
    }
    Ok(writer.into_inner()?)
}
