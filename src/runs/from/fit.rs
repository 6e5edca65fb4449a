//! Which layers of a network can take the weights of another one.

use super::super::weights::{Description, pytorch_dims};
use crate::model::{ParameterList, ParameterShape};

/// A layer of the new network.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LayerFit {
    /// Its entry in `model.layers`, from 1; the last layer comes after them.
    pub number: usize,
    /// What its first tensor is called, without the last part; else the key of its kind.
    pub name: String,
    /// Of its tensors, as PyTorch has them.
    pub dims: Vec<Vec<usize>>,
    /// Whether it takes its weights.
    pub fit: Fit,
}

/// What becomes of a layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// It has no tensors.
    Nothing,
    /// It takes them.
    Taken,
    /// Made from the seed; why.
    Anew(String),
}

/// What becomes of each layer of a network that starts from the weights of `other`.
///
/// A layer takes theirs where all its tensors are there by name and shape; a linear layer behind an
/// image also needs as many channels in front, which its rows go by. The last layer takes those of a
/// last layer for the same classes only.
pub fn fits(new: &Description, other: &Description) -> Vec<LayerFit> {
    let theirs = layers(other);
    let ours = layers(new);
    let last = ours.len();
    let judge = |(number, (kind, tensors)): (usize, (&str, Vec<ParameterShape>))| LayerFit {
        number,
        name: match tensors.first().and_then(|first| first.name.split_once('.')) {
            Some((layer, _)) => layer.into(),
            None => kind.into(),
        },
        dims: tensors
            .iter()
            .map(|shape| pytorch_dims(&shape.dims))
            .collect(),
        fit: match (tensors.is_empty(), number == last) {
            (true, _) => Fit::Nothing,
            (_, true) => last_layer(&tensors, new, other, &theirs),
            (_, false) => hidden_layer(&tensors, &theirs[..theirs.len() - 1]),
        },
    };
    (1..).zip(ours).map(judge).collect()
}

/// The kind of each layer, and its tensors.
fn layers(description: &Description) -> Vec<(&'static str, Vec<ParameterShape>)> {
    let places = description.network().checked_places();
    places
        .iter()
        .map(|place| {
            let mut list = ParameterList::default();
            let layer = place.layer.describe();
            layer.parameters(place, &mut list);
            (layer.kind().key, list.end_at_the_last_weight())
        })
        .collect()
}

fn last_layer(
    tensors: &[ParameterShape],
    new: &Description,
    other: &Description,
    theirs: &[(&str, Vec<ParameterShape>)],
) -> Fit {
    let [here, there] = [new, other].map(|description| &description.set.class_names);
    if here == there {
        return hidden_layer(tensors, &theirs[theirs.len() - 1..]);
    }
    Fit::Anew(match here.len() == there.len() {
        true => "other classes".into(),
        false => format!("{} classes, {} there", here.len(), there.len()),
    })
}

fn hidden_layer(tensors: &[ParameterShape], theirs: &[(&str, Vec<ParameterShape>)]) -> Fit {
    let theirs = || theirs.iter().flat_map(|(_, tensors)| tensors);
    let differs = tensors.iter().find_map(|shape| {
        let Some(other) = theirs().find(|other| other.name == shape.name) else {
            return Some(format!("no {} there", shape.name));
        };
        if other.dims != shape.dims {
            return Some(format!("{} there", sides(&pytorch_dims(&other.dims))));
        }
        (other.channels != shape.channels).then(|| "behind other channels there".into())
    });
    differs.map_or(Fit::Taken, Fit::Anew)
}

/// A line a layer, aligned, below 80 columns.
#[cfg(not(target_family = "wasm"))]
pub(in crate::runs) fn listed(layers: &[LayerFit], frozen: usize) -> String {
    let rows: Vec<[String; 4]> = layers
        .iter()
        .map(|layer| {
            let kept = if layer.number <= frozen {
                ", frozen"
            } else {
                ""
            };
            let dims = layer.dims.first().map(|dims| sides(dims));
            [
                layer.number.to_string(),
                layer.name.clone(),
                dims.unwrap_or_default(),
                match &layer.fit {
                    Fit::Nothing => format!("no weights{kept}"),
                    Fit::Taken => format!("taken{kept}"),
                    Fit::Anew(why) => format!("made anew: {why}"),
                },
            ]
        })
        .collect();
    let width = |column: usize| rows.iter().map(|row| row[column].len()).max().unwrap_or(0);
    let [first, second, third] = [0, 1, 2].map(width);
    let line = |[number, name, dims, what]: &[String; 4]| {
        format!("  {number:>first$}  {name:second$}  {dims:third$}  {what}")
    };
    rows.iter().map(line).collect::<Vec<_>>().join("\n")
}

fn sides(dims: &[usize]) -> String {
    let sides: Vec<String> = dims.iter().map(ToString::to_string).collect();
    sides.join("x")
}
