"""Surges in one series of counts: one judgement of one window given its past, used live, in replay and in backtests alike."""

import math
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from core.errors import InvalidInput
from insights.baseline import DAY_SECONDS, HOUR_SECONDS, Baseline
from insights.counts import interval, upper_tail
from insights.onset import change_point
from insights.spread import Spread
from insights.strays import Strays

LULL = 3
"""Windows in a row, and at least an hour, that must be ordinary before a surge has ended."""
SPANS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3), timedelta(hours=12))
"""A burst shows best in minutes, a slow rise in half a day."""
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
LONGEST_SPAN = 720
"""Windows of a minute in the longest span."""
SURE = 300.0
"""The least p-value that is told is 10 to the minus that."""


@dataclass(frozen=True, slots=True)
class SpikeConfig:
    """What makes a surge.

    sensitivity: a finding needs a p-value below it (so many false findings an hour of watching). least: and at least so many in the judged
    window (of windows narrower than an hour: in the span that shows the surge). minimum_history: time since the series began; before it
    nothing is a surge. A series begins with its `minimum_rows`-th row (a stray row long before a source is connected is no history), or
    with its first when that was `quiet_history` ago. spans: stretches of time, ascending, that end with the judged window and are looked at
    as one, so that a rise too slow for one window is found. lull: so many windows in a row must be ordinary before a surge has ended;
    release: the tail probability from which a window is ordinary.
    """

    sensitivity: float = 3e-4
    least: int = 8
    minimum_history: timedelta = timedelta(days=3)
    minimum_rows: int = 8
    quiet_history: timedelta = timedelta(days=14)
    spans: tuple[timedelta, ...] = SPANS
    release: float = 0.05
    lull: int = LULL

    def __post_init__(self) -> None:
        if not 0 < self.sensitivity <= 0.1:
            raise InvalidInput(f"sensitivity is {self.sensitivity}; valid: a p-value above 0, at most 0.1", field="sensitivity")
        if self.least < 1:
            raise InvalidInput(f"least is {self.least}; valid: 1 or more", field="least")
        if not self.spans or self.spans[0] <= timedelta(0) or list(self.spans) != sorted(set(self.spans)):
            raise InvalidInput(f"spans are {self.spans}; valid: one or more stretches of time, ascending", field="spans")

    def windows(self, width: timedelta) -> tuple[int, ...]:
        """Numbers of windows of `width` that are looked at as one, ascending: (1, 3, 12) for hours, (3, 12, 36, 144) for five minutes."""
        return tuple(sorted({max(1, round(span / width)) for span in self.spans}))


@dataclass(frozen=True, slots=True)
class Finding:
    """What one window looks like beside its past.

    start: start of the judged window; width: its length. observed and expected are counts of the last `windows` windows that end with it
    (one, unless more show the surge better); own_observed and own_expected those of the judged window alone. spread: relative variance
    beyond Poisson of such a count, with what is unknown of `expected`. p_value: how many findings like it an hour of watching would bring
    if nothing were wrong, at most 1: `tail` times the number of spans over their length in hours (times the windows in an hour, where they
    are narrower), and no less than what this series did in the past. ready: there is enough past to judge. elevated: not ordinary, keeps
    a surge alive. surging: page.
    """

    start: datetime
    width: timedelta
    windows: int
    observed: int
    expected: float
    own_observed: float
    own_expected: float
    spread: float
    p_value: float
    ready: bool
    elevated: bool
    surging: bool

    @property
    def since(self) -> datetime:
        """Start of the first of the windows that `observed` counts."""
        return self.start - (self.windows - 1) * self.width

    @property
    def until(self) -> datetime:
        """End of the judged window."""
        return self.start + self.width

    @property
    def tail(self) -> float:
        """P(at least `observed`) of the negative binomial with mean `expected` and `spread`."""
        return upper_tail(self.observed, self.expected, self.spread)

    @property
    def interval(self) -> tuple[float, float]:
        """Counts between which 95 % of such windows fall when nothing is wrong."""
        return interval(self.expected, self.spread)


@dataclass(frozen=True, slots=True)
class Surge:
    """Findings that belong together. `started_at`: where the counts changed, at or before the first finding. `ended_at`: end of the last
    elevated window. `peak`: the least likely finding."""

    started_at: datetime
    ended_at: datetime
    peak: Finding
    findings: tuple[Finding, ...]


