//! Tables that fit the terminal: titles are shortened, columns left out or names cut, and where
//! that is not enough the columns stand in several tables below each other.

use std::borrow::Cow;

use comfy_table::{CellAlignment, presets};
use console::{measure_text_width, truncate_str};

/// Before each row.
const INDENT: usize = 2;
/// Between two columns.
const GAP: usize = 2;

/// A column, and how it gives way where there is no room.
#[derive(Clone, Debug)]
pub struct Column {
    title: String,
    short: Option<String>,
    left: bool,
    /// The highest goes first; 0 stays.
    dispensable: u8,
    /// To how many columns its cells may be cut.
    least: Option<usize>,
    /// Where: in the middle, or at the end.
    keeps_end: bool,
}

/// Rows of cells below titles.
#[derive(Clone, Debug)]
pub struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
    /// The first columns say what a row is about, so they begin every part.
    keys: usize,
}

/// A column of text.
pub fn left(title: impl Into<String>) -> Column {
    Column {
        title: title.into(),
        short: None,
        left: true,
        dispensable: 0,
        least: None,
        keeps_end: false,
    }
}

/// A column of numbers.
pub fn right(title: impl Into<String>) -> Column {
    Column {
        left: false,
        ..left(title)
    }
}

impl Column {
    /// A title for narrow places.
    #[must_use]
    pub fn short(mut self, title: &str) -> Self {
        self.short = Some(title.into());
        self
    }

    /// May be left out; of several the one with the highest `rank` goes first.
    #[must_use]
    pub fn dispensable(mut self, rank: u8) -> Self {
        self.dispensable = rank;
        self
    }

    /// Its cells may be cut to `width` columns, at their end.
    #[must_use]
    pub fn least(mut self, width: usize) -> Self {
        self.least = Some(width);
        self
    }

    /// They are cut in the middle: a path, or a name whose end tells it from others.
    #[must_use]
    pub fn keeps_end(mut self) -> Self {
        self.keeps_end = true;
        self
    }
}

/// What there is room for, and what each column would take with its long or short title.
struct Room {
    width: usize,
    long: Vec<usize>,
    short: Vec<usize>,
}

impl Room {
    fn natural(&self, shown: &[usize], short: bool) -> Vec<usize> {
        let widths = if short { &self.short } else { &self.long };
        shown.iter().map(|&column| widths[column]).collect()
    }
}

/// Which columns to show, with which titles, and how wide.
struct Layout {
    shown: Vec<usize>,
    short: bool,
    widths: Vec<usize>,
}

impl Table {
    /// A table whose first column says what a row is about.
    pub fn new(columns: impl IntoIterator<Item = Column>) -> Self {
        Self {
            columns: columns.into_iter().collect(),
            rows: Vec::new(),
            keys: 1,
        }
    }

    /// The first `count` columns say what a row is about.
    #[must_use]
    pub fn keys(mut self, count: usize) -> Self {
        self.keys = count;
        self
    }

