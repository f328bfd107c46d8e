"""How far sums over a span of windows stray from what was expected: the over-dispersion of one series, learned robustly from its past."""

import math

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

    `ordinary` is the mean at the level of the series, without season: between hours, the noise grows more slowly than the mean, so nights
    stray relatively more (fitted: the power 1.5 lies between NB1 and NB2 of Cameron and Trivedi, 2013). Moments of past one-step errors,
    capped, exponentially forgotten, shrunk to a prior.
    """

    __slots__ = (
        "_hour",
        "_keep",
        "_last",
        "_power",
        "_prior",
        "_prior_windows",
        "_seen_squares",
        "_surging",
        "_weight",
        "expected",
        "seen",
        "value",
        "windows",
    )

    def __init__(self, windows: int, shortest: int, width: float) -> None:
        """`windows` of `width` seconds; `shortest`: windows of the shortest span, whose spread is the prior of the longer ones."""
        per_day = 86_400 / width
        days = PRIOR_DAYS if windows == shortest else SHARED_PRIOR_DAYS
        self.windows = windows
        self.value = PRIOR / math.sqrt(windows)
        self.seen = self.expected = 0.0
        self._prior = self.value
        self._power = (shortest / windows) ** FALLS_WITH
        self._prior_windows = days * min(per_day, 24.0)
        self._keep = 0.5 ** (1 / (HALF_LIFE_DAYS * per_day))
        self._hour = max(1.0, 3_600 / width)
        self._seen_squares = self._weight = 0.0
        self._surging = 0
        self._last = 0

    def relative(self, expected: float, ordinary: float) -> float:
        """Relative variance beyond Poisson of a sum of which `expected` was expected; `ordinary`: windows times the level."""
        return self.value * math.sqrt(ordinary / expected) if ordinary > 0 else self.value

    def learn(self, number: int, ordinary: float, unknown: float, prior: float | None) -> None:
        """Take in the present sums (`seen`, `expected`). `number`: of the window; `unknown`: relative variance of `expected` itself;
        `prior`: spread of the shortest span, None for itself."""
        expected = self.expected
        shape = math.sqrt(ordinary / expected) if ordinary > 0 else 1.0
        deviation = self.seen - expected
        variance = expected + (self.value * shape + unknown) * expected * expected + 0.5
        if self._is_late_in_a_surge(number, deviation, variance):
            return
        squares = min(deviation * deviation, CAP * CAP * variance) - expected - unknown * expected * expected
        self._seen_squares = self._seen_squares * self._keep + squares
        self._weight = self._weight * self._keep + expected * expected * shape
        own = self._prior if prior is None else prior * self._power
        weight = self._prior_windows * (ordinary + 1) * (ordinary + 1)
        self.value = max(LEAST, (self._seen_squares + own * weight) / (self._weight + weight))

    def _is_late_in_a_surge(self, number: int, deviation: float, variance: float) -> bool:
        if number - self._last > self.windows + self._hour:
            self._surging = 0
        if deviation > 0 and deviation * deviation > SURGE * SURGE * variance:
            self._last = number
            self._surging += 1
        return self._surging > self._hour
