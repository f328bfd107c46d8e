"""One surge is one alert: of all series that show it, the narrowest stands for the others."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

USUAL_OF = timedelta(days=7)
EXPLAINS = 0.5
"""From this part of the excess on, one series is the cause of another's surge."""


Stretch = tuple[datetime, datetime]


@dataclass(frozen=True, slots=True)
class Cause:
    """One series that surges. `filters`: dimension -> value, of what it counts; `told`: who hears of it; `is_open`: they heard already."""

    filters: Mapping[str, str]
    observed: float
    expected: float
    told: frozenset[str]
    is_open: bool = False


def stand_ins(causes: Sequence[Cause], shared: Callable[[Cause, Cause], float]) -> dict[int, int]:
    """Number of a cause that need not page -> number of the one that stands for it.

    What was paged for stands first, then what is narrowest (most dimensions), then what rose most. One stands for another when it explains
    at least half of its excess, and when whoever hears of the other hears of it too. `shared`: (one, other) -> how much of the excess of
    `other` is feedback that `one` counts as well.
    """
    order = sorted(range(len(causes)), key=lambda number: _rank(causes[number]))
    standing: list[int] = []
    stands_for: dict[int, int] = {}
    for number in order:
        other = causes[number]
        by = next((one for one in standing if _explains(causes[one], other, shared)), None)
        if by is None or other.is_open:
            standing.append(number)
        else:
            stands_for[number] = by
    return stands_for


def shared_excess(
    one: Mapping[str, str], other: Mapping[str, str], stretch: Stretch, count: Callable[[dict[str, str], Stretch], float]
) -> float:
    """How much of the excess of `other` in a stretch of time is feedback that `one` counts as well. `count`: what these dimensions and
    values hold in a stretch."""
    both = merged(one, other)
    if both is None:
        return 0.0
    since, until = stretch
    return count(both, stretch) - count(both, (since - USUAL_OF, since)) * ((until - since) / USUAL_OF)


def merged(one: Mapping[str, str], other: Mapping[str, str]) -> dict[str, str] | None:
    """What both count; None where they never meet."""
    if any(other.get(name, value) != value for name, value in one.items()):
        return None
    return {**one, **other}


def _rank(cause: Cause) -> tuple[bool, int, float, list[tuple[str, str]]]:
    return not cause.is_open, -len(cause.filters), -cause.observed / max(cause.expected, 1.0), sorted(cause.filters.items())


def _explains(one: Cause, other: Cause, shared: Callable[[Cause, Cause], float]) -> bool:
    if not other.told <= one.told or merged(one.filters, other.filters) is None:
        return False
    return shared(one, other) >= EXPLAINS * (other.observed - other.expected)