    /// Adds a row: a cell for each column.
    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        let mut cells: Vec<String> = cells.into_iter().collect();
        cells.resize(self.columns.len(), String::new());
        self.rows.push(cells);
    }

    /// Whether it has no rows.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Lines of at most `width` columns, without a final line break.
    pub fn text(&self, width: usize) -> String {
        let room = Room {
            width: width.saturating_sub(INDENT),
            long: self.naturals(false),
            short: self.naturals(true),
        };
        let all: Vec<usize> = (0..self.columns.len()).collect();
        match self.one_table(&all, &room) {
            Some(layout) => self.lines(&layout),
            None => self.parts(&all, &room),
        }
    }

    /// The same as Markdown, whole.
    pub fn markdown(&self) -> String {
        let mut table = comfy_table::Table::new();
        table.load_style(presets::ASCII_MARKDOWN);
        table.set_header(
            self.columns
                .iter()
                .map(|column| column.title.replace('|', "\\|")),
        );
        for row in &self.rows {
            table.add_row(row.iter().map(|cell| cell.replace('|', "\\|")));
        }
        for (shown, column) in table.column_iter_mut().zip(&self.columns) {
            shown.set_cell_alignment(match column.left {
                true => CellAlignment::Left,
                false => CellAlignment::Right,
            });
        }
        table.to_string()
    }

    /// A layout of all but the dispensable columns in `room`, the one that shows most.
    fn one_table(&self, all: &[usize], room: &Room) -> Option<Layout> {
        let mut shown = all.to_vec();
        // Short titles rather than cut names.
        let whole = |short: bool| {
            let widths = room.natural(&shown, short);
            let taken = widths.iter().sum::<usize>() + GAP * shown.len().saturating_sub(1);
            (taken <= room.width).then(|| Layout {
                shown: shown.clone(),
                short,
                widths,
            })
        };
        if let Some(layout) = whole(false).or_else(|| whole(true)) {
            return Some(layout);
        }
        if let Some(layout) = self.fitting(&shown, false, room) {
            return Some(layout);
        }
        loop {
            if let Some(layout) = self.fitting(&shown, true, room) {
                return Some(layout);
            }
            let rank = |column: &usize| self.columns[*column].dispensable;
            let worst = shown.iter().copied().max_by_key(|column| rank(column))?;
            if rank(&worst) == 0 {
                return None;
            }
            shown.retain(|column| *column != worst);
        }
    }

    /// The layout of `shown` in `room`, with cells cut where they may be.
    fn fitting(&self, shown: &[usize], short: bool, room: &Room) -> Option<Layout> {
        let mut widths = room.natural(shown, short);
        let gaps = GAP * shown.len().saturating_sub(1);
        let mut excess = (widths.iter().sum::<usize>() + gaps).saturating_sub(room.width);
        while excess > 0 {
            // The widest gives way first.
            let spare = |place: &usize| {
                let least = self.columns[shown[*place]].least?;
                widths[*place].checked_sub(least).filter(|spare| *spare > 0)
            };
            let places = (0..shown.len()).filter(|place| spare(place).is_some());
            let widest = places.max_by_key(|&place| widths[place])?;
            widths[widest] -= 1;
            excess -= 1;
        }
        Some(Layout {
            shown: shown.to_vec(),
            short,
            widths,
        })
    }

    /// Tables below each other that each begin with the keys.
    fn parts(&self, all: &[usize], room: &Room) -> String {
        let (keys, mut rest) = all.split_at(self.keys.min(all.len()));
        let mut parts: Vec<Layout> = Vec::new();
        while !rest.is_empty() {
            let fits = |count: usize| {
                let shown: Vec<usize> = keys.iter().chain(&rest[..count]).copied().collect();
                self.fitting(&shown, true, room)
            };
            // One more column never needs less.
            let more = (1..=rest.len()).map_while(|count| Some((count, fits(count)?)));
            let most = more.last();
            let (count, layout) = most.unwrap_or_else(|| {
                // Nothing fits: names are cut to what is left, whatever they may be cut to.
                let shown: Vec<usize> = keys.iter().chain(&rest[..1]).copied().collect();
                (1, self.squeezed(shown, room))
            });
            parts.push(layout);
            rest = &rest[count..];
        }
        // A name is cut alike in all parts.
        for key in 0..keys.len() {
            let least = parts.iter().map(|layout| layout.widths[key]).min();
            for layout in &mut parts {
                layout.widths[key] = least.unwrap_or_default();
            }
        }
        let parts: Vec<String> = parts.iter().map(|layout| self.lines(layout)).collect();
        parts.join("\n\n")
    }

    fn squeezed(&self, shown: Vec<usize>, room: &Room) -> Layout {
        let mut widths = room.natural(&shown, true);
        let gaps = GAP * shown.len().saturating_sub(1);
        while widths.iter().sum::<usize>() + gaps > room.width {
            match widths.iter_mut().max() {
                Some(widest) if *widest > 1 => *widest -= 1,
                _ => break,
            }
        }
        Layout {
            shown,
            short: true,
            widths,
        }
    }

    fn title(&self, column: usize, short: bool) -> &str {
        let Column {
            title,
            short: brief,
            ..
        } = &self.columns[column];
        match (short, brief) {
            (true, Some(brief)) => brief,
            _ => title,
        }
    }

    /// The width of each column with all of its cells.
    fn naturals(&self, short: bool) -> Vec<usize> {
        let natural = |column: usize| {
            let cells = self.rows.iter().map(|row| measure_text_width(&row[column]));
            let title = measure_text_width(self.title(column, short));
            cells.max().unwrap_or_default().max(title)
        };
        (0..self.columns.len()).map(natural).collect()
    }

    fn lines(&self, layout: &Layout) -> String {
        let titles = (layout.shown.iter()).map(|&column| self.title(column, layout.short));
        let mut lines = vec![self.line(layout, titles)];
        for row in &self.rows {
            let cells = layout.shown.iter().map(|&column| row[column].as_str());
            lines.push(self.line(layout, cells));
        }
        // A table without titles needs no empty line in their place.
        lines.retain(|line| !line.is_empty());
        lines.join("\n")
    }

    fn line<'a>(&self, layout: &Layout, cells: impl Iterator<Item = &'a str>) -> String {
        let mut line = " ".repeat(INDENT);
        for (place, cell) in cells.enumerate() {
            let width = layout.widths[place];
            let cell = match self.columns[layout.shown[place]].keeps_end {
                true => cut_in_the_middle(cell, width),
                false => truncate_str(cell, width, "…"),
            };
            let space = " ".repeat(width.saturating_sub(measure_text_width(&cell)));
            let gap = " ".repeat(if place == 0 { 0 } else { GAP });
            line += &match self.columns[layout.shown[place]].left {
                true => format!("{gap}{cell}{space}"),
                false => format!("{gap}{space}{cell}"),
            };
        }
        line.trim_end().into()
    }
}

/// Both ends of a text without colours that is wider than `width`.
pub fn cut_in_the_middle(text: &str, width: usize) -> Cow<'_, str> {
    if measure_text_width(text) <= width {
        return text.into();
    }
    let end = width.saturating_sub(1) / 2;
    let start = truncate_str(text, width.saturating_sub(end), "…");
    let tail = (text.char_indices())
        .map(|(place, _)| &text[place..])
        .find(|tail| measure_text_width(tail) <= end);
    format!("{start}{}", tail.unwrap_or_default()).into()
}