class Look(NamedTuple):
    """One span of windows beside what was expected of it. `surprise`: -log10 of its tail, for its length and the number of spans."""

    surprise: float
    windows: int
    seen: float
    expected: float
    spread: float


class Detector:
    """The past of one series, window by window. `judge` looks, `learn` remembers; memory does not grow.

    A negative binomial with a mean from Baseline and a variance from Spread, looked at over several spans; spans that are looked at more
    often an hour answer for more false findings. Strays makes the answer worse for series that stray more often than the model says.
    """

    __slots__ = ("_baseline", "_config", "_counts", "_first", "_hour", "_means", "_rows", "_seconds", "_spreads", "_strays", "width")

    def __init__(self, width: timedelta, config: SpikeConfig, *, first_seen: datetime | None = None) -> None:
        """`width`: of one window. `first_seen`: first row of the series, where known; else the first window that holds one."""
        self.width = width
        self._seconds = width.total_seconds()
        self._config = config
        self._first = first_seen
        self._rows = 0.0
        self._begin()

    def _begin(self) -> None:
        windows = self._config.windows(self.width)
        self._baseline = Baseline(self._seconds)
        self._spreads = [Spread(number, windows, self._seconds) for number in windows]
        self._strays = Strays(self._seconds)
        self._counts: list[float] = [0.0] * windows[-1]
        self._means: list[float] = [0.0] * windows[-1]
        self._hour = min(self._spreads, key=lambda spread: abs(spread.windows * self._seconds - HOUR_SECONDS))

    def learn(self, start: datetime, count: float) -> None:
        """Remember a window. Windows before the first row are no history."""
        if self._first is None and count > 0:
            self._first = start
        if self._first is None or start + self.width <= self._first:
            return
        if self._rows < self._config.minimum_rows <= self._rows + count and start - self._first < self._config.quiet_history:
            self._first = start
            self._begin()
        self._rows += count
        self._learn(start.timestamp(), count)

    def judge(self, start: datetime, observed: float, lately: Sequence[float] | None = None) -> Finding:
        """Look at the window from `start` without remembering it.

        `lately`: counts of the windows just before it, newest last, to be used for spans instead of what was learned (live rows only);
        spans that reach further back are left out.
        """
        mean, of_season, of_level = self._baseline.expect(start.timestamp(), self._hour.value)
        looks = self._looks(mean, of_season, of_level, observed, lately)
        ready = self._is_ready(start)
        best = max(looks)
        surprise = self._strays.calibrate(best.surprise) - math.log10(max(1.0, HOUR_SECONDS / self._seconds))
        p_value = min(1.0, 10 ** -min(surprise, SURE))
        brief = [look for look in looks if look.windows * self._seconds <= max(self._seconds, HOUR_SECONDS)] or looks[:1]
        own = looks[0]
        reaches_floor = best.seen >= self._config.least and (observed >= self._config.least or self.width < HOUR)
        return Finding(
            start=start,
            width=self.width,
            windows=best.windows,
            observed=round(best.seen),
            expected=best.expected,
            own_observed=observed,
            own_expected=mean,
            spread=best.spread,
            p_value=p_value,
            ready=ready,
            elevated=ready and min(upper_tail(look.seen, look.expected, look.spread) for look in brief) < self._config.release,
            surging=ready and reaches_floor and own.seen > own.expected and p_value < self._config.sensitivity,
        )

    def _looks(self, mean: float, of_season: float, of_level: float, observed: float, lately: Sequence[float] | None) -> list[Look]:
        """Every span that ends with the judged window; at least one."""
        looks: list[Look] = []
        number, level = self._baseline.learned, self._baseline.level
        for spread in self._spreads:
            before = spread.windows - 1
            if looks and (number < before or (lately is not None and len(lately) < before)):
                break
            leaving = (number - spread.windows) % len(self._counts)
            expected = mean + max(0.0, spread.expected - self._means[leaving])
            earlier = max(0.0, spread.seen - self._counts[leaving]) if lately is None else sum(lately[len(lately) - before :])
            seen = observed + earlier
            variance = spread.variance(expected, level, of_season, of_level)
            looks.append(Look(spread.surprise(seen, expected, variance), spread.windows, seen, expected, variance))
        return looks

    def _learn(self, seconds: float, count: float) -> None:
        baseline, hour = self._baseline, self._hour.value
        mean, of_season, of_level = baseline.expect(seconds, hour) if baseline.learned else (count, 0.0, 1.0)
        number, level, place = baseline.learned, baseline.level, baseline.learned % len(self._counts)
        of_window = self._spreads[0].variance(mean * self._spreads[0].windows, level, of_season, of_level)
        baseline.learn(seconds, count, mean, math.sqrt(mean + of_window * mean * mean + 0.5), hour)
        settled = number * self._seconds >= DAY_SECONDS
        counts, means, size = self._counts, self._means, len(self._counts)
        surprise, prior = 0.0, None
        for spread in self._spreads:
            leaving = (number - spread.windows) % size
            spread.seen += count - counts[leaving]
            # Sums of numbers of very different size lose digits, and must not sink below zero.
            spread.expected = max(mean, spread.expected + mean - means[leaving])
            if settled and number + 1 >= spread.windows:
                surprise = max(surprise, spread.learn(number, level, of_season, of_level, prior))
            if prior is None:
                prior = spread.value
        counts[place], means[place] = count, mean
        if number * self._seconds >= 2 * DAY_SECONDS:
            self._strays.learn(surprise if count >= self._config.least or self.width < HOUR else 0.0)

    def _is_ready(self, start: datetime) -> bool:
        if self._first is None:
            return False
        enough = self._config.minimum_history if self._rows >= self._config.minimum_rows else self._config.quiet_history
        return start - self._first >= enough


