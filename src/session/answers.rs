//! What a session shows of its network: the images behind a cell of the confusion matrix, and
//! its reading of a drawing.

use image::RgbaImage;

use super::{Session, SessionError};
use crate::data::ImageShape;
use crate::evaluation::reading::read;
use crate::evaluation::unsure::THRESHOLD;
use crate::picture::{Bounds, Count, PictureError, prepare_pixels};

/// The largest drawing that is looked at, in pixels.
const MOST_PIXELS: u64 = 1 << 24;

/// Test images of one class that were read as one class.
#[derive(Clone, Debug, PartialEq)]
pub struct Cell {
    /// The first of them.
    pub images: Vec<CellImage>,
    /// How many there are.
    pub total: usize,
    /// Of each.
    pub shape: ImageShape,
}

/// A test image of a cell of the confusion matrix.
#[derive(Clone, Debug, PartialEq)]
pub struct CellImage {
    /// Its place in the test split.
    pub index: usize,
    /// Its bytes, as the set has them.
    pub pixels: Vec<u8>,
    /// Of each class.
    pub probabilities: Vec<f64>,
}

/// What the network makes of a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct Prediction {
    /// Of the first drawing; all 0 where nothing is drawn.
    pub probabilities: Vec<f64>,
    /// What the network saw of it, in the shape of the set's images.
    pub prepared: Vec<u8>,
    /// Of `prepared`.
    pub shape: ImageShape,
    /// Whether nothing is drawn.
    pub blank: bool,
    /// Why nothing was read; empty where something was.
    pub reason: String,
    /// In reading order.
    pub drawings: Vec<DrawingRead>,
}

/// What the network makes of one drawing in a picture.
#[derive(Clone, Debug, PartialEq)]
pub struct DrawingRead {
    /// Where it lies in the picture.
    pub bounds: Bounds,
    /// Of each class.
    pub probabilities: Vec<f64>,
    /// How unfamiliar it looks; `None` where the weights do not tell.
    pub score: Option<f32>,
    /// It looks like none of the classes.
    pub unsure: bool,
}

impl Session {
    /// The first `limit` test images of class `actual` that were read as `predicted`.
    ///
    /// # Errors
    /// [`SessionError`] without an evaluation, or where there is no such class.
    pub fn cell(
        &self,
        actual: usize,
        predicted: usize,
        limit: usize,
    ) -> Result<Cell, SessionError> {
        let classes = self.network()?.description.set.class_names.len();
        if actual >= classes || predicted >= classes {
            return Err(SessionError(format!(
                "no cell ({actual}, {predicted}): classes are 0 to {}",
                classes - 1
            )));
        }
        let answers = self.network()?.answers.as_ref().ok_or_else(|| {
            SessionError(
                "the network was not evaluated on the images at hand: train it, or load its weights again"
                    .into(),
            )
        })?;
        let test = &self.data()?.dataset.test;
        let found: Vec<usize> = answers
            .verdicts(test)
            .iter()
            .filter(|verdict| {
                (usize::from(verdict.label), usize::from(verdict.predicted)) == (actual, predicted)
            })
            .map(|verdict| verdict.index)
            .collect();
        let all = answers.log_probabilities();
        let image = |&index: &usize| CellImage {
            index,
            pixels: test.image(index).unwrap_or_default().to_vec(),
            probabilities: all[index].iter().map(|share| share.exp()).collect(),
        };
        Ok(Cell {
            images: found.iter().take(limit).map(image).collect(),
            total: found.len(),
            shape: test.shape(),
        })
    }

    /// Reads a drawing of `width` x `height` RGBA pixels, prepared as `gpu-mnist predict` prepares
    /// picture files.
    ///
    /// # Errors
    /// [`SessionError`] without a network, or where the pixels are no image.
    pub async fn predict(
        &self,
        pixels: &[u8],
        width: u32,
        height: u32,
    ) -> Result<Prediction, SessionError> {
        let network = self.network()?;
        let picture = (u64::from(width) * u64::from(height) <= MOST_PIXELS
            && width.min(height) > 0)
            .then(|| RgbaImage::from_raw(width, height, pixels.to_vec()))
            .flatten()
            .filter(|_| pixels.len() as u64 == 4 * u64::from(width) * u64::from(height))
            .ok_or_else(|| {
                SessionError(format!(
                    "{} bytes are not an image of {width} x {height} RGBA pixels",
                    pixels.len()
                ))
            })?;
        let description = &network.description;
        let target = description.set.target();
        let drawings = match prepare_pixels(&picture, &target, Count::Any) {
            Ok(drawings) => drawings,
            Err(
                reason @ (PictureError::Blank
                | PictureError::OneColour
                | PictureError::NoMargin
                | PictureError::TooManyMarks(_)),
            ) => {
                return Ok(Prediction {
                    probabilities: vec![0.0; description.set.class_names.len()],
                    prepared: vec![
                        description.set.background.byte();
                        description.set.shape.bytes()
                    ],
                    shape: description.set.shape,
                    blank: true,
                    reason: reason.to_string(),
                    drawings: Vec::new(),
                });
            }
            Err(error) => return Err(SessionError(error.to_string())),
        };
        let device = self
            .device()?
            .clone()
            .with_kernels(network.config.device.kernels);
        let images: Vec<&[u8]> = drawings.iter().map(|drawing| &drawing.pixels[..]).collect();
        let found = read(
            &images,
            &network.model,
            description,
            &network.config,
            &device,
        )
        .await?;
        let drawings_read: Vec<DrawingRead> = drawings
            .iter()
            .zip(found)
            .map(|(drawing, found)| DrawingRead {
                bounds: drawing.bounds,
                unsure: found.is_unsure(THRESHOLD),
                probabilities: found.probabilities,
                score: found.score,
            })
            .collect();
        Ok(Prediction {
            probabilities: drawings_read[0].probabilities.clone(),
            prepared: drawings[0].pixels.clone(),
            shape: description.set.shape,
            blank: false,
            reason: String::new(),
            drawings: drawings_read,
        })
    }
}
