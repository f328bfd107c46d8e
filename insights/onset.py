"""When a surge began: the window that shows it is an hour long, the surge may be ten minutes old."""

from collections.abc import Sequence
from datetime import datetime
from itertools import pairwise


def onset(counts: Sequence[tuple[datetime, int]], expected: float) -> datetime:
    """Start of the first bucket of a surge.

    `counts`: (start, count) of the buckets of the windows that show it, oldest first, at least one; `expected`: what all of them together
    should have held. The change point of a CUSUM (Page, "Continuous inspection schemes", 1954) whose reference value lies midway between
    what was expected and what was seen: the buckets before it are on the ordinary side of that in sum, those after it on the other.
    """
    share = (expected + sum(count for _, count in counts)) / 2 / len(counts)
    return change_point([(start, count - share) for start, count in counts])


def change_point(excesses: Sequence[tuple[datetime, float]]) -> datetime:
    """Where a CUSUM turns (Page 1954): from this start on the excesses over a reference value add up.

    `excesses`: (start, count minus reference value), oldest first, at least one.
    """
    lowest = total = 0.0
    began = excesses[0][0]
    for (_, excess), (following, _) in pairwise(excesses):
        total += excess
        if total <= lowest:
            lowest, began = total, following
    return began
