"""Builders of series of counts."""

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

START = datetime(2026, 3, 2, tzinfo=UTC)
"""A Monday."""
HOUR = timedelta(hours=1)
Series = list[tuple[datetime, int]]


def hourly(counts: Sequence[int], start: datetime = START) -> Series:
    return [(start + number * HOUR, int(count)) for number, count in enumerate(counts)]


def hour_of(series: Series, moment: datetime) -> int:
    return next(number for number, (start, _) in enumerate(series) if start == moment)


def noisy(means: Sequence[float], *, seed: int, spread: float = 0.1) -> list[int]:
    """Negative binomial counts with these means."""
    rng = np.random.default_rng(seed)
    return [int(count) for count in rng.poisson(np.asarray(means) * rng.gamma(1 / spread, spread, len(means)))]


def days(number: int, level: float = 10.0, *, shape: Callable[[int], float] | None = None) -> list[float]:
    """Hourly means of days whose afternoons are busy and whose nights are quiet, or of another shape (hour since the start -> factor)."""
    by_hour = shape or (lambda hour: 1 - 0.9 * math.cos(2 * math.pi * (hour - 3) / 24))
    return [level * by_hour(hour) for hour in range(24 * number)]
