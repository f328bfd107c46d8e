"""Whether an answer is better than another on the same rows: F1 of both, and how sure the difference is."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Marks = NDArray[np.bool_]
RESAMPLES, AT_ONCE = 2_000, 100


@dataclass(frozen=True, slots=True)
class Gain:
    """F1 of `before` and `after`, 0 to 1; `certainty`: the share of resamples of the rows in which `after` is better."""

    before: float
    after: float
    certainty: float


def gain(before: Marks, after: Marks, right: Marks, known: Marks, *, micro: bool, seed: int) -> Gain:
    """All are (n, outputs): what was said before and after, what is right, and where that is known.

    F1 is the mean over the outputs, or `micro`: of all of them together. Certainty is a paired bootstrap over rows (Efron and Tibshirani,
    1993): the same rows are drawn for both.
    """
    generator = np.random.default_rng(seed)
    rows = len(right)
    old, new = (_counts(said, right, known) for said in (before, after))
    better = 0
    for _ in range(RESAMPLES // AT_ONCE):
        drawn = generator.multinomial(rows, np.full(rows, 1 / rows), size=AT_ONCE)
        better += int((_f1(new, drawn, micro=micro) > _f1(old, drawn, micro=micro)).sum())
    once = np.ones((1, rows))
    return Gain(float(_f1(old, once, micro=micro)[0]), float(_f1(new, once, micro=micro)[0]), better / RESAMPLES)


def _counts(said: Marks, right: Marks, known: Marks) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(n, outputs) of what is said rightly, and of what is said and what is right together."""
    return (said & right & known).astype(np.float64), (said & known).astype(np.float64) + (right & known)


def _f1(counts: tuple[NDArray[np.float64], NDArray[np.float64]], draws: NDArray[np.number], *, micro: bool) -> NDArray[np.float64]:
    hits, sums = (draws @ one for one in counts)
    if micro:
        hits, sums = hits.sum(axis=1, keepdims=True), sums.sum(axis=1, keepdims=True)
    scores: NDArray[np.float64] = (2 * hits / np.maximum(sums, 1)).mean(axis=1)
    return scores
