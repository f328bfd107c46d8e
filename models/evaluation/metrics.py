"""How good answers are, in plain numbers: F1 of labels, calibration, and what abstaining costs; numpy only."""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set

import numpy as np
from numpy.typing import NDArray

from nlp.calibrate import calibration_error


def f1(hits: int, predicted: int, gold: int) -> float:
    """Harmonic mean of precision and recall: 2 hits / (predicted + gold); 0 where neither occurs."""
    return 2 * hits / (predicted + gold) if predicted + gold else 0.0


def f1_of_label(gold: Sequence[str], predicted: Sequence[str], label: str) -> float:
    """F1 of one label."""
    hits = sum(one == other == label for one, other in zip(gold, predicted, strict=True))
    return f1(hits, sum(other == label for other in predicted), sum(one == label for one in gold))


def macro_f1(gold: Sequence[str], predicted: Sequence[str]) -> float:
    """Mean F1 of the labels that occur in `gold`, so rows that are never neutral are not judged on neutral. ValueError without rows."""
    labels = sorted(set(gold))
    if not labels:
        raise ValueError("macro-F1 needs at least one row")
    return float(np.mean([f1_of_label(gold, predicted, label) for label in labels]))


def interval_of_macro_f1(gold: Sequence[str], predicted: Sequence[str], *, draws: int = 1000, seed: int = 1) -> tuple[float, float]:
    """The 95 % interval of `macro_f1` under resampling of the rows (percentile bootstrap). ValueError without rows.

    Rows with the same pair of labels are alike, so a resample is one multinomial draw of the table of pairs.
    """
    if not gold:
        raise ValueError("an interval needs at least one row")
    names = sorted({*gold, *predicted})
    pairs = np.zeros((len(names), len(names)))
    np.add.at(pairs, ([names.index(one) for one in gold], [names.index(one) for one in predicted]), 1)
    drawn = np.random.default_rng(seed).multinomial(len(gold), pairs.ravel() / len(gold), size=draws).reshape(draws, *pairs.shape)
    occurring = [names.index(one) for one in sorted(set(gold))]
    told_or_there = drawn.sum(axis=1) + drawn.sum(axis=2)
    scores = 2 * np.einsum("dii->di", drawn)[:, occurring] / np.maximum(told_or_there[:, occurring], 1)
    low, high = np.quantile(scores.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def micro_f1(gold: Sequence[Set[str]], predicted: Sequence[Set[str]]) -> float:
    """F1 over all (row, label) pairs of a multi-label task; 0 where no label occurs at all."""
    pairs = list(zip(gold, predicted, strict=True))
    return f1(sum(len(one & other) for one, other in pairs), sum(len(other) for _, other in pairs), sum(len(one) for one, _ in pairs))


def binary_f1(gold: Sequence[bool], predicted: Sequence[bool]) -> float:
    """F1 of the rows that are true."""
    return f1(sum(one and other for one, other in zip(gold, predicted, strict=True)), sum(predicted), sum(gold))


def expected_calibration_error(confidence: Sequence[float] | NDArray[np.floating], correct: Sequence[bool], bins: int = 15) -> float:
    """Mean distance of confidence and accuracy over equally wide bins, weighted by their rows, in [0, 1]. ValueError without rows.

    Source: Naeini et al., "Obtaining Well Calibrated Probabilities Using Bayesian Binning" (2015); 15 bins as in Guo et al. (2017).
    """
    if not len(confidence):
        raise ValueError("calibration needs at least one row")
    return calibration_error(np.asarray(confidence, np.float64), np.asarray(correct, np.bool_), bins)


def share(flags: Iterable[bool]) -> float:
    """The share of true flags; 0 without any."""
    values = list(flags)
    return sum(values) / len(values) if values else 0.0
