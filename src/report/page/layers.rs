//! The layers of the network of a run, each with what it makes of an image and how many numbers it learns.

use serde::Serialize;

use crate::config::Architecture;
use crate::model::layers::{LayerConfig, Place, Shape};

/// A row of the table of layers.
#[derive(Serialize)]
pub struct LayerRow {
    /// As the settings have it.
    entry: String,
    output: String,
    parameters: usize,
}

/// The layers in order; none where the network cannot be, as settings edited by hand can have it.
pub fn layers(network: &Architecture) -> Vec<LayerRow> {
    let Ok(places) = network.places() else {
        return Vec::new();
    };
    let parameters = network.parameters_of_layers();
    let rows = places.iter().zip(parameters).enumerate();
    rows.map(|(index, (place, parameters))| LayerRow {
        entry: match index + 1 == places.len() {
            true => format!("linear = {}, the classes", network.classes),
            false => entry(place),
        },
        output: size(place.output),
        parameters,
    })
    .collect()
}

/// What goes in.
pub fn input(network: &Architecture) -> String {
    network.input.to_string()
}

fn entry(place: &Place) -> String {
    let written = serde_json::to_value::<LayerConfig>(place.layer);
    let Ok(serde_json::Value::Object(written)) = written else {
        return place.layer.describe().kind().name.into();
    };
    let said: Vec<String> = written
        .iter()
        .map(|(key, value)| match value.as_str() {
            Some(word) => format!("{key} = {word}"),
            None => format!("{key} = {value}"),
        })
        .collect();
    said.join(", ")
}

fn size(shape: Shape) -> String {
    match shape {
        Shape::Image([height, width, channels]) => format!("{height}x{width}x{channels}"),
        Shape::Features(count) => count.to_string(),
    }
}
