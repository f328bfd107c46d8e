"""How often one series has strayed how far: real counts have heavier tails than any model, and a threshold must know them."""

import math

from insights.lanes import FLOATS, Lane, Lanes

SURE = 300.0
"""The least p-value that is told is 10 to the minus that."""
FROM = 2.0
"""Surprise (-log10 of a p-value) above which the past is fitted."""
CAP = 7.0
"""Mean excesses beyond which a stray teaches nothing more: one real surge must not make a series deaf."""
PRIOR_STRAYS = 16.0
"""So many strays of a well-behaved model are taken as seen before the first."""
LASTING_HOURS = 13.0
"""One burst keeps the sum of twelve hours unusual for as long. What stays unusual for longer was a surge that people want to hear of again,
and not the way of a series."""
HALF_LIFE_DAYS = 28.0
PRIOR_RATE = 10**-FROM
PRIOR_EXCESS = 1 / math.log(10)
"""Mean excess of -log10(p) when p-values are right: they then fall off as an exponential distribution."""


class Strays:
    """Peaks over a threshold (Pickands 1975; streaming as in Siffer et al., "Anomaly Detection in Streams
    with Extreme Value Theory", 2017).

    The number of strays per window and their mean excess over FROM, exponentially forgotten, shrunk to a model that is right, and never
    better than that. Neighbouring windows above FROM are one stray, with their peak (runs declustering); a surge that lasted is none.
    """

    __slots__ = ("_below", "_count", "_excess", "_gap", "_keep", "_lanes", "_lasting", "_length", "_peak", "_windows")

    def __init__(self, width: float, lanes: Lanes = FLOATS) -> None:
        """`width`: seconds of one window."""
        self._keep = 0.5 ** (width / (HALF_LIFE_DAYS * 86_400))
        self._gap = max(3, round(3_600 / width))
        self._lasting = LASTING_HOURS * 3_600 / width
        self._lanes = lanes
        self._count = self._windows = self._excess = self._peak = self._below = self._length = lanes.filled(0.0)

    def calibrate(self, surprise: Lane) -> Lane:
        """The surprise that is left when the series often strays as far; never more than `surprise`, and monotone in it."""
        beyond = surprise > FROM
        if not self._lanes.any(beyond):
            return surprise
        left = (surprise - FROM) * PRIOR_EXCESS / self.mean_excess() - self._lanes.log10(self.rate())
        return self._lanes.where(beyond, self._lanes.least(surprise, left), surprise)

    def p_value(self, surprise: Lane, looks: float) -> Lane:
        """How many findings like this one so many looks bring, given what the series did in the past; at most 1."""
        return self._lanes.least(1.0, self._lanes.tenth(self._lanes.least(SURE, self.calibrate(surprise) - math.log10(looks))))

    def rate(self) -> Lane:
        """Strays per window."""
        return self._lanes.most(PRIOR_RATE, (self._count + PRIOR_STRAYS) / (self._windows + PRIOR_STRAYS / PRIOR_RATE))

    def mean_excess(self) -> Lane:
        """How far beyond FROM they stray in the mean."""
        return self._lanes.most(PRIOR_EXCESS, (self._excess + PRIOR_STRAYS * PRIOR_EXCESS) / (self._count + PRIOR_STRAYS))

    def learn(self, surprise: Lane, due: Lane) -> None:
        """Take in the surprise of the next window, where it is `due`; elsewhere it is 0."""
        keep, where = self._keep, self._lanes.where
        self._windows = where(due, self._windows * keep + 1, self._windows)
        self._count = self._count * keep
        self._excess = self._excess * keep
        strays = surprise > FROM
        self._peak = where(strays, self._lanes.most(self._peak, surprise), self._peak)
        self._below = where(strays, 0.0, self._below + 1)
        self._length = where(strays, self._length + 1, self._length)
        over = (self._peak > 0) & (self._below >= self._gap)
        if self._lanes.any(over):
            taught = over & (self._length <= self._lasting)
            stray = self._lanes.least(self._peak - FROM, CAP * self.mean_excess())
            self._excess = where(taught, self._excess + stray, self._excess)
            self._count = where(taught, self._count + 1, self._count)
            self._peak = where(over, 0.0, self._peak)
            self._length = where(over, 0.0, self._length)
