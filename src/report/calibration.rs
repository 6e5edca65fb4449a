//! The calibration of a network as an SVG: how often answers are right, beside how sure it is.

use serde::Serialize;

use super::templates::render;
use crate::evaluation::scores::{CalibrationBin, Scores};
use crate::wording::count;

/// Side of the square that the bars stand in.
const SIDE: f64 = 280.0;
/// Height of the row below it that says where the images are.
const SHARES: f64 = 44.0;

#[derive(Serialize)]
struct Diagram {
    side: f64,
    shares: f64,
    bars: Vec<Bar>,
}

#[derive(Serialize)]
struct Bar {
    left: f64,
    width: f64,
    /// Heights: the share that is right, the mean confidence, the share of all images (the greatest
    /// fills the row).
    right: f64,
    confidence: f64,
    share: f64,
    says: String,
}

/// The diagram; `None` where no probabilities are known.
///
/// # Errors
/// Those of the template.
pub fn diagram(scores: &Scores) -> anyhow::Result<Option<String>> {
    let most = scores.calibration.iter().map(|bin| bin.images).max();
    let Some(most) = most.filter(|&most| most > 0) else {
        return Ok(None);
    };
    let bars = scores.calibration.iter().filter_map(|bin| bar(bin, most));
    let diagram = Diagram {
        side: SIDE,
        shares: SHARES,
        bars: bars.collect(),
    };
    render("calibration.svg", &diagram).map(Some)
}

/// `None` without images.
fn bar(bin: &CalibrationBin, most: u64) -> Option<Bar> {
    let (right, confidence) = (bin.accuracy?, bin.confidence?);
    Some(Bar {
        left: bin.from * SIDE,
        width: (bin.to - bin.from) * SIDE,
        right: right * SIDE,
        confidence: confidence * SIDE,
        share: bin.images as f64 / most as f64 * SHARES,
        says: format!(
            "{}, sure by {:.1} % on average: {:.1} % right",
            count(bin.images, "image"),
            confidence * 100.0,
            right * 100.0
        ),
    })
}
