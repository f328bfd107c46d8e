"""What is normal for one series of counts: a level that adapts, a season by hour and weekday, and how far windows stray from it.

Streaming: one `learn` per window, constant memory. Surges are winsorised: a window teaches at most what a large but ordinary one would,
so that one bad day does not become the new normal, while a change that stays does so within days.
"""

from collections import deque
from collections.abc import Sequence

DAY_SECONDS = 86_400
SEASON_HALF_LIFE_DAYS = 10.0
LEVEL_HALF_LIFE_DAYS = 3.0
SPREAD_HALF_LIFE_DAYS = 14.0
SEASON_PRIOR_DAYS = 1.5
"""An hour of the day needs about so many days before half of its own difference is believed."""
SEASON_PRIOR_COUNT = 4.0
"""... and about so many counts: three against one in a night is no season."""
WEEKDAY_PRIOR_WEEKS = 1.0
WEEKDAY_FROM_DAYS = 21.0
PRIOR_SPREAD = 0.15
"""Hourly counts of feedback have a relative variance of 0.05 to 0.4 beyond Poisson; so the past is taken until it speaks for itself."""
PRIOR_SPREAD_DAYS = 1.0
CAP = 3.0
"""Standard deviations beyond which a window teaches the level nothing more."""
SPREAD_CAP = 5.0
"""... and the spread: wider, for a series that often strays must be allowed to say so."""


