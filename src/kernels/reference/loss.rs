//! The loss in float64, as PyTorch defines it.

/// Logarithms of softmax over rows of `classes`.
pub fn log_softmax(logits: &[f64], classes: usize) -> Vec<f64> {
    logits
        .chunks(classes)
        .flat_map(|row| {
            let highest = row.iter().copied().fold(f64::NEG_INFINITY, f64::max);
            let sum: f64 = row.iter().map(|logit| (logit - highest).exp()).sum();
            row.iter().map(move |logit| logit - highest - sum.ln())
        })
        .collect()
}

/// Mean cross-entropy of `labels`, its gradient by the logits, and how many highest logits are
/// the label.
pub fn cross_entropy(logits: &[f64], labels: &[i32], classes: usize) -> (f64, Vec<f64>, usize) {
    let count = labels.len() as f64;
    let likelihood = log_softmax(logits, classes);
    let mut gradient: Vec<f64> = likelihood.iter().map(|log| log.exp() / count).collect();
    let mut loss = 0.0;
    let mut correct = 0;
    for (row, &label) in labels.iter().enumerate() {
        let label = label as usize;
        let logs = &likelihood[row * classes..][..classes];
        loss -= logs[label] / count;
        gradient[row * classes + label] -= 1.0 / count;
        correct += usize::from(logs.iter().all(|log| *log <= logs[label]));
    }
    (loss, gradient, correct)
}

/// How much of the mean loss each class of each row is, `[n, classes]`: the label's class the most,
/// the others what smoothing spreads; each times its class's weight, divided by the sum of the
/// labels' weights.
pub struct Shares(Vec<f64>);

impl Shares {
    /// Of `labels [n]`, `weights [classes]`, and how much smoothing spreads.
    pub fn new(labels: &[i32], weights: &[f64], smoothing: f64) -> Self {
        let total: f64 = labels.iter().map(|&label| weights[label as usize]).sum();
        let spread = smoothing / weights.len() as f64;
        let of_row = |&label: &i32| {
            weights.iter().enumerate().map(move |(class, weight)| {
                let of_label = f64::from(u8::from(class == label as usize)) * (1.0 - smoothing);
                (of_label + spread) * weight / total
            })
        };
        Self(labels.iter().flat_map(of_row).collect())
    }

    /// The loss and its gradient by the logits.
    pub fn cross_entropy(&self, logits: &[f64], classes: usize) -> (f64, Vec<f64>) {
        let likelihood = log_softmax(logits, classes);
        let mut loss = 0.0;
        let mut gradient = Vec::with_capacity(logits.len());
        for (shares, logs) in self.0.chunks(classes).zip(likelihood.chunks(classes)) {
            let of_row: f64 = shares.iter().sum();
            for (share, log) in shares.iter().zip(logs) {
                loss -= share * log;
                gradient.push(log.exp() * of_row - share);
            }
        }
        (loss, gradient)
    }
}
