"""One series or many side by side: the arithmetic of a detector on plain floats, or on arrays with one number per series.

A lane is a number of one series. Detectors are written once, with `where`, `least` and `most` in place of `if`, `min` and `max`: on floats
they watch one series at the price of a float, on arrays a thousand series at the price of a few.
"""

import math
from collections.abc import Callable
from typing import Any, Final

import numpy as np
import scipy

from insights.counts import LEAST_SPREAD, upper_tail
from insights.shares import share_tail

Lane = Any
"""A float, or an array of one float per series; a condition is a bool, or an array of them."""


class Lanes:
    """What a detector needs beyond + - * /. `number`: of series, None for plain floats."""

    number: int | None
    where: Callable[[Lane, Lane, Lane], Lane]
    least: Callable[[Lane, Lane], Lane]
    most: Callable[[Lane, Lane], Lane]
    sqrt: Callable[[Lane], Lane]
    log10: Callable[[Lane], Lane]
    any: Callable[[Lane], bool]

    def filled(self, value: float) -> Lane:
        """`value` in every lane."""
        raise NotImplementedError

    def but(self, condition: Lane, exception: Lane) -> Lane:
        """`condition` and not `exception`."""
        return self.where(exception, NEVER, condition)

    def surprise(self, observed: Lane, mean: Lane, spread: Lane, asked: Lane) -> Lane:
        """-log10 P(X >= observed) where `asked`, else 0."""
        raise NotImplementedError

    def deficit(self, observed: Lane, mean: Lane, spread: Lane, asked: Lane) -> Lane:
        """-log10 P(X <= observed) where `asked`, else 0."""
        raise NotImplementedError

    def share_surprise(self, negative: Lane, total: Lane, share: Lane, correlation: Lane, asked: Lane) -> Lane:
        """-log10 P(at least `negative` of `total`) where `asked`, else 0."""
        raise NotImplementedError

    def tenth(self, surprise: Lane) -> Lane:
        """10 to the minus `surprise`."""
        raise NotImplementedError


LEAST_TAIL: Final = 1e-300
NEVER: Final = False


def _where(condition: Lane, one: Lane, other: Lane) -> Lane:
    return one if condition else other


class Floats(Lanes):
    """One series."""

    number = None
    where = staticmethod(_where)
    least = staticmethod(min)
    most = staticmethod(max)
    sqrt = staticmethod(math.sqrt)
    log10 = staticmethod(math.log10)
    any = staticmethod(bool)

    def filled(self, value: float) -> Lane:
        return value

    def surprise(self, observed: Lane, mean: Lane, spread: Lane, asked: Lane) -> Lane:
        return -math.log10(max(upper_tail(observed, mean, spread), LEAST_TAIL)) if asked else 0.0

    def deficit(self, observed: Lane, mean: Lane, spread: Lane, asked: Lane) -> Lane:
        return -math.log10(max(1 - upper_tail(observed + 1, mean, spread), LEAST_TAIL)) if asked else 0.0

    def share_surprise(self, negative: Lane, total: Lane, share: Lane, correlation: Lane, asked: Lane) -> Lane:
        variance = total * share * (1 - share) * (1 + max(total - 1, 0) * correlation)
        # Ordinary shares are within a standard deviation, and need no sum of a thousand terms.
        if not asked or (negative - total * share) ** 2 <= variance:
            return 0.0
        return -math.log10(max(share_tail(negative, total, share, correlation), LEAST_TAIL))

    def tenth(self, surprise: Lane) -> Lane:
        return 10**-surprise


class Arrays(Lanes):
    """`number` series."""

    where = staticmethod(np.where)
    least = staticmethod(np.minimum)
    most = staticmethod(np.maximum)
    sqrt = staticmethod(np.sqrt)
    log10 = staticmethod(np.log10)
    any = staticmethod(np.any)  # type: ignore[assignment] # of one array, which is all that is asked

    def __init__(self, number: int) -> None:
        self.number = number

    def filled(self, value: float) -> Lane:
        return np.full(self.number or 0, value)

    def surprise(self, observed: Lane, mean: Lane, spread: Lane, asked: Lane) -> Lane:
        return self._of_tails(observed, mean, spread, asked, beyond=0.0)

    def deficit(self, observed: Lane, mean: Lane, spread: Lane, asked: Lane) -> Lane:
        return self._of_tails(observed, mean, spread, asked, beyond=1.0)

    def share_surprise(self, negative: Lane, total: Lane, share: Lane, correlation: Lane, asked: Lane) -> Lane:
        found = np.zeros(self.number or 0)
        variance = total * share * (1 - share) * (1 + np.maximum(total - 1, 0) * correlation)
        far = asked & ((negative - total * share) ** 2 > variance)
        for lane in np.flatnonzero(far):
            tail = share_tail(negative[lane], total[lane], share[lane], correlation[lane])
            found[lane] = -math.log10(max(tail, LEAST_TAIL))
        return found

    def tenth(self, surprise: Lane) -> Lane:
        return np.power(10.0, -surprise)

    def _of_tails(self, observed: Lane, mean: Lane, spread: Lane, asked: Lane, *, beyond: float) -> Lane:
        found = np.zeros(self.number or 0)
        chosen = np.flatnonzero(asked)
        if len(chosen):
            tails = _upper_tails(observed[chosen] + beyond, mean[chosen], spread[chosen])
            found[chosen] = -np.log10(np.maximum(1 - tails if beyond else tails, LEAST_TAIL))
        return found


FLOATS: Final = Floats()


def _upper_tails(observed: Lane, mean: Lane, spread: Lane) -> Lane:
    """`upper_tail` of each."""
    size = 1 / np.maximum(spread, LEAST_SPREAD)
    tails = scipy.special.betainc(np.maximum(observed, 1e-9), size, mean / (mean + size))
    return np.where(observed <= 0, 1.0, tails)


def lane_of(value: Any, lane: int) -> Any:
    """One lane of an array, of a list or of a pair of arrays; anything else as it is."""
    if isinstance(value, list):
        return [lane_of(one, lane) for one in value]
    if isinstance(value, tuple):
        return tuple(lane_of(one, lane) for one in value)
    return value[lane].item() if isinstance(value, np.ndarray) else value