def judge(
    history: Sequence[tuple[datetime, int]],
    start: datetime,
    observed: int,
    config: SpikeConfig,
    *,
    first_seen: datetime | None = None,
    lately: Sequence[int] | None = None,
) -> Finding:
    """Judge the window that starts at `start` and holds `observed`, given its past.

    `history`: (start, count) of windows of equal width, oldest first, without holes, the last ending at `start`; 28 days or more serve
    best. `first_seen`, `lately`: see Detector. Raises InvalidInput when the windows are not equal or do not end at `start`.
    """
    width = window_width(history, start)
    detector = Detector(width, config, first_seen=first_seen)
    for moment, count in history:
        detector.learn(moment, count)
    return detector.judge(start, observed, lately)


def window_width(history: Sequence[tuple[datetime, int]], start: datetime) -> timedelta:
    """Width of the windows of `history`, checked: equal, without holes, the last ending at `start`."""
    if not history:
        return timedelta(hours=1)
    width = start - history[-1][0]
    if width <= timedelta(0) or start - history[0][0] != width * len(history):
        raise InvalidInput("valid history: windows of equal width without holes, oldest first, the last ending where the judged one starts")
    return width


def replay(series: Sequence[tuple[datetime, int]], first_seen: datetime | None, config: SpikeConfig) -> list[Finding]:
    """Judge every window of `series` (equal width, oldest first) given only those before it."""
    if not series:
        return []
    width = series[1][0] - series[0][0] if len(series) > 1 else timedelta(hours=1)
    detector = Detector(width, config, first_seen=first_seen)
    findings = []
    for start, count in series:
        findings.append(detector.judge(start, count))
        detector.learn(start, count)
    return findings


def surges(findings: Iterable[Finding], lull: int = LULL) -> list[Surge]:
    """Group findings (in order) into surges: opened by a surging one, kept by elevated ones, ended by
    `lull` ordinary ones in a row (and an hour, where windows are narrower)."""
    found: list[Surge] = []
    current: list[Finding] = []
    recent: deque[Finding] = deque(maxlen=LONGEST_SPAN)
    began: datetime | None = None
    for finding in findings:
        recent.append(finding)
        if began is not None and finding.start - current[-1].until >= max(lull * finding.width, HOUR):
            found.append(_surge(began, current))
            current, began = [], None
        if finding.surging and began is None:
            began = _onset([one for one in recent if one.start >= finding.since], finding.observed / finding.expected)
            began = max(began, found[-1].ended_at) if found else began
        if finding.surging or (began is not None and finding.elevated):
            current.append(finding)
    return found if began is None else [*found, _surge(began, current)]


def _onset(findings: Sequence[Finding], times: float) -> datetime:
    """Start of the first window of a surge, among those that show it: the change point of a CUSUM (Page 1954) whose reference value lies
    midway between what was expected of each window and `times` as much."""
    return change_point([(finding.start, finding.own_observed - finding.own_expected * (1 + times) / 2) for finding in findings])


def _surge(began: datetime, findings: Sequence[Finding]) -> Surge:
    peak = min(findings, key=lambda finding: (finding.p_value, -finding.observed))
    return Surge(began, findings[-1].until, peak, tuple(findings))
