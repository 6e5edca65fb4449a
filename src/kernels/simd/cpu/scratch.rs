//! Scratch memory that outlives a call: asking the system for fresh pages every step costs more than some kernels.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// One cache line, so that scratch is aligned to it.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

thread_local! {
    static IDLE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// A float buffer aligned to 64 bytes, given back to its thread's store when dropped.
pub(crate) struct Scratch {
    lines: Vec<Line>,
    length: usize,
}

/// A buffer of `length` floats that hold whatever the last user left there.
pub(crate) fn dirty(length: usize) -> Scratch {
    let needed = length.div_ceil(16);
    let fitting = |idle: &mut Vec<Vec<Line>>| {
        // The smallest one that is large enough, else the largest, which then grows.
        let enough = idle
            .iter()
            .enumerate()
            .filter(|(_, lines)| lines.len() >= needed);
        let best = enough
            .min_by_key(|(_, lines)| lines.len())
            .map(|(at, _)| at);
        let best = best.or_else(|| (0..idle.len()).max_by_key(|&at| idle[at].len()));
        best.map(|at| idle.swap_remove(at))
    };
    let mut lines = IDLE.with_borrow_mut(fitting).unwrap_or_default();
    if lines.len() < needed {
        lines.resize(needed, Line([0.0; 16]));
    }
    Scratch { lines, length }
}

/// A buffer of `length` zeros.
pub(crate) fn zeroed(length: usize) -> Scratch {
    let mut scratch = dirty(length);
    scratch.fill(0.0);
    scratch
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let lines = std::mem::take(&mut self.lines);
        // A thread that is ending has no store any more: then the buffer is simply freed.
        let _ = IDLE.try_with(|idle| idle.borrow_mut().push(lines));
    }
}

impl Deref for Scratch {
    type Target = [f32];

    fn deref(&self) -> &[f32] {
        // SAFETY: `lines` holds at least `length` initialised floats, contiguous because a line has no padding.
        unsafe { std::slice::from_raw_parts(self.lines.as_ptr().cast(), self.length) }
    }
}

impl DerefMut for Scratch {
    fn deref_mut(&mut self) -> &mut [f32] {
        // SAFETY: as in `deref`; the borrow is unique.
        unsafe { std::slice::from_raw_parts_mut(self.lines.as_mut_ptr().cast(), self.length) }
    }
}
