"""The rules that others publish, to stand beside ours: each turns a series into a score per row, from the rows before it."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Scorer = Callable[[Floats, int], Floats]
"""(counts, rows in a day) -> scores; a row surges when its score is above the rule's threshold."""


def deviations(counts: Floats, per_day: int) -> Floats:
    """Mean + k standard deviations of the last seven days: the rule that vendors publish. The score is k."""
    return _scored(counts, *_moments(counts, 7 * per_day))


def seasonal_deviations(counts: Floats, per_day: int) -> Floats:
    """The same, of the same hour (and its neighbours) of the days before, up to four weeks of them."""
    by_hour = max(1, per_day // 24)
    scores = np.zeros(len(counts))
    for row in range(2 * per_day, len(counts)):
        days = np.arange(1, min(28, row // per_day) + 1) * per_day
        around = np.arange(-by_hour, by_hour + 1)
        rows = (row - days[:, None] + around).ravel()
        past = counts[rows[rows >= 0]]
        scores[row] = (counts[row] - past.mean()) / max(past.std(), 1.0)
    return scores


def records(counts: Floats, per_day: int) -> Floats:
    """Mean of three rows over the maximum of the last four days. The score is that ratio."""
    smooth = np.convolve(counts, np.ones(3) / 3)[: len(counts)]
    window = 4 * per_day
    scores = np.zeros(len(counts))
    for row in range(window, len(counts)):
        scores[row] = smooth[row] / max(smooth[row - window : row].max(), 1.0)
    return scores


def holt_winters(counts: Floats, per_day: int) -> Floats:
    """Additive Holt-Winters with the season of a day (level 0.05, trend 0.001, season 0.1). The score is the error over the mean absolute
    error so far, exponentially forgotten, times 1.25: standard deviations of a normal distribution."""
    season = np.zeros(per_day)
    first = counts[:per_day]
    level, trend, error = float(first.mean()), 0.0, max(float(np.abs(first - first.mean()).mean()), 0.8)
    season[: len(first)] = first - level
    scores = np.zeros(len(counts))
    for row in range(per_day, len(counts)):
        place = row % per_day
        ahead = level + trend + season[place]
        off = counts[row] - ahead
        scores[row] = off / (1.25 * error) if row >= 7 * per_day else 0.0
        error = 0.995 * error + 0.005 * max(abs(off), 0.1)
        level, before = level + trend + 0.05 * off, level
        trend += 0.001 * (level - before - trend)
        season[place] += 0.1 * off
    return scores


def advec(counts: Floats, per_day: int) -> Floats:
    """As Twitter's AnomalyDetectionVec does (seasonal hybrid ESD: Hochenbaum et al. 2017), with the past alone: the season is the median of
    each hour in the last 14 days, the score how many median absolute deviations (times 1.4826) the rest lies from the median."""
    window = 14 * per_day
    scores = np.zeros(len(counts))
    for row in range(7 * per_day, len(counts)):
        past = counts[max(row % per_day, row - window) : row]
        past = past[len(past) % per_day :]
        usual = np.median(past.reshape(-1, per_day), axis=0)
        rest = (past.reshape(-1, per_day) - usual).ravel()
        deviation = 1.4826 * np.median(np.abs(rest - np.median(rest)))
        scores[row] = (counts[row] - usual[0] - np.median(rest)) / max(deviation, 1.0)
    return scores


def _moments(counts: Floats, window: int) -> tuple[Floats, Floats]:
    """Mean and standard deviation of the `window` rows before each (of all before it, while there are fewer)."""
    rows = np.arange(len(counts))
    first = np.maximum(0, rows - window)
    total, squares = (np.concatenate([[0.0], np.cumsum(values)]) for values in (counts, counts**2))
    size = np.maximum(rows - first, 1)
    mean = (total[rows] - total[first]) / size
    return mean, np.sqrt(np.maximum((squares[rows] - squares[first]) / size - mean**2, 0))


def _scored(counts: Floats, mean: Floats, deviation: Floats) -> Floats:
    return np.asarray((counts - mean) / np.maximum(deviation, 1.0))


BASELINES: dict[str, tuple[Scorer, float]] = {
    "mean + 3 sd": (deviations, 3.0),
    "mean + 5 sd": (deviations, 5.0),
    "seasonal z-score 4": (seasonal_deviations, 4.0),
    "record": (records, 1.1),
    "Holt-Winters 5": (holt_winters, 5.0),
    "ADVec-like 6": (advec, 6.0),
}
"""Name -> (rule, threshold)."""