class Baseline:
    """Learns windows in order; `expect` tells mean and relative variance of the next ones.

    Level: ratio of counts to seasonal exposure, both forgotten exponentially (gamma-Poisson, West and Harrison, "Bayesian Forecasting
    and Dynamic Models", 1997, ch. 14). Season: gamma-shrunk ratios by hour of day and, from three weeks on, by weekday. Spread: moments
    of past one-step errors, Huber-like capped, per span of `spans` windows because neighbouring windows stray together.
    """

    __slots__ = (
        "_counts",
        "_hour_expected",
        "_hour_seen",
        "_hours",
        "_keep_hour",
        "_keep_level",
        "_keep_spread",
        "_keep_weekday",
        "_level_exposure",
        "_level_seen",
        "_means",
        "_prior_windows",
        "_span_spread",
        "_span_weight",
        "_weekday_expected",
        "_weekday_seen",
        "_weekdays",
        "_width",
        "learned",
        "spans",
    )

    def __init__(self, width: float, spans: Sequence[int]) -> None:
        """`width`: seconds of one window; `spans`: numbers of windows, ascending, for which `spread` will be asked."""
        per_day = DAY_SECONDS / width
        self._width = width
        self.spans = tuple(spans)
        self.learned = 0
        self._keep_level = 0.5 ** (1 / (LEVEL_HALF_LIFE_DAYS * per_day))
        self._keep_spread = 0.5 ** (1 / (SPREAD_HALF_LIFE_DAYS * per_day))
        self._keep_hour = 0.5 ** (1 / (SEASON_HALF_LIFE_DAYS * max(1.0, per_day / 24)))
        self._keep_weekday = 0.5 ** (1 / (4 * SEASON_HALF_LIFE_DAYS * per_day / 7))
        self._prior_windows = PRIOR_SPREAD_DAYS * min(per_day, 24.0)
        self._level_seen = self._level_exposure = 0.0
        self._hours, self._hour_seen, self._hour_expected = [1.0] * 24, [0.0] * 24, [0.0] * 24
        self._weekdays, self._weekday_seen, self._weekday_expected = [1.0] * 7, [0.0] * 7, [0.0] * 7
        self._span_spread, self._span_weight = [0.0] * len(self.spans), [0.0] * len(self.spans)
        self._counts: deque[float] = deque(maxlen=max(spans))
        self._means: deque[float] = deque(maxlen=max(spans))

    def learn(self, start: float, count: float) -> None:
        """Take in the next window: `start` in seconds since 1970, `count` >= 0."""
        exposure, hour, weekday = self._exposure(start)
        level = self._level(count if self.learned == 0 else None)
        mean = level * exposure
        spread = self.spread(0)
        deviation = (mean + spread * mean * mean + 0.5) ** 0.5
        taught = min(count, mean + CAP * deviation) if self.learned else count
        self._level_seen = self._level_seen * self._keep_level + taught
        self._level_exposure = self._level_exposure * self._keep_level + exposure
        if hour >= 0:
            self._learn_hour(hour, taught, level * self._weekdays[weekday])
        self._learn_weekday(weekday, taught, level * self._hours[hour] if hour >= 0 else level)
        self._counts.append(count)
        self._means.append(mean)
        self._learn_spread()
        self.learned += 1

    def expect(self, start: float, windows: int = 1) -> tuple[float, float]:
        """Mean of the window that starts at `start`, and the relative variance of that mean (how little is known of it)."""
        exposure, _, _ = self._exposure(start)
        level = self._level(None)
        mean = max(level * exposure, 1e-6)
        return mean, 1.0 / (self._level_seen + 1.0) + 1.0 / (self._level_exposure + 1.0) * self.spread(0)

    def spread(self, index: int) -> float:
        """Relative variance beyond Poisson of sums over `spans[index]` windows."""
        level = self._level(None)
        prior = self._prior_windows * (level * self.spans[index] + 1.0) ** 2
        return max(0.01, (self._span_spread[index] + PRIOR_SPREAD * prior) / (self._span_weight[index] + prior))

    def last(self, windows: int) -> tuple[float, float]:
        """Sum of the last `windows` counts, and of what was expected of them at the time."""
        if windows <= 0:
            return 0.0, 0.0
        return sum(list(self._counts)[-windows:]), sum(list(self._means)[-windows:])

    def _exposure(self, start: float) -> tuple[float, int, int]:
        day = int(start // DAY_SECONDS)
        weekday = (day + 3) % 7
        hour = int((start - day * DAY_SECONDS + self._width / 2) // 3600) % 24 if self._width < DAY_SECONDS else -1
        return (self._hours[hour] if hour >= 0 else 1.0) * self._weekdays[weekday], hour, weekday

    def _level(self, first: float | None) -> float:
        if first is not None or self._level_exposure == 0.0:
            return first or 0.0
        return self._level_seen / self._level_exposure

    def _learn_hour(self, hour: int, taught: float, expected: float) -> None:
        self._hour_seen[hour] = self._hour_seen[hour] * self._keep_hour + taught
        self._hour_expected[hour] = self._hour_expected[hour] * self._keep_hour + expected
        prior = SEASON_PRIOR_COUNT + SEASON_PRIOR_DAYS * max(1.0, 3600 / self._width) * expected / max(self._hours[hour], 0.05)
        self._hours[hour] = (self._hour_seen[hour] + prior) / (self._hour_expected[hour] + prior)

    def _learn_weekday(self, weekday: int, taught: float, expected: float) -> None:
        self._weekday_seen[weekday] = self._weekday_seen[weekday] * self._keep_weekday + taught
        self._weekday_expected[weekday] = self._weekday_expected[weekday] * self._keep_weekday + expected
        if self.learned * self._width >= WEEKDAY_FROM_DAYS * DAY_SECONDS:
            prior = SEASON_PRIOR_COUNT + WEEKDAY_PRIOR_WEEKS * expected * DAY_SECONDS / self._width
            self._weekdays[weekday] = (self._weekday_seen[weekday] + prior) / (self._weekday_expected[weekday] + prior)

    def _learn_spread(self) -> None:
        for index, windows in enumerate(self.spans):
            if self.learned < windows:
                return
            seen, mean = self.last(windows)
            largest = SPREAD_CAP**2 * (mean + self.spread(index) * mean * mean + 0.5)
            self._span_spread[index] = self._span_spread[index] * self._keep_spread + min((seen - mean) ** 2, largest) - mean
            self._span_weight[index] = self._span_weight[index] * self._keep_spread + mean * mean
