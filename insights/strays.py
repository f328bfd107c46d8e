"""How often one series has strayed how far: real counts have heavier tails than any model, and a threshold must know them."""

import math

FROM = 2.0
"""Surprise (-log10 of a p-value) above which the past is fitted."""
CAP = 7.0
"""Mean excesses beyond which a stray teaches nothing more: one real surge must not make a series deaf."""
PRIOR_STRAYS = 16.0
"""So many strays of a well-behaved model are taken as seen before the first."""
HALF_LIFE_DAYS = 28.0
PRIOR_RATE = 10**-FROM
PRIOR_EXCESS = 1 / math.log(10)
"""Mean excess of -log10(p) when p-values are right: they then fall off as an exponential distribution."""


class Strays:
    """Peaks over a threshold (Pickands 1975; streaming as in Siffer et al., "Anomaly Detection in Streams
    with Extreme Value Theory", 2017).

    The number of strays per window and their mean excess over FROM, exponentially forgotten, shrunk to a model that is right, and never
    better than that. Neighbouring windows above FROM are one stray, with their peak (runs declustering).
    """

    __slots__ = ("_below", "_count", "_excess", "_gap", "_keep", "_peak", "_windows")

    def __init__(self, width: float) -> None:
        """`width`: seconds of one window."""
        self._keep = 0.5 ** (width / (HALF_LIFE_DAYS * 86_400))
        self._gap = max(3, round(3_600 / width))
        self._count = self._windows = self._excess = self._peak = 0.0
        self._below = 0

    def calibrate(self, surprise: float) -> float:
        """The surprise that is left when the series often strays as far; never more than `surprise`, and monotone in it."""
        if surprise <= FROM:
            return surprise
        rate = max(PRIOR_RATE, (self._count + PRIOR_STRAYS) / (self._windows + PRIOR_STRAYS / PRIOR_RATE))
        return min(surprise, (surprise - FROM) * PRIOR_EXCESS / self._mean_excess() - math.log10(rate))

    def learn(self, surprise: float) -> None:
        """Take in the surprise of the next window."""
        keep = self._keep
        self._windows = self._windows * keep + 1
        self._count *= keep
        self._excess *= keep
        if surprise > FROM:
            self._peak = max(self._peak, surprise)
            self._below = 0
        elif self._peak > 0:
            self._below += 1
            if self._below >= self._gap:
                self._excess += min(self._peak - FROM, CAP * self._mean_excess())
                self._count += 1
                self._peak = 0.0

    def _mean_excess(self) -> float:
        return max(PRIOR_EXCESS, (self._excess + PRIOR_STRAYS * PRIOR_EXCESS) / (self._count + PRIOR_STRAYS))
