"""Surges of a share: more talk is not more anger, so a share is judged given how much is said.

Of n texts in a window the negative ones follow a beta-binomial distribution: a share that is learned from the past, and an intra-class
correlation, for texts of one hour are about the same things (Williams, "The analysis of binary responses from toxicological experiments",
1975). It is streaming and of constant memory, like `insights.spikes`, and answers with the same findings.
"""

import math

import numpy as np
import scipy
from numpy.typing import NDArray

LONGEST_SUM = 100_000
"""Terms of a tail; beyond, the beta distribution is the same to three digits."""


def share_tail(negative: float, total: float, share: float, correlation: float) -> float:
    """P(at least `negative` of `total`) of the beta-binomial with this mean share and intra-class correlation, both in (0, 1)."""
    if negative <= 0:
        return 1.0
    if negative > total:
        return 0.0
    size = 1 / correlation - 1
    a, b = share * size, (1 - share) * size
    if total - negative > LONGEST_SUM:
        return float(scipy.special.betaincc(a, b, negative / total))
    counts = np.arange(math.ceil(negative), math.floor(total) + 1, dtype=np.float64)
    terms = _log_choose(total, counts) + scipy.special.betaln(counts + a, total - counts + b) - scipy.special.betaln(a, b)
    return float(min(1.0, np.exp(terms).sum()))


def share_interval(total: float, share: float, correlation: float, *, inside: float = 0.95) -> tuple[float, float]:
    """The numbers of negative ones between which `inside` of the windows of `total` fall when nothing is wrong."""
    outside = (1 - inside) / 2

    def quantile(at: float) -> float:
        low, high = -1, math.floor(total)
        while high - low > 1:
            middle = (low + high) // 2
            if 1 - share_tail(middle + 1, total, share, correlation) >= at:
                high = middle
            else:
                low = middle
        return float(high)

    return quantile(outside), quantile(1 - outside)


def _log_choose(total: float, counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(scipy.special.gammaln(total + 1) - scipy.special.gammaln(counts + 1) - scipy.special.gammaln(total - counts + 1))
