"""When a surge began: the window that shows it is an hour long, the surge may be ten minutes old."""

from collections.abc import Sequence
from datetime import datetime


def onset(counts: Sequence[tuple[datetime, int]], expected: float) -> datetime:
    """Start of the first bucket of a surge.

    `counts`: (start, count) of the buckets of the windows that show it, oldest first, at least one; `expected`: what all of them together
    should have held. The change point of a CUSUM (Page, "Continuous inspection schemes", 1954) whose reference value lies midway between
    what was expected and what was seen: the buckets before it are on the ordinary side of that in sum, those after it on the other.
    """
    share = (expected + sum(count for _, count in counts)) / 2 / len(counts)
    lowest = total = 0.0
    began = counts[0][0]
    for index, (_, count) in enumerate(counts[:-1]):
        total += count - share
        if total <= lowest:
            lowest, began = total, counts[index + 1][0]
    return began
