"""What looking every five minutes costs: false pages of a live rule beside those of its replay, which looks once a window.

A threshold that keeps a budget comes from replays, and live detection looks at windows that overlap. So live p-values are made larger by
`insights.spikes.GLIDING`; it is right when both page equally often.

Method: series without surges, six weeks of five-minute buckets (0.5 to 100 texts an hour, a daily season, noise that lasts for half an
hour to six hours, variances of 0.02 to 0.3), judged from the third week on. Replayed: each kept window once, by what was learned before it.
Live: every five minutes, by what was learned up to two hours before, as the watching worker does. Surges are grouped as alerts are.

Correctness check: at every moment at which both look, both see the same counts.

    python -m benchmarks.gliding [--windows 15 60 240] [--series 150] [--seed 1]
"""

import argparse
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.watching import Counts, Watched
from core.times import BUCKET
from insights.seasons import Seasons
from insights.spikes import Looked, grouped, lull_of

START = datetime(2026, 1, 5, tzinfo=UTC)
WEEKS, FIRST_WEEKS = 6, 2
BUCKETS_A_WEEK = 7 * 288
P_VALUES = (3e-3, 1e-3, 3e-4, 1e-4)


def simulated(series: int, seed: int) -> Counts:
    """(buckets, series) counts."""
    rng = np.random.default_rng(seed)
    buckets = WEEKS * BUCKETS_A_WEEK
    level = np.exp(rng.uniform(np.log(0.5), np.log(100), series)) / 12
    hours = np.arange(buckets)[:, None] / 12
    season = 1 + 0.6 * np.sin(2 * np.pi * (hours / 24 + rng.uniform(0, 1, series)))
    keep, deviation = np.exp(-1 / 12 / rng.uniform(0.5, 6, series)), np.sqrt(rng.uniform(0.02, 0.3, series))
    noise = rng.normal(size=(buckets, series))
    for at in range(1, buckets):
        noise[at] = keep * noise[at - 1] + np.sqrt(1 - keep**2) * noise[at]
    return rng.poisson(level * season * np.exp(deviation * noise - deviation**2 / 2)).astype(np.float64)


def pages(looks: Sequence[Looked], p_value: float, every: timedelta) -> int:
    """Alerts of all series at a p-value, where somebody looks so often."""
    surging = np.array([one.surging & (one.p_value < p_value) for one in looks])
    unusual = surging | np.array([one.elevated for one in looks])
    total = 0
    for mine, events in zip(surging.T, unusual.T, strict=True):
        numbers = np.flatnonzero(events)
        total += len(grouped(numbers.tolist(), mine[numbers].tolist(), lull_of(every)))
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--windows", type=int, nargs="+", default=[15, 30, 60, 240, 720, 1440], help="minutes")
    parser.add_argument("--series", type=int, default=150)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    counts = simulated(options.series, options.seed)
    print(f"{options.series * (WEEKS - FIRST_WEEKS)} weeks of series; pages replayed, live, and how many times as many")
    print("minutes " + "".join(f"{p_value:>22g}" for p_value in P_VALUES))
    for minutes in options.windows:
        began = np.full(options.series, START.timestamp())
        watched = Watched(counts, START, timedelta(minutes=minutes), seasons=Seasons("UTC"), began=began)
        since = START + timedelta(weeks=FIRST_WEEKS)
        replayed, live = dict(watched.replayed(since)), dict(watched.live(since))
        assert all(np.array_equal(one.own_observed, live[moment].own_observed) for moment, one in replayed.items())
        cells = []
        for p_value in P_VALUES:
            once, often = pages([*replayed.values()], p_value, watched.width), pages([*live.values()], p_value, BUCKET)
            cells.append(f"{once:>8} {often:>6} {often / max(once, 1):>6.2f}")
        print(f"{minutes:>7} " + "".join(cells), flush=True)


if __name__ == "__main__":
    main()
