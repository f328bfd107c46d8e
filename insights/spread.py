"""How far sums over a span of windows stray from what was expected: the over-dispersion of one series, learned robustly from its past."""

import math
from collections.abc import Sequence

from insights.counts import upper_tail

HALF_LIFE_DAYS = 14.0
PRIOR = 0.12
"""Hourly counts of feedback have a relative variance of 0.05 to 0.4 beyond Poisson; so the past is taken until it speaks for itself."""
PRIOR_DAYS = 0.5
SHARED_PRIOR_DAYS = 5.0
FALLS_WITH = 0.7
"""Longer spans average out: their relative variance falls about with the 0.7th power of their length (1 if windows strayed alone)."""
LEAST = 0.01
CAP = 3.0
"""Standard deviations beyond which a deviation teaches nothing more (Huber)."""
LEAST_TAIL = 1e-300
SURGE = 4.0
"""Standard deviations from which a span may be part of a surge: of a surge only the first hour teaches, however long it lasts."""


class Spread:
    """The variance of sums over `windows` windows: Var = mean + spread * mean ** 2 * (ordinary / mean) ** 0.5.

    `ordinary` is the mean at the level of the series, without season: between hours the noise grows more slowly than the mean, so nights
    stray relatively more (fitted: the power 1.5 lies between NB1 and NB2 of Cameron and Trivedi, 2013). Moments of past one-step errors,
    capped, exponentially forgotten, shrunk to a prior.
    """

    __slots__ = (
        "_bonus",
        "_hour",
        "_keep",
        "_last",
        "_power",
        "_prior",
        "_prior_windows",
        "_season_share",
        "_squares",
        "_surging",
        "_weight",
        "expected",
        "seen",
        "value",
        "windows",
    )

    def __init__(self, windows: int, all_windows: Sequence[int], width: float) -> None:
        """A span of `windows` of `width` seconds, one of `all_windows`, the shortest of which is the prior of the longer ones."""
        per_day = 86_400 / width
        hours = windows * width / 3_600
        shortest = all_windows[0]
        self.windows = windows
        self.value = PRIOR / math.sqrt(windows)
        self.seen = self.expected = 0.0
        self._prior = self.value
        self._power = (shortest / windows) ** FALLS_WITH
        self._prior_windows = (PRIOR_DAYS if windows == shortest else SHARED_PRIOR_DAYS) * min(per_day, 24.0)
        self._keep = 0.5 ** (1 / (HALF_LIFE_DAYS * per_day))
        self._hour = max(1.0, 3_600 / width)
        self._season_share = 1 / max(1.0, hours)
        self._bonus = math.log10(hours / len(all_windows))
        self._squares = self._weight = 0.0
        self._surging = 0
        self._last = 0

    def variance(self, expected: float, level: float, of_season: float, of_level: float) -> float:
        """Relative variance beyond Poisson of a sum of which `expected` was expected, with what is unknown of that.

        `level`: mean of one window without season. `of_season`, `of_level`: relative variances of what is known of one hour, and of the
        level; errors of single hours average out over a longer span.
        """
        own = self.value * math.sqrt(self.windows * level / expected) if level > 0 else self.value
        return own + of_season * self._season_share + of_level

    def surprise(self, seen: float, expected: float, variance: float) -> float:
        """-log10 of the tail, less the number of spans, more the length of this one: how rare it is in an hour of watching."""
        return self._bonus - math.log10(max(upper_tail(seen, expected, variance), LEAST_TAIL))

    def learn(self, number: int, level: float, of_season: float, of_level: float, prior: float | None) -> float:
        """Take in the present sums (`seen`, `expected`); their surprise, 0 without the effort where it is small.

        `number`: of the window; the next three as of `variance`; `prior`: value of the shortest span, None for itself.
        """
        expected = self.expected
        square = expected * expected
        unknown = of_season * self._season_share + of_level
        shape = math.sqrt(self.windows * level / expected) if level > 0 else 1.0
        variance = expected + (self.value * shape + unknown) * square
        deviation = self.seen - expected
        squares = deviation * deviation
        strays = deviation > 0 and squares > 2 * variance
        surprise = self.surprise(self.seen, expected, self.value * shape + unknown) if strays else 0.0
        if self._is_late_in_a_surge(number, surging=strays and squares > SURGE * SURGE * (variance + 0.5)):
            return surprise
        keep = self._keep
        self._squares = self._squares * keep + min(squares, CAP * CAP * (variance + 0.5)) - expected - unknown * square
        self._weight = self._weight * keep + square * shape
        own = self._prior if prior is None else prior * self._power
        weight = self._prior_windows * (self.windows * level + 1) ** 2
        self.value = max(LEAST, (self._squares + own * weight) / (self._weight + weight))
        return surprise

    def _is_late_in_a_surge(self, number: int, *, surging: bool) -> bool:
        if surging:
            if number - self._last > self.windows + self._hour:
                self._surging = 0
            self._last = number
            self._surging += 1
        return self._surging > self._hour and number - self._last <= self.windows + self._hour
