"""Many series replayed side by side, window by window, as the watching worker sees them: what would have paged, and at which p-value."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from insights.budget import discoveries
from insights.lanes import Arrays
from insights.seasons import Seasons
from insights.share_detector import ShareDetector
from insights.spikes import Detector, Finding, Looked, SpikeConfig, Surge, finding, grouped, lull_of, surge_of

Counts = NDArray[np.float64]
ANYTHING = 0.1
"""The highest p-value that a rule may have: what could page at any is kept."""


def watcher(
    width: timedelta, config: SpikeConfig, seasons: Seasons, first_seen: NDArray[np.float64], *, shares: bool
) -> Detector | ShareDetector:
    """A detector of as many series as there are moments in `first_seen` (seconds since 1970, infinite where it is not known)."""
    lanes = Arrays(len(first_seen))
    if shares:
        return ShareDetector(width, config, first_seen=first_seen, lanes=lanes)
    return Detector(width, config, first_seen=first_seen, seasons=seasons, lanes=lanes)


@dataclass(frozen=True, slots=True)
class Replay:
    """What every window of every series looked like, arrays of (windows, series). `paging`: could page, whatever its p-value."""

    start: datetime
    width: timedelta
    config: SpikeConfig
    looked: Looked
    since: int

    @property
    def series(self) -> int:
        return int(self.looked.p_value.shape[1])

    @property
    def weeks(self) -> float:
        """How much was judged."""
        windows: int = self.looked.p_value.shape[0] - self.since
        return windows * self.width / timedelta(days=7)

    def paging(self, sensitivity: float) -> NDArray[np.bool_]:
        """Which windows page at this p-value; those of series that surge together share the allowance."""
        chosen: NDArray[np.bool_] = self.looked.surging.copy()
        if self.config.threshold is None:
            chosen &= discoveries(np.where(chosen, self.looked.p_value, 1.0), sensitivity, self.series)
        chosen[: self.since] = False
        return chosen

    def peaks(self, sensitivity: float) -> list[float]:
        """The least p-value of each surge that there is at this p-value."""
        paging = self.paging(sensitivity)
        lanes = np.flatnonzero(paging.any(axis=0))
        return [float(self.looked.p_value[group, lane].min()) for lane in lanes for group in self._groups(lane, paging)]

    def surges(self, sensitivity: float) -> list[tuple[int, Surge]]:
        """Each with the number of its series."""
        paging = self.paging(sensitivity)
        found = []
        for lane in np.flatnonzero(paging.any(axis=0)):
            for group in self._groups(lane, paging):
                first = self._finding(group[0], lane, paging)
                shown = [self._finding(number, lane, paging) for number in range(max(0, group[0] + 1 - first.windows), group[0] + 1)]
                found.append((int(lane), surge_of([self._finding(number, lane, paging) for number in group], shown)))
        return found

    def _groups(self, lane: Any, paging: NDArray[np.bool_]) -> list[list[int]]:
        mine = paging[:, lane]
        events = np.flatnonzero(mine | self.looked.elevated[:, lane])
        return grouped(events.tolist(), mine[events].tolist(), lull_of(self.width))

    def _finding(self, number: int, lane: Any, paging: NDArray[np.bool_]) -> Finding:
        one = Looked(*(values[number, lane] if isinstance(values, np.ndarray) else values for values in self.looked))
        seen = finding(self.start + int(number) * self.width, self.width, self.config, one)
        return replace(seen, surging=bool(paging[number, lane]))


def replay_all(
    start: datetime,
    width: timedelta,
    counts: Counts | tuple[Counts, Counts],
    config: SpikeConfig,
    *,
    seasons: Seasons,
    first_seen: NDArray[np.float64],
    since: int = 0,
) -> Replay:
    """Judge every window of every series given only those before it.

    `counts`: (windows, series) from `start` on; of shares a pair, negative ones and all. `since`: the first window that may page.
    """
    pair = isinstance(counts, tuple)
    windows = len(counts[0] if pair else counts)
    detector: Any = watcher(width, replace(config, sensitivity=ANYTHING), seasons, first_seen, shares=pair)
    kept: list[Looked] = []
    for number in range(windows):
        moment = start + number * width
        count = (counts[0][number], counts[1][number]) if pair else counts[number]
        looked = detector.look(moment, count)
        detector.learn(moment, count)
        kept.append(looked)
    return Replay(start, width, config, _stacked(kept, len(first_seen)), since)


def _stacked(looks: Sequence[Looked], series: int) -> Looked:
    columns: list[Any] = []
    for name in Looked._fields:
        values = [getattr(one, name) for one in looks]
        if values and (values[0] is None or name == "looks"):
            columns.append(values[0])
            continue
        kind: Any = bool if name in {"ready", "elevated", "surging"} else np.float64 if name == "p_value" else np.float32
        stacked = np.empty((len(values), series), kind)
        for number, value in enumerate(values):
            stacked[number] = value
        columns.append(stacked)
    return Looked(*columns)
