//! Bars and marks on stderr that say what is being done; nothing off a terminal, nor when quiet.

use std::io::{self, IsTerminal, Write};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use super::wrap::{columns_of_stderr, message};
use console::Term;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle, TermLike, WeakProgressBar};

/// What is on the terminal, so that messages can be written above it and Ctrl-C can clear it.
static SHOWN: Mutex<Vec<WeakProgressBar>> = Mutex::new(Vec::new());

/// A line at the bottom of the terminal, which goes when this is dropped.
#[derive(Debug)]
pub struct Shown {
    bar: ProgressBar,
    started: AtomicBool,
}

impl Shown {
    /// A bar of what is done and what is left; `None` off a terminal.
    pub fn bar(name: &'static str) -> Option<Self> {
        Self::new("{bar:16} {wide_msg} {eta:>4} left", name)
    }

    /// A turning mark with the time it takes; `None` off a terminal.
    pub fn mark(name: impl Into<String>) -> Option<Self> {
        let shown = Self::new("{spinner} {wide_msg} {elapsed:>4}", name)?;
        shown.bar.enable_steady_tick(Duration::from_millis(120));
        Some(shown)
    }

    fn new(template: &str, name: impl Into<String>) -> Option<Self> {
        let wanted = io::stderr().is_terminal() && tracing::enabled!(tracing::Level::INFO);
        wanted.then(|| {
            let bar = bar(template);
            let narrow = Box::new(Narrow(Term::stderr()));
            bar.set_draw_target(ProgressDrawTarget::term_like_with_hz(narrow, 20));
            bar.set_message(name.into());
            if let Ok(mut shown) = SHOWN.lock() {
                shown.push(bar.downgrade());
            }
            Self {
                bar,
                started: AtomicBool::new(false),
            }
        })
    }

    /// Sets how much of how much is done; what was done before `first` took no time here.
    pub fn set(&self, done: usize, of: usize, first: usize) {
        self.bar.set_length(of as u64);
        if !self.started.swap(true, Ordering::Relaxed) {
            self.bar.set_position(first as u64);
            self.bar.reset_eta();
        }
        self.bar.set_position(done as u64);
    }

    /// Sets what is said beside it.
    pub fn say(&self, text: impl Into<String>) {
        self.bar.set_message(text.into());
    }
}

impl Drop for Shown {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
        if let Ok(mut shown) = SHOWN.lock() {
            let living =
                |bar: &WeakProgressBar| bar.upgrade().is_some_and(|bar| !bar.is_finished());
            shown.retain(living);
        }
    }
}

/// A terminal without its last columns: where it shows ^C behind a full line it begins another one,
/// and then the wrong line would be cleared.
#[derive(Debug)]
struct Narrow(Term);

impl TermLike for Narrow {
    fn width(&self) -> u16 {
        self.0.size().1.saturating_sub(4)
    }

    fn height(&self) -> u16 {
        self.0.size().0
    }

    fn move_cursor_up(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_up(n)
    }

    fn move_cursor_down(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_down(n)
    }

    fn move_cursor_right(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_right(n)
    }

    fn move_cursor_left(&self, n: usize) -> io::Result<()> {
        self.0.move_cursor_left(n)
    }

    fn write_line(&self, line: &str) -> io::Result<()> {
        self.0.write_line(line)
    }

    fn write_str(&self, text: &str) -> io::Result<()> {
        self.0.write_str(text)
    }

    fn clear_line(&self) -> io::Result<()> {
        self.0.clear_line()
    }

    fn flush(&self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A bar on stderr of this template.
pub fn bar(template: &str) -> ProgressBar {
    let style =
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(1).with_style(style)
}

/// Takes everything off the terminal, before the program ends at once.
pub fn clear() {
    for bar in living() {
        bar.finish_and_clear();
    }
}

fn living() -> Vec<ProgressBar> {
    // A message may be written while a bar is made or dropped.
    let Ok(shown) = SHOWN.try_lock() else {
        return Vec::new();
    };
    let bars = shown.iter().filter_map(WeakProgressBar::upgrade);
    bars.filter(|bar| !bar.is_finished()).collect()
}

/// Stderr, with whole messages above what is shown at the bottom.
#[derive(Clone, Copy, Debug)]
pub struct AboveBars {
    /// Whether messages are text: on a terminal such are broken between words.
    pub text: bool,
}

/// Behind the level of a message.
const INDENT: &str = "      ";

impl Write for AboveBars {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let columns = columns_of_stderr().filter(|_| self.text);
        let text = columns.zip(std::str::from_utf8(bytes).ok());
        let shown = text.map(|(columns, text)| {
            let text = text.strip_suffix('\n').unwrap_or(text);
            message(text, columns, INDENT) + "\n"
        });
        let shown = shown.as_ref().map_or(bytes, String::as_bytes);
        let write = || io::stderr().write_all(shown).map(|()| bytes.len());
        match living().last() {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
