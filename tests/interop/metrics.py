#!/usr/bin/env python3
"""Compares gpu-mnist's figures with scikit-learn's.

    python3 tests/interop/metrics.py TABLES

TABLES is a JSON file: a list of {"probabilities": [[...]], "labels": [...], "evaluation": {...}},
the last as `evaluate --format json` prints it. Needs scikit-learn from PyPI; without it, a line
after SKIPPED says so. Exits 1 where a figure differs by more than 1e-9.
"""

import json
import sys

TOLERANCE = 1e-9
BINS = 15


def main():
    try:
        import numpy
        import sklearn
    except ImportError:
        print("SKIPPED (interop): scikit-learn is not installed: pip install scikit-learn")
        return 0
    with open(sys.argv[1]) as file:
        tables = json.load(file)
    worst, failures, compared = 0.0, [], 0
    for number, table in enumerate(tables):
        probabilities = numpy.array(table["probabilities"])
        labels = numpy.array(table["labels"])
        ours = dict(flat(table["evaluation"]))
        for name, expected in figures(numpy, probabilities, labels):
            found = ours[name]
            if (found is None) != (expected is None):
                failures.append(f"table {number}: {name}: {found}, scikit-learn {expected}")
                continue
            compared += 1
            if found is None:
                continue
            error = abs(found - expected)
            worst = max(worst, error)
            if not error <= TOLERANCE:
                failures.append(f"table {number}: {name}: {found}, scikit-learn {expected}")
    print(
        f"interop: {len(tables)} tables, {compared} figures, scikit-learn {sklearn.__version__}: "
        f"greatest difference {worst:.1e}"
    )
    print("\n".join(failures), file=sys.stderr)
    return 1 if failures or not tables else 0


def flat(evaluation):
    """The figures of an evaluation by the names that `figures` gives them."""
    for name in ["accuracy", "balanced_accuracy", "top5_accuracy", "roc_auc", "loss"]:
        yield name, evaluation[name]
    yield "calibration error", evaluation["expected_calibration_error"]
    for mean in ["macro", "weighted"]:
        for name in ["precision", "recall", "f1"]:
            yield f"{mean} {name}", evaluation[mean][name]
    for number, of_class in enumerate(evaluation["classes"]):
        for name in ["precision", "recall", "f1", "roc_auc"]:
            yield f"{name} of class {number}", of_class[name]


def figures(numpy, probabilities, labels):
    from sklearn import metrics

    classes = probabilities.shape[1]
    every = list(range(classes))
    # Of equals, the first is what is predicted.
    predicted = probabilities.argmax(axis=1)
    yield "accuracy", metrics.accuracy_score(labels, predicted)
    yield "balanced_accuracy", balanced(metrics, labels, predicted)
    yield "loss", metrics.log_loss(labels, probabilities, labels=every)
    top5 = None
    if classes > 10:
        top5 = metrics.top_k_accuracy_score(labels, probabilities, k=5, labels=every)
    yield "top5_accuracy", top5
    yield "calibration error", calibration_error(numpy, probabilities, labels, predicted)
    for mean in ["macro", "weighted"]:
        found = metrics.precision_recall_fscore_support(
            labels, predicted, average=mean, zero_division=0
        )
        for name, value in zip(["precision", "recall", "f1"], found):
            yield f"{mean} {name}", value
    found = metrics.precision_recall_fscore_support(
        labels, predicted, labels=every, average=None, zero_division=numpy.nan
    )
    for name, values in zip(["precision", "recall", "f1"], found):
        for number, value in enumerate(values):
            yield f"{name} of class {number}", None if numpy.isnan(value) else value
    aucs = [
        metrics.roc_auc_score(labels == number, probabilities[:, number])
        if 0 < (labels == number).sum() < len(labels)
        else None
        for number in every
    ]
    for number, auc in enumerate(aucs):
        yield f"roc_auc of class {number}", auc
    yield "roc_auc", roc_auc(metrics, labels, probabilities, aucs)


def balanced(metrics, labels, predicted):
    import warnings

    with warnings.catch_warnings():
        # Classes that are predicted but have no images are left out, as is said.
        warnings.simplefilter("ignore")
        return metrics.balanced_accuracy_score(labels, predicted)


def roc_auc(metrics, labels, probabilities, aucs):
    there = [auc for auc in aucs if auc is not None]
    if not there:
        return None
    if len(aucs) == 2:
        return metrics.roc_auc_score(labels, probabilities[:, 1])
    if len(there) == len(aucs):
        return metrics.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro")
    return sum(there) / len(there)


def calibration_error(numpy, probabilities, labels, predicted):
    """Guo et al., arXiv:1706.04599, over the bins of `calibration_curve`."""
    from sklearn.calibration import calibration_curve

    confidence = probabilities.max(axis=1)
    right = predicted == labels
    accuracy, mean = calibration_curve(right, confidence, n_bins=BINS, strategy="uniform")
    edges = numpy.linspace(0.0, 1.0, BINS + 1)
    bins = numpy.searchsorted(edges[1:-1], confidence)
    images = numpy.bincount(bins, minlength=BINS)
    images = images[images > 0]
    return float((images * numpy.abs(accuracy - mean)).sum() / images.sum())


if __name__ == "__main__":
    sys.exit(main())
