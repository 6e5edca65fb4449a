//! The classes of an evaluation and its confusion matrix as tables.

use super::{MISTAKES_SHOWN, area, rate};
use crate::evaluation::Evaluation;
use crate::evaluation::confusion::{Averages, ClassStatistics, by_f1};
use crate::report::MANY_CLASSES;
use crate::report::look::{Look, Mark};
use crate::report::table::{Table, left, right};

/// All classes, or the worst of many.
pub fn classes_shown(evaluation: &Evaluation, look: &Look) -> Vec<usize> {
    let classes = &evaluation.classes;
    match look.details || classes.len() <= MANY_CLASSES {
        true => (0..classes.len()).collect(),
        false => by_f1(classes)[..MANY_CLASSES].to_vec(),
    }
}

/// Whether a class is in the means whose precision or recall is a ratio of nothing.
pub fn is_zero_counted(evaluation: &Evaluation) -> bool {
    let counted = evaluation.classes.iter().filter(|class| class.occurs());
    let mut ratios = counted.flat_map(|class| [class.precision, class.recall]);
    ratios.any(|ratio| ratio.is_none())
}

/// A row for each of the classes `shown`, and the means.
pub fn classes(evaluation: &Evaluation, shown: &[usize], look: &Look) -> Table {
    let columns = [
        left("Class").least(16),
        right("Images").dispensable(1),
        right("TP"),
        right("TN"),
        right("FP"),
        right("FN"),
        right("Precision").short("Prec."),
        right("Recall"),
        right("Specificity").short("Spec."),
        right("F1"),
        right("Accuracy").short("Acc."),
    ];
    // Known where probabilities are.
    let has_auc = evaluation
        .classes
        .iter()
        .any(|class| class.roc_auc.is_some());
    let auc = has_auc.then(|| right("ROC AUC").short("AUC").dispensable(2));
    let mut table = Table::new(columns.into_iter().chain(auc));
    let lowest = (shown.iter())
        .filter_map(|&class| evaluation.classes[class].f1)
        .min_by(f64::total_cmp);
    for &class in shown {
        let statistics = &evaluation.classes[class];
        let worst = statistics.f1 == lowest && lowest.is_some_and(|lowest| lowest < 1.0);
        table.row(class_row(statistics, worst, look));
    }
    for (name, averages) in [
        ("macro mean", &evaluation.macro_),
        ("weighted mean", &evaluation.weighted),
    ] {
        table.row(average_row(name, averages));
    }
    table
}

fn class_row(class: &ClassStatistics, worst: bool, look: &Look) -> [String; 12] {
    let f1 = rate(class.f1);
    [
        class.label.clone(),
        class.support.to_string(),
        class.tp.to_string(),
        class.tn.to_string(),
        class.fp.to_string(),
        class.fn_.to_string(),
        rate(class.precision),
        rate(class.recall),
        rate(class.specificity),
        match worst {
            true => look.mark(Mark::Bad, &f1),
            false => f1,
        },
        rate(class.accuracy),
        area(class.roc_auc),
    ]
}

fn average_row(name: &str, averages: &Averages) -> [String; 12] {
    let mut row = [const { String::new() }; 12];
    row[0] = name.into();
    row[6] = rate(averages.precision);
    row[7] = rate(averages.recall);
    row[9] = rate(averages.f1);
    row
}

/// The confusion matrix: rows are labels, columns predictions.
pub fn matrix(evaluation: &Evaluation, look: &Look) -> Table {
    let labels: Vec<&str> = evaluation
        .classes
        .iter()
        .map(|class| class.label.as_str())
        .collect();
    // Names stand beside the rows only; columns bear their numbers.
    let columns = (0..labels.len()).map(|class| right(class.to_string()));
    let mut table = Table::new(std::iter::once(left("").least(12)).chain(columns));
    let worst = evaluation.confusion.mistakes();
    let least = worst.iter().take(MISTAKES_SHOWN).map(|found| found.count);
    let least = least.min().unwrap_or(u64::MAX).max(2);
    for (class, row) in evaluation.confusion.counts().iter().enumerate() {
        let name = match labels[class] == class.to_string() {
            true => class.to_string(),
            false => format!("{class} {}", labels[class]),
        };
        let cells = row
            .iter()
            .enumerate()
            .map(|(predicted, &count)| match count {
                0 => look.mark(Mark::Faint, "·"),
                count if predicted == class => look.mark(Mark::Good, &count.to_string()),
                count if count >= least => look.mark(Mark::Bad, &count.to_string()),
                count => count.to_string(),
            });
        table.row(std::iter::once(name).chain(cells));
    }
    table
}
