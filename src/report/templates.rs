//! The templates of pages and pictures, kept as files beside this one; values are escaped.

use std::sync::OnceLock;

use anyhow::Context;
use minijinja::{AutoEscape, Environment};
use serde::Serialize;

use crate::wording::loss_text;

const TEMPLATES: &[(&str, &str)] = &[
    (
        "calibration.svg",
        include_str!("templates/calibration.svg.j2"),
    ),
    ("confusion.svg", include_str!("templates/confusion.svg.j2")),
    ("style.css", include_str!("templates/style.css")),
    ("macros.html", include_str!("templates/macros.html.j2")),
    ("run.html", include_str!("templates/run.html.j2")),
    ("seeds.html", include_str!("templates/seeds.html.j2")),
    ("strip.svg", include_str!("templates/strip.svg.j2")),
    (
        "comparison.html",
        include_str!("templates/comparison.html.j2"),
    ),
    ("sweep.html", include_str!("templates/sweep.html.j2")),
];

/// Renders the template `name` with `values`.
///
/// # Errors
/// Where template and values do not fit.
pub fn render(name: &str, values: &impl Serialize) -> anyhow::Result<String> {
    environment()
        .get_template(name)
        .and_then(|template| template.render(values))
        .with_context(|| format!("the template {name} could not be filled in"))
}

fn environment() -> &'static Environment<'static> {
    static ENVIRONMENT: OnceLock<Environment> = OnceLock::new();
    ENVIRONMENT.get_or_init(|| {
        let mut environment = Environment::new();
        // SVG too: the engine's own rule escapes HTML alone.
        environment.set_auto_escape_callback(|_| AutoEscape::Html);
        environment.add_filter("percent", |share: Option<f64>| super::text::percent(share));
        environment.add_filter("decimals", |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "n/a".into(), |value| format!("{value:.digits$}"))
        });
        environment.add_filter("loss", |value: Option<f64>| {
            value.map_or_else(|| "n/a".into(), loss_text)
        });
        environment.add_filter("grouped", |value: Option<f64>| {
            value.map_or_else(|| "n/a".into(), grouped)
        });
        for (name, text) in TEMPLATES {
            environment
                .add_template(name, text)
                .expect("the templates are part of the program");
        }
        environment
    })
}

/// A whole number with thin gaps between its thousands.
fn grouped(value: f64) -> String {
    let digits = format!("{value:.0}");
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && digit.is_ascii_digit() && (digits.len() - place).is_multiple_of(3) {
            text.push('\u{202f}');
        }
        text.push(digit);
    }
    text
}
