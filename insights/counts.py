"""Over-dispersed counts: tail and interval of the negative binomial, written with its mean and its relative variance.

`mean` > 0 is the expected count; `spread` >= 0 is the variance beyond Poisson relative to the mean: Var = mean + spread * mean ** 2
(NB2 of Cameron and Trivedi, "Regression Analysis of Count Data", 2013). A spread of 0 is the Poisson distribution.
"""

import math

import scipy

LEAST_SPREAD = 1e-9
"""Below it the negative binomial and Poisson agree to more digits than a double has."""


def upper_tail(observed: float, mean: float, spread: float) -> float:
    """P(X >= observed), 0 to 1; falls (never rises) with `observed`. `observed` need not be whole: the tail is continuous in it."""
    if observed <= 0:
        return 1.0
    if spread < LEAST_SPREAD:
        return float(scipy.special.gammainc(observed, mean))
    size = 1 / spread
    return float(scipy.special.betainc(observed, size, mean / (mean + size)))


def interval(mean: float, spread: float, *, share: float = 0.95) -> tuple[float, float]:
    """The counts between which `share` of the windows fall when nothing is wrong: (lowest, highest), whole numbers."""
    outside = (1 - share) / 2
    return _quantile(outside, mean, spread), _quantile(1 - outside, mean, spread)


def _quantile(share: float, mean: float, spread: float) -> float:
    """The smallest whole count with P(X <= count) >= share, by bisection (at most about 60 steps)."""
    low, high = -1, max(1, math.ceil(mean + 20 * math.sqrt(mean + spread * mean * mean)))
    while high - low > 1:
        middle = (low + high) // 2
        if 1 - upper_tail(middle + 1, mean, spread) >= share:
            high = middle
        else:
            low = middle
    return float(high)
