//! A network before it has numbers: the settings of `[model]`, and where each layer stands for images of some
//! shape and a number of classes.

use std::mem::discriminant;

use serde::{Deserialize, Deserializer, Serialize};

use super::family::Family;
use super::layers::{LayerConfig, Norm, Place, Shape};
use super::parameters::{ParameterList, ParameterShape};
use crate::kernels::images::ImageShape;

const MOST_LAYERS: usize = 100;
/// Rows and columns of images before they are known.
const USUAL_SIDES: [usize; 2] = [32, 32];
/// Five times these, as a checkpoint may hold them, stay below what a reader takes.
const MOST_WEIGHTS: usize = 150_000_000;

/// The layers in order, and a last linear layer to the classes that follows by itself.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct ModelConfig {
    /// From the image on; a linear layer to the classes follows by itself.
    #[serde(deserialize_with = "layers_or_family")]
    pub layers: Vec<LayerConfig>,
    /// Batch norm adds it to the variance.
    pub norm_epsilon: f64,
    /// The share of each batch in the running mean and variance.
    pub norm_momentum: f64,
}

/// A network: its layers, the images it takes and the classes it tells apart.
#[derive(Clone, Debug, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Architecture {
    /// Its layers.
    pub model: ModelConfig,
    /// The images it takes.
    pub input: ImageShape,
    /// How many it tells apart.
    pub classes: usize,
}

impl ModelConfig {
    /// The network of these layers for images of a shape in so many classes.
    pub fn network(&self, input: ImageShape, classes: usize) -> Architecture {
        Architecture {
            model: self.clone(),
            input,
            classes,
        }
    }

    /// Checks what can be checked without knowing the images.
    ///
    /// # Errors
    /// Which entry cannot be, and why.
    pub fn check(&self) -> Result<(), String> {
        if self.layers.len() > MOST_LAYERS {
            return Err(format!("must have at most {MOST_LAYERS} entries"));
        }
        let mut flattened = None;
        for (entry, layer) in (1..).zip(&self.layers) {
            let kind = layer.describe().kind();
            let follows = match flattened {
                Some(before) if kind.takes_images => {
                    Err(format!("{} cannot follow {before}", kind.name))
                }
                _ => layer.describe().check(),
            };
            follows.map_err(|reason| format!("entry {entry}: {reason}"))?;
            if kind.flattens {
                flattened = flattened.or(Some(kind.name));
            }
        }
        Ok(())
    }
}

/// A list of layers, or the word of a family, which stands for its network of [`USUAL_SIDES`] until the images
/// are known.
fn layers_or_family<'de, D: Deserializer<'de>>(
    deserializer: D,
) -> Result<Vec<LayerConfig>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    #[serde(expecting = "must be a list of layers, \"plain\" or \"residual\"")]
    enum Written {
        Word(Family),
        Listed(Vec<LayerConfig>),
    }
    Ok(match Written::deserialize(deserializer)? {
        Written::Word(family) => family.layers(USUAL_SIDES),
        Written::Listed(layers) => layers,
    })
}

impl Architecture {
    /// Whether a training step draws numbers for a layer, as dropout does.
    pub fn draws_in_training(&self) -> bool {
        let mut layers = self.model.layers.iter();
        layers.any(|layer| layer.describe().draws_in_training())
    }

    /// Every layer where it stands, the last one to the classes among them.
    ///
    /// # Errors
    /// Which entry cannot be, and why; settings are checked where the images are known, files
    /// when they are read.
    pub fn places(&self) -> Result<Vec<Place>, String> {
        self.model.check()?;
        let ImageShape {
            height,
            width,
            channels,
        } = self.input;
        let mut input = Shape::Image([height, width, channels]);
        let mut places: Vec<Place> = Vec::new();
        let mut list = ParameterList::default();
        let last = LayerConfig::last(self.classes);
        for (entry, &layer) in (1..).zip(self.model.layers.iter().chain([&last])) {
            let same = |place: &&Place| discriminant(&place.layer) == discriminant(&layer);
            let output = layer.describe().output(input);
            let place = Place {
                layer,
                number: 1 + places.iter().filter(same).count(),
                input,
                output: output.map_err(|reason| format!("entry {entry}: {reason}"))?,
                is_first: places.is_empty(),
                norm: Norm {
                    epsilon: self.model.norm_epsilon,
                    momentum: self.model.norm_momentum,
                },
            };
            layer.describe().parameters(&place, &mut list);
            if list.count() > MOST_WEIGHTS {
                return Err(format!(
                    "entry {entry}: more than {MOST_WEIGHTS} weights up to here"
                ));
            }
            input = place.output;
            places.push(place);
        }
        Ok(places)
    }

    /// The places of a network that was checked when it was made.
    ///
    /// # Panics
    /// When a layer cannot be, which settings and files never pass on.
    pub fn checked_places(&self) -> Vec<Place> {
        self.places().expect("checked with the images")
    }

    /// Every tensor of the network in forward order, the running statistics among them.
    ///
    /// # Panics
    /// As [`Self::checked_places`].
    pub fn parameters(&self) -> Vec<ParameterShape> {
        self.listed(usize::MAX).end_at_the_last_weight()
    }

    /// How many of those tensors the first `layers` layers have.
    ///
    /// # Panics
    /// As [`Self::checked_places`].
    pub fn tensors_of_first(&self, layers: usize) -> usize {
        self.listed(layers).tensors()
    }

    /// The tensors of the first `layers` layers.
    fn listed(&self, layers: usize) -> ParameterList {
        let mut list = ParameterList::default();
        for place in self.checked_places().iter().take(layers) {
            place.layer.describe().parameters(place, &mut list);
        }
        list
    }

    /// How many numbers of each layer are trained, the last one to the classes among them.
    ///
    /// # Panics
    /// As [`Self::checked_places`].
    pub fn parameters_of_layers(&self) -> Vec<usize> {
        let of_place = |place: Place| {
            let mut list = ParameterList::default();
            place.layer.describe().parameters(&place, &mut list);
            let shapes = list.end_at_the_last_weight();
            let trained = shapes.iter().filter(|shape| shape.is_trained());
            trained.map(ParameterShape::count).sum()
        };
        self.checked_places().into_iter().map(of_place).collect()
    }

    /// How many numbers are trained.
    pub fn parameter_count(&self) -> usize {
        let shapes = self.parameters();
        let trained = shapes.iter().filter(|shape| shape.is_trained());
        trained.map(ParameterShape::count).sum()
    }
}
