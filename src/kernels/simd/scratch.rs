//! Memory that outlives a call, for scratch and for tensors: asking the system for fresh pages every step costs more
//! than some kernels.

use std::cell::RefCell;
use std::ops::{Deref, DerefMut};

/// One cache line, so that scratch is aligned to it.
#[derive(Clone, Copy)]
#[repr(C, align(64))]
struct Line([f32; 16]);

/// Bytes that scratch is aligned to.
pub(crate) const ALIGN: usize = align_of::<Line>();
/// Lines that a thread keeps idle; what comes back beyond is freed.
const MOST_IDLE: usize = (192 << 20) / size_of::<Line>();

thread_local! {
    static IDLE: RefCell<Vec<Vec<Line>>> = const { RefCell::new(Vec::new()) };
}

/// Lines that a buffer may have beyond twice what is asked for.
const WASTE: usize = 64;

/// A float buffer aligned to 64 bytes, given back to its thread's store when dropped.
pub(crate) struct Scratch {
    lines: Vec<Line>,
    length: usize,
}

/// A buffer of `length` floats that hold whatever the last user left there.
pub(crate) fn dirty(length: usize) -> Scratch {
    let needed = length.div_ceil(16);
    let fitting = |idle: &mut Vec<Vec<Line>>| {
        // The smallest one that is large enough, unless it is so large that a later call will miss it.
        let enough = idle
            .iter()
            .enumerate()
            .filter(|(_, lines)| lines.len() >= needed && lines.len() <= 2 * needed + WASTE);
        let best = enough.min_by_key(|(_, lines)| lines.len());
        best.map(|(at, _)| at).map(|at| idle.swap_remove(at))
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
        let _ = IDLE.try_with(|idle| {
            let mut idle = idle.borrow_mut();
            let kept: usize = idle.iter().map(Vec::len).sum();
            if kept + lines.len() <= MOST_IDLE {
                idle.push(lines);
            }
        });
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
