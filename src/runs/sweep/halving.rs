//! Successive halving (Jamieson and Talwalkar, arXiv:1502.07943; Li et al., arXiv:1603.06560): many trials train a
//! little, the best of them more, and the best of those all that the settings say.

use serde::{Deserialize, Serialize};

/// A round of trials that train equally long.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Rung {
    /// The number of its first trial.
    pub first: usize,
    /// How many there are.
    pub trials: usize,
    /// What each trains; `None`: what the settings say.
    pub budget: Option<Budget>,
}

/// How long a trial trains.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Budget {
    /// Passes over those images.
    pub epochs: usize,
    /// Training images; 0: all.
    pub train_limit: usize,
}

/// One round of all trials.
pub fn one_rung(trials: usize) -> Vec<Rung> {
    vec![Rung {
        first: 0,
        trials,
        budget: None,
    }]
}

/// Rounds of `trials`, then each time one of `eta` of them, down to one; the last has `epochs` over `images`, each
/// before it one of `eta` of what follows.
pub fn rungs(trials: usize, eta: usize, epochs: usize, images: usize) -> Vec<Rung> {
    let mut counts = vec![trials];
    while let Some(&last) = counts.last()
        && last > 1
    {
        counts.push((last / eta).max(1));
    }
    let mut first = 0;
    let last = counts.len() - 1;
    let mut rungs = Vec::new();
    for (place, trials) in counts.into_iter().enumerate() {
        let share = (eta as f64).powi((last - place) as i32).recip();
        rungs.push(Rung {
            first,
            trials,
            budget: (place < last).then(|| Budget::of(share, epochs, images)),
        });
        first += trials;
    }
    rungs
}

impl Budget {
    /// A share of `epochs` over `images`: whole epochs, or one over some of the images.
    fn of(share: f64, epochs: usize, images: usize) -> Self {
        let wanted = share * epochs as f64;
        match wanted >= 1.0 {
            true => Self {
                epochs: wanted.round() as usize,
                train_limit: 0,
            },
            false => Self {
                epochs: 1,
                train_limit: (wanted * images as f64).ceil().max(1.0) as usize,
            },
        }
    }
}
