//! How text looks where it is shown: how wide, with or without colour, how much of it.

use std::io::IsTerminal;

use console::{Style, Term};

use crate::terminal::colours_wanted;

/// Columns where nothing tells how many there are.
const WIDTH: usize = 80;

/// The place that text is made for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// Columns that a line may take.
    pub width: usize,
    /// Whether to mark with colours.
    pub colour: bool,
    /// Whether to show what most people never ask for.
    pub details: bool,
}

/// What a piece of text means, which a colour shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// As it should be.
    Good,
    /// Wrong.
    Bad,
    /// A heading.
    Title,
    /// Beside the point.
    Faint,
}

impl Look {
    /// Of a file or a pipe: 80 columns, no colour.
    pub fn plain() -> Self {
        Self {
            width: WIDTH,
            colour: false,
            details: false,
        }
    }

    /// Of stdout as it is: the terminal's columns, else those of `COLUMNS`, else 80; colours on a
    /// terminal alone.
    pub fn of_stdout(details: bool) -> Self {
        let terminal = Term::stdout().size_checked().map(|(_, columns)| columns);
        let named = || std::env::var("COLUMNS").ok()?.parse().ok();
        let width = terminal
            .or_else(named)
            .filter(|&columns| columns > 0)
            .map_or(WIDTH, usize::from);
        Self {
            width: width.max(20),
            colour: std::io::stdout().is_terminal() && colours_wanted(),
            details,
        }
    }

    /// `text` in the colour of `mark`, where there are colours.
    pub fn mark(&self, mark: Mark, text: &str) -> String {
        if !self.colour {
            return text.into();
        }
        let style = match mark {
            Mark::Good => Style::new().green().bold(),
            Mark::Bad => Style::new().red().bold(),
            Mark::Title => Style::new().bold(),
            Mark::Faint => Style::new().dim(),
        };
        style.force_styling(true).apply_to(text).to_string()
    }
}
