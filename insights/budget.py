"""A budget of false pages, and the p-value below which a count pages because of it.

A p-value here is how many findings like it one series brings in an hour of watching when nothing is wrong. So S series that are watched for
a week bring 168 * S * p, whatever they look like (Bonferroni over series and time); of series that surge together more are let through, as
false discovery control allows (Benjamini and Hochberg, 1995). Real counts stray more than models, so the past is replayed, and the p-value
lowered until it would have paged no more than the budget allows.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

HOURS_A_WEEK = 168
MOST_SENSITIVE = 1e-3
"""However large the budget: beyond, pages are noise by design, and nobody who states a budget wants to use it up."""
CERTAIN = 1e-6
"""So far below what a budget asks for a p-value is taken for a real surge. Bursts of quiet series reach a thousandth and less."""
DEAFEST = 1e-3
"""However often the past paged, a rule becomes at most so much less sensitive."""
STEP = 10 ** (-1 / 3)
COMPATIBLE = 0.5
"""A past that pages so often by chance with this probability, or a larger one, is within the budget: no more often than was agreed."""
FEW = 3
"""Fewer pages say nothing of how often they come: the one real surge of a short past must not make a rule deaf to the next."""


@dataclass(frozen=True, slots=True)
class Threshold:
    """The p-value that follows from a budget, and how many pages it would have brought in the past that was replayed."""

    sensitivity: float
    pages: int


def sensitivity_of(budget: float, series: int) -> float:
    """The p-value that spends `budget` pages a week on `series` series, if the model of counts is right."""
    return min(MOST_SENSITIVE, budget / HOURS_A_WEEK / max(series, 1))


def within(pages: int, weeks: float, budget: float, *, more: int = 0) -> bool:
    """Whether so many pages in so many weeks, and `more`, can be chance when `budget` a week are due."""
    return pages < FEW or float(scipy.special.gammainc(pages + more, max(budget * weeks, 1e-9))) >= COMPATIBLE


def calibrate(budget: float, series: int, weeks: float, peaks: Callable[[float], Sequence[float]]) -> Threshold:
    """The highest p-value, not above `sensitivity_of`, at which the past pages within the budget.

    `peaks`: the least p-value of every surge that would have paged at a p-value. One that is CERTAIN is no page too many. A p-value that
    was lowered until enough of the past fell silent lies just below a page of it: as much time to come brings one page more.
    """
    sensitivity = sensitivity_of(budget, series)
    certain, deafest = sensitivity * CERTAIN, sensitivity * DEAFEST
    found = peaks(sensitivity)
    fallen_silent = 0
    while not within(sum(peak >= certain for peak in found), weeks, budget, more=fallen_silent) and sensitivity * STEP > deafest:
        sensitivity *= STEP
        found = peaks(sensitivity)
        fallen_silent = 1
    return Threshold(sensitivity, len(found))


def quiet_at(peaks: Sequence[float], series: int) -> float:
    """The largest budget, in pages a week, at which none of these surges would have paged; as large as you like when there are none."""
    return min(peaks, default=MOST_SENSITIVE) * HOURS_A_WEEK * max(series, 1)


def discoveries(p_values: NDArray[np.float64], sensitivity: float, series: int) -> NDArray[np.bool_]:
    """Which of the series that are looked at together page: the k smallest p-values, where the k-th is below k times `sensitivity`.

    `p_values`: of one look, or of many (looks, series). One that surges alone needs `sensitivity`, as without this. Never above
    MOST_SENSITIVE, and never more than all `series`.
    """
    ranks = np.minimum(np.arange(1, p_values.shape[-1] + 1), max(series, 1))
    ordered = np.sort(p_values, axis=-1)
    passed: NDArray[np.float64] = np.where(ordered < np.minimum(ranks * sensitivity, max(sensitivity, MOST_SENSITIVE)), ordered, 0.0)
    limit = passed.max(axis=-1, keepdims=True) if p_values.shape[-1] else passed
    found: NDArray[np.bool_] = (p_values <= limit) & (limit > 0)
    return found
