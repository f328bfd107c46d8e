"""Series of counts made by a seeded simulator, with surges planted in them whose size and start are known."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal

import numpy as np
from numpy.typing import NDArray

START = datetime(2026, 3, 2, tzinfo=UTC)
HOUR = timedelta(hours=1)
WEEKS = 8
HOURS_A_WEEK = 168
Family = Literal["poisson", "negative binomial", "bursty"]
HOLIDAYS = (32, 35, 60)
"""Days since START that Germany rests: Good Friday, Easter Monday, Labour Day (which lies behind the end)."""
FAMILIES: tuple[Family, ...] = ("poisson", "negative binomial", "bursty")
LEVELS = (0.2, 500.0)
SIZES = (1.5, 20.0)
Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Planted:
    """A surge that was put in: hours [start, end), `size` times the mean, `most` the largest hourly mean while it lasts."""

    start: int
    end: int
    size: float
    most: float


@dataclass(frozen=True, slots=True)
class Simulated:
    """Hourly counts of one series of WEEKS weeks from START, a Monday."""

    family: Family
    level: float
    counts: Floats
    planted: tuple[Planted, ...]


def simulate(rng: np.random.Generator, *, planting: bool) -> Simulated:
    """One series: level 0.2 to 500 an hour, daily and weekly season, trend, and noise from Poisson to bursts that last for hours."""
    family = FAMILIES[rng.integers(len(FAMILIES))]
    level = float(np.exp(rng.uniform(*np.log(LEVELS))))
    mean = _bursts(rng, _means(rng, level)) if family == "bursty" else _means(rng, level)
    planted = _plant(rng, mean) if planting else ()
    surging = mean.copy()
    for one in planted:
        ramp = np.minimum(1, np.arange(1, one.end - one.start + 1) / rng.integers(1, 4))
        surging[one.start : one.end] *= 1 + (one.size - 1) * ramp
    return Simulated(family, level, _noise(rng, surging, family), planted)


def _means(rng: np.random.Generator, level: float) -> Floats:
    """A day with one or two humps, quieter weekends and holidays, and a trend of up to a doubling or halving in eight weeks."""
    hours = np.arange(WEEKS * HOURS_A_WEEK)
    peak, second = rng.uniform(0, 24, 2)
    season = rng.uniform(0, 1.2) * np.cos((hours - peak) * np.pi / 12) + rng.uniform(0, 0.4) * np.cos((hours - second) * np.pi / 6)
    weekend = rng.uniform(0, 0.6) * (((hours // 24) % 7 >= 5) | np.isin(hours // 24, HOLIDAYS))
    mean = np.exp(season - weekend + rng.uniform(-0.7, 0.7) * hours / len(hours))
    return np.asarray(mean * level / mean.mean())


def _bursts(rng: np.random.Generator, mean: Floats) -> Floats:
    """The logarithm wanders (AR(1), heavy-tailed steps): neighbouring hours stray together, by 15 to 40 %, for one to six hours."""
    keep = np.exp(-1 / rng.uniform(1, 6))
    steps = rng.standard_t(5, len(mean)) * np.sqrt(0.6 * (1 - keep**2))
    wander = np.zeros(len(mean))
    for hour in range(1, len(mean)):
        wander[hour] = keep * wander[hour - 1] + steps[hour]
    return np.asarray(mean * np.exp(rng.uniform(0.15, 0.4) * wander))


def _plant(rng: np.random.Generator, mean: Floats) -> tuple[Planted, ...]:
    """From the third week on a surge every five to eight days, of 2 to 24 hours; small ones are as frequent as large ones."""
    planted = []
    day = 14
    while day < WEEKS * 7 - 3:
        start, length = day * 24 + int(rng.integers(24)), int(rng.integers(2, 25))
        size = float(np.exp(rng.uniform(*np.log(SIZES))))
        planted.append(Planted(start, start + length, size, float(mean[start : start + length].max() * size)))
        day += int(rng.integers(5, 9))
    return tuple(planted)


def _noise(rng: np.random.Generator, mean: Floats, family: Family) -> Floats:
    if family == "poisson":
        return rng.poisson(mean).astype(np.float64)
    spread = 0.05 if family == "bursty" else float(np.exp(rng.uniform(np.log(0.02), np.log(0.4))))
    return rng.poisson(mean * rng.gamma(1 / spread, spread, len(mean))).astype(np.float64)
