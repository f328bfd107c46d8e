"""How far sums over a span of windows stray from what was expected: the over-dispersion of a series, learned robustly from its past."""

import math

from insights.lanes import FLOATS, Lane, Lanes

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
SURGE = 4.0
"""Standard deviations from which a span may be part of a surge: of a surge only the first hour teaches, however long it lasts."""


class Spread:
    """The variance of sums over `windows` windows: Var = mean + spread * mean ** 2 * (ordinary / mean) ** 0.5.

    `ordinary` is the mean at the level of the series, without season: between hours the noise grows more slowly than the mean, so nights
    stray relatively more (fitted: the power 1.5 lies between NB1 and NB2 of Cameron and Trivedi, 2013). Moments of past one-step errors,
    capped, exponentially forgotten, shrunk to a prior. A sum is judged by what was known before its first window (`trusted`): else the
    first hours of a slow rise would excuse those that follow (guard cells, as in Finn and Johnson, "Adaptive detection mode with threshold
    control", 1968).
    """

    __slots__ = (
        "_hour",
        "_keep",
        "_lanes",
        "_last",
        "_past",
        "_power",
        "_prior",
        "_prior_windows",
        "_season_share",
        "_squares",
        "_step",
        "_surging",
        "_weight",
        "bonus",
        "expected",
        "seen",
        "trusted",
        "value",
        "windows",
    )

    def __init__(self, windows: int, shortest: int, looked_at: int, width: float, lanes: Lanes = FLOATS) -> None:
        """A span of `windows` of `width` seconds. `shortest`: that of the spans which is the prior of the longer ones; `looked_at`: how
        many spans share what may be found by chance."""
        per_day = 86_400 / width
        hours = windows * width / 3_600
        self.windows = windows
        self._lanes = lanes
        self._prior = PRIOR / math.sqrt(windows)
        self.value: Lane = lanes.filled(self._prior)
        self.seen: Lane = lanes.filled(0.0)
        self.expected: Lane = lanes.filled(0.0)
        self._power = (shortest / windows) ** FALLS_WITH
        self._prior_windows = (PRIOR_DAYS if windows == shortest else SHARED_PRIOR_DAYS) * min(per_day, 24.0)
        self._keep = 0.5 ** (1 / (HALF_LIFE_DAYS * per_day))
        self._hour = max(1.0, 3_600 / width)
        self._season_share = 1 / max(1.0, hours)
        self.bonus = math.log10(hours / looked_at)
        self._squares = self._weight = self._surging = lanes.filled(0.0)
        self._last = lanes.filled(0.0)
        self.trusted: Lane = self.value
        self._past = [self.value] * windows
        self._step = 0

    def variance(self, expected: Lane, level: Lane, of_season: Lane, of_level: Lane) -> Lane:
        """Relative variance beyond Poisson of a sum of which `expected` was expected, with what is unknown of that.

        `level`: mean of one window without season. `of_season`, `of_level`: relative variances of what is known of one hour, and of the
        level; errors of single hours average out over a longer span.
        """
        return self.trusted * self._shape(expected, level) + of_season * self._season_share + of_level

    def learn(self, number: Lane, level: Lane, of_season: Lane, of_level: Lane, prior: Lane | None, due: Lane) -> Lane:
        """Take in the present sums (`seen`, `expected`) where it is `due`; their surprise, 0 without the effort where it is small.

        `number`: windows learned so far; the next three as of `variance`; `prior`: value of the shortest span, None for itself.
        """
        where = self._lanes.where
        expected = self.expected
        square = expected * expected
        unknown = of_season * self._season_share + of_level
        shape = self._shape(expected, level)
        spread = self.value * shape + unknown
        variance = expected + spread * square
        deviation = self.seen - expected
        squares = deviation * deviation
        strays = due & (deviation > 0) & (squares > 2 * variance)
        tail = self._lanes.surprise(self.seen, expected, spread, strays)
        late = self._late_in_a_surge(number, strays & (squares > SURGE * SURGE * (variance + 0.5)))
        taught = self._lanes.but(due, late)
        most = self._lanes.least(squares, CAP * CAP * (variance + 0.5))
        self._squares = where(taught, self._squares * self._keep + most - expected - unknown * square, self._squares)
        self._weight = where(taught, self._weight * self._keep + square * shape, self._weight)
        own = self._prior if prior is None else prior * self._power
        weight = self._prior_windows * (self.windows * level + 1) ** 2
        value = self._lanes.most(LEAST, (self._squares + own * weight) / (self._weight + weight))
        self.value = where(taught, value, self.value)
        place = self._step % self.windows
        self.trusted, self._past[place] = self._past[place], self.value
        self._step += 1
        return where(strays, self.bonus + tail, 0.0)

    def _shape(self, expected: Lane, level: Lane) -> Lane:
        return self._lanes.where(level > 0, self._lanes.sqrt(self.windows * level / expected), 1.0)

    def _late_in_a_surge(self, number: Lane, surging: Lane) -> Lane:
        """Whether a surge goes on for longer than the hour that teaches."""
        if self._lanes.any(surging):
            where = self._lanes.where
            again = surging & (number - self._last > self.windows + self._hour)
            self._surging = where(again, 0.0, self._surging) + where(surging, 1.0, 0.0)
            self._last = where(surging, number, self._last)
        return (self._surging > self._hour) & (number - self._last <= self.windows + self._hour)
