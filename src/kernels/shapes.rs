//! Whether the shapes of an operation's tensors fit each other: asked before anything is launched, alike for the CPU and
//! for adapters, whose shaders would read past the end.

/// Refuses tensors that do not fit.
///
/// # Panics
/// Unless they `fit`: with the shapes that were found, and with those that are `needed`.
#[track_caller]
pub(super) fn check(fit: bool, operation: &str, found: &[(&str, &[usize])], needed: &str) {
    let found = || {
        let named = |(name, shape): &(&str, &[usize])| format!("{name} {shape:?}");
        found.iter().map(named).collect::<Vec<_>>().join(", ")
    };
    assert!(fit, "{operation}: {} do not fit; needed: {needed}", found());
}
