//! Every image's verdict and scores as CSV.

use crate::data::test_split::TestSplit;
use crate::evaluation::test_split::Answers;

/// One line an image: the logits of one network without shifts, else the logarithms of the mean
/// probabilities. A logit has as many digits as give back the same 32 bits.
///
/// # Errors
/// Those of the CSV writer.
pub fn predictions(answers: &Answers, test: &TestSplit) -> anyhow::Result<Vec<u8>> {
    let (name, scores): (_, Vec<Vec<String>>) = match answers.logits() {
        Some(logits) => ("logit", texts(logits)),
        None => ("log_probability", texts(answers.log_probabilities())),
    };
    let classes = scores.first().map_or(0, Vec::len);
    let mut writer = csv::Writer::from_writer(Vec::new());
    let names = ["index", "label", "predicted", "confidence", "loss"].map(String::from);
    let columns = (0..classes).map(|class| format!("{name}_{class}"));
    writer.write_record(names.into_iter().chain(columns))?;
    for (verdict, scores) in answers.verdicts(test).iter().zip(scores) {
        let found = [
            verdict.index.to_string(),
            verdict.label.to_string(),
            verdict.predicted.to_string(),
            verdict.confidence.to_string(),
            verdict.loss.to_string(),
        ];
        writer.write_record(found.into_iter().chain(scores))?;
    }
    Ok(writer.into_inner()?)
}

fn texts<T: ToString>(scores: &[Vec<T>]) -> Vec<Vec<String>> {
    let row = |row: &Vec<T>| row.iter().map(T::to_string).collect();
    scores.iter().map(row).collect()
}
