"""Watches the negative share of a series, or of many side by side: what `insights.spikes` does for counts, given how much is said."""

import math
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from insights.baseline import HOUR_SECONDS
from insights.lanes import FLOATS, Lane, Lanes, lane_of
from insights.spikes import Looked, SpikeConfig, looks_of
from insights.strays import Strays

SHARE_HALF_LIFE_DAYS = 14.0
PRIOR_SHARE = (1.0, 4.0)
"""So many negative ones of so many texts are taken as seen before the first."""
PRIOR_CORRELATION = 0.02
PRIOR_PAIRS = 2_000.0
"""Pairs of texts of the same window (n * (n - 1)) that the prior of the correlation stands for."""
LEAST_CORRELATION = 0.002
CAP = 4.0
"""Standard deviations beyond which a window teaches nothing more."""


class ShareDetector:
    """The past of a share, window by window. A window is a pair: negative ones, and all."""

    def __init__(self, width: timedelta, config: SpikeConfig, *, first_seen: Lane | datetime | None = None, lanes: Lanes = FLOATS) -> None:
        """See `insights.spikes.Detector`."""
        self.width = width
        self._seconds = width.total_seconds()
        self._config = config
        self._lanes = lanes
        self._first: Lane = lanes.filled(math.inf)
        if first_seen is not None:
            self._first = first_seen.timestamp() if isinstance(first_seen, datetime) else first_seen
        self._keep = 0.5 ** (self._seconds / (SHARE_HALF_LIFE_DAYS * 86_400))
        self._spans = config.windows(width)
        self._own = max(1, round(config.window / width))
        self._looks = [looks_of(self._seconds, self._spans[0], gliding=gliding) for gliding in (False, True)]
        zero = lanes.filled(0.0)
        self._negative = self._total = self._squares = self._pairs = self._rows = zero
        self._seen: list[tuple[Lane, Lane]] = [(zero, zero)] * self._spans[-1]
        self._step = 0
        self._strays = Strays(self._seconds, lanes)

    @property
    def share(self) -> Lane:
        """What the past leads to expect of the next text."""
        return (self._negative + PRIOR_SHARE[0]) / (self._total + PRIOR_SHARE[1])

    @property
    def correlation(self) -> Lane:
        """Of two texts of one window, and what is unknown of the share."""
        share = self.share
        own = (self._squares + PRIOR_CORRELATION * PRIOR_PAIRS * share * (1 - share)) / (self._pairs + PRIOR_PAIRS * share * (1 - share))
        return self._lanes.least(0.5, self._lanes.most(LEAST_CORRELATION, own) + 1 / (self._total + PRIOR_SHARE[1]))

    def learn(self, start: datetime, count: tuple[Lane, Lane]) -> None:
        """Remember a window. Windows before the first row are no history."""
        where, most, least = self._lanes.where, self._lanes.most, self._lanes.least
        self._first = where((self._first == math.inf) & (count[1] > 0), start.timestamp(), self._first)
        takes = start.timestamp() + self._seconds > self._first
        negative, total = count = where(takes, count[0], 0.0), where(takes, count[1], 0.0)
        looked = self.look(start, count)
        share = self.share
        each = share * (1 - share)
        variance = total * each * (1 + most(total - 1, 0.0) * self.correlation)
        taught = least(negative, total * share + CAP * self._lanes.sqrt(variance))
        error = negative - total * share
        settled = self._total > PRIOR_SHARE[1]
        squares = least(error * error, CAP * CAP * variance) - total * each
        self._squares = self._squares * self._keep + where(settled, squares, 0.0)
        self._pairs = self._pairs * self._keep + where(settled, total * most(total - 1, 0.0) * each, 0.0)
        self._negative = self._negative * self._keep + taught
        self._total = self._total * self._keep + total
        self._rows = self._rows + total
        self._seen[self._step % len(self._seen)] = count
        self._step += 1
        self._strays.learn(where(looked.ready, looked.surprise, 0.0), looked.ready)

    def look(self, start: datetime, observed: tuple[Lane, Lane], lately: Sequence[tuple[Lane, Lane]] | None = None) -> Looked:
        """Look at the window from `start` without remembering it. See `insights.spikes.Detector`."""
        where, config = self._lanes.where, self._config
        share, correlation = self.share, self.correlation
        ready = config.is_ready(start.timestamp() - self._first, self._rows, self._lanes)
        best: Any = None
        unusual: Lane = 0.0
        for windows in self._spans:
            before = self._before(windows - 1, lately)
            if before is None and best is not None:
                break
            before = before or (0.0, 0.0)
            negative, total = observed[0] + before[0], observed[1] + before[1]
            asked = ready & (negative > total * share)
            tail = self._lanes.share_surprise(negative, total, share, correlation, asked)
            bonus = math.log10(windows * self._seconds / HOUR_SECONDS / len(self._spans))
            surprise = where(tail > 0, bonus + tail, 0.0)
            if best is None or windows * self._seconds <= HOUR_SECONDS:
                unusual = self._lanes.most(unusual, tail)
            one = (surprise, windows, negative, total)
            better = True if best is None else surprise > best[0]
            best = one if best is None else tuple(where(better, *pair) for pair in zip(one, best, strict=True))
        looks = self._looks[lately is not None]
        p_value = self._strays.p_value(best[0], looks)
        earlier = self._before(self._own - 1, lately) or (0.0, 0.0)
        own = observed[0] + earlier[0], observed[1] + earlier[1]
        worse = own[0] > own[1] * share
        surging = ready & (best[2] >= config.least) & worse & (p_value < config.sensitivity)
        elevated = ready & (unusual > -math.log10(config.release))
        if config.threshold is not None:
            surging = (own[0] >= config.least) & (own[0] >= config.threshold * own[1])
            elevated = (own[0] > 0) & (own[0] >= config.threshold * own[1])
        return Looked(
            windows=best[1],
            observed=best[2],
            expected=best[3] * share,
            own_observed=observed[0],
            own_expected=observed[1] * share,
            spread=correlation + observed[0] * 0,
            surprise=best[0],
            stray_rate=self._strays.rate(),
            stray_excess=self._strays.mean_excess(),
            p_value=p_value,
            ready=ready,
            elevated=elevated,
            surging=surging,
            total=best[3],
            looks=looks,
        )

    def alone(self, lane: int) -> "ShareDetector":
        """The detector of one of many, with all that it has learned."""
        one = ShareDetector(self.width, self._config)
        for name in ("_first", "_negative", "_total", "_squares", "_pairs", "_rows", "_seen", "_step"):
            setattr(one, name, lane_of(getattr(self, name), lane))
        for name in one._strays.__slots__:
            if name != "_lanes":
                setattr(one._strays, name, lane_of(getattr(self._strays, name), lane))
        return one

    def _before(self, windows: int, lately: Sequence[tuple[Lane, Lane]] | None) -> tuple[Lane, Lane] | None:
        """Sums of the windows before the judged one; None where they are not known."""
        if lately is not None:
            chosen = list(lately[len(lately) - windows :]) if windows else []
            if len(lately) < windows:
                return None
        else:
            if self._step < windows:
                return None
            chosen = [self._seen[(self._step - 1 - back) % len(self._seen)] for back in range(windows)]
        return sum(one[0] for one in chosen), sum(one[1] for one in chosen)
