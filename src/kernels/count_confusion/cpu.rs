//! Adds a batch to the table of labels against predictions, on the CPU.

/// Adds each row of `logits [n, classes]` to `table [classes, classes]` at (its label, its arg-max): rows are the
/// labels, columns the predictions; the first maximum wins, NaN counts as larger than every number (as PyTorch).
/// A label outside `0..classes` is counted nowhere; the number of those is returned. No scratch.
///
/// # Panics
/// A slice does not have the length its shape says.
pub fn count(classes: usize, logits: &[f32], labels: &[i32], table: &mut [i32]) -> usize {
    assert_eq!(logits.len(), labels.len() * classes, "logits");
    assert_eq!(table.len(), classes * classes, "table");
    let mut left_out = 0;
    for (row, &label) in labels.iter().enumerate() {
        match usize::try_from(label).ok().filter(|&label| label < classes) {
            Some(label) => {
                table[label * classes + first_maximum(&logits[row * classes..][..classes])] += 1
            }
            None => left_out += 1,
        }
    }
    left_out
}

/// The index of the first maximum of `row`; the first NaN if there is one; 0 for an empty row.
pub(crate) fn first_maximum(row: &[f32]) -> usize {
    let mut best = 0;
    for (index, &value) in row.iter().enumerate().skip(1) {
        if !row[best].is_nan() && (value > row[best] || value.is_nan()) {
            best = index;
        }
    }
    best
}
