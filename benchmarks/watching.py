"""Series of five-minute buckets as a rule sees them: replayed window after window, and live, every five minutes."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import numpy as np
from numpy.typing import NDArray

from core.times import BUCKET
from insights.lanes import Arrays
from insights.replays import ANYTHING
from insights.rules import config_of, kept_width
from insights.seasons import Seasons
from insights.spikes import Detector, Looked
from store.records import RuleOptions

SETTLED = timedelta(hours=2)
Counts = NDArray[np.float64]


class Watched:
    """Counts (buckets, series) from `start`, a whole hour, under a rule on negative feedback; `began`: seconds since 1970."""

    def __init__(self, counts: Counts, start: datetime, window: timedelta, *, seasons: Seasons, began: Counts) -> None:
        self.start, self.series = start, counts.shape[1]
        self.config = config_of("negative", RuleOptions(), window, sensitivity=ANYTHING, least=8)
        self.width = kept_width(window)
        self._sums = np.concatenate([np.zeros((1, self.series)), np.cumsum(counts, axis=0)])
        self._step = self.width // BUCKET
        self._seasons, self._began = seasons, began

    def replayed(self, since: datetime) -> Iterator[tuple[datetime, Looked]]:
        """Every window that ends after `since`, one after the other: its end, and how it looks beside those before it."""
        detector = self._detector()
        for end in range(self._step, len(self._sums), self._step):
            start = self.start + (end - self._step) * BUCKET
            if start + self.width > since:
                yield start + self.width, detector.look(start, self._count(end))
            detector.learn(start, self._count(end))

    def live(self, since: datetime) -> Iterator[tuple[datetime, Looked]]:
        """Every five minutes after `since`, by what was learned up to two hours before, as the watching worker does."""
        detector, learned = self._detector(), 0
        before = self.config.windows(self.width)[-1] - 1
        for end in range(max(self._step, (since - self.start) // BUCKET + 1), len(self._sums)):
            while (learned + 2) * self._step + SETTLED // BUCKET <= end:
                detector.learn(self.start + learned * self.width, self._count((learned + 1) * self._step))
                learned += 1
            lately = [self._count(end - back * self._step) for back in range(min(before, end // self._step - 1), 0, -1)]
            start = self.start + (end - self._step) * BUCKET
            yield start + self.width, detector.look(start, self._count(end), lately)

    def _detector(self) -> Any:
        """One that has learned nothing."""
        return Detector(self.width, self.config, first_seen=self._began, seasons=self._seasons, lanes=Arrays(self.series))

    def _count(self, end: int) -> Counts:
        """(series,) of the window that ends with a bucket."""
        found: Counts = self._sums[end] - self._sums[end - self._step]
        return found
