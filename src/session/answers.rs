//! What a session shows of its network: the pictures behind a cell of the confusion matrix, and
//! its reading of a drawing.

use image::RgbaImage;

use super::{Refused, Session};
use crate::data::Split;
use crate::evaluation::inference::{classify, softmax};
use crate::picture::{Framing, PictureError, prepare_pixels};

/// The largest drawing that is looked at, in pixels.
const MOST_PIXELS: u64 = 1 << 24;

/// Test pictures of one class that were read as one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The first of them.
    pub pictures: Vec<CellPicture>,
    /// How many there are.
    pub total: usize,
}

#[derive(Clone, Debug, PartialEq)]
pub struct CellPicture {
    /// Its place in the test split.
    pub index: usize,
    /// Its bytes, as the set has them.
    pub pixels: Vec<u8>,
    pub probabilities: Vec<f64>,
}

/// What the network makes of a drawing.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// All 0 where nothing is drawn.
    pub probabilities: Vec<f64>,
    /// What the network saw: 28x28 bytes, 0 is background.
    pub prepared: Vec<u8>,
    pub blank: bool,
}

impl Session {
    /// The first `limit` test pictures of class `actual` that were read as `predicted`.
    ///
    /// # Errors
    /// [`Refused`] without an evaluation, or where there is no such class.
    pub fn cell(&self, actual: usize, predicted: usize, limit: usize) -> Result<Cell, Refused> {
        let classes = self.network()?.description.set.class_names.len();
        if actual >= classes || predicted >= classes {
            return Err(Refused(format!(
                "no cell ({actual}, {predicted}): classes are 0 to {}",
                classes - 1
            )));
        }
        let answers = self.network()?.answers.as_ref().ok_or_else(|| {
            Refused(
                "the network was not evaluated on the pictures at hand: train it, or load its weights again"
                    .into(),
            )
        })?;
        let test = &self.data()?.dataset.test;
        let found: Vec<usize> = answers
            .verdicts(test)
            .iter()
            .filter(|verdict| {
                (usize::from(verdict.truth), usize::from(verdict.predicted)) == (actual, predicted)
            })
            .map(|verdict| verdict.index)
            .collect();
        let all = answers.log_probabilities();
        let picture = |&index: &usize| CellPicture {
            index,
            pixels: test.image(index).unwrap_or_default().to_vec(),
            probabilities: all[index].iter().map(|share| share.exp()).collect(),
        };
        Ok(Cell {
            pictures: found.iter().take(limit).map(picture).collect(),
            total: found.len(),
        })
    }

    /// Reads a drawing of `width` x `height` RGBA pixels, prepared as `gpu-mnist predict` prepares
    /// picture files.
    ///
    /// # Errors
    /// [`Refused`] without a network, or where the pixels are no picture.
    pub async fn predict(
        &self,
        pixels: &[u8],
        width: u32,
        height: u32,
    ) -> Result<Prediction, Refused> {
        let network = self.network()?;
        let picture = (u64::from(width) * u64::from(height) <= MOST_PIXELS
            && width.min(height) > 0)
            .then(|| RgbaImage::from_raw(width, height, pixels.to_vec()))
            .flatten()
            .filter(|_| pixels.len() as u64 == 4 * u64::from(width) * u64::from(height))
            .ok_or_else(|| {
                Refused(format!(
                    "{} bytes are no picture of {width} x {height} RGBA pixels",
                    pixels.len()
                ))
            })?;
        let framing = Framing::of(&network.description.set.name);
        let prepared = match prepare_pixels(&picture, framing) {
            Ok(prepared) => prepared,
            Err(PictureError::Blank) => {
                return Ok(Prediction {
                    probabilities: vec![0.0; network.description.set.class_names.len()],
                    prepared: vec![0; network.description.set.shape.bytes()],
                    blank: true,
                });
            }
            Err(error) => return Err(Refused(error.to_string())),
        };
        let split = Split {
            shape: network.description.set.shape,
            classes: network.description.set.class_names.len(),
            images: prepared.to_vec(),
            labels: vec![0],
        };
        let scores = classify(
            &network.model,
            &split,
            network.description.normalisation,
            &network.config,
            self.device()?,
        );
        let scores = scores.await.map_err(Refused::device)?;
        Ok(Prediction {
            probabilities: softmax(&scores[0]),
            prepared: prepared.to_vec(),
            blank: false,
        })
    }
}
