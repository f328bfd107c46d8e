"""Surges in one series of counts: one judgement of one window given its past, used live, in replay and in backtests alike."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, NamedTuple

import numpy as np

from core.errors import InvalidInput
from core.times import BUCKET
from insights.baseline import DAY_SECONDS, HOUR_SECONDS, LEAST, Baseline
from insights.counts import interval, upper_tail
from insights.lanes import FLOATS, Lane, Lanes, lane_of
from insights.onset import change_point
from insights.seasons import Seasons
from insights.shares import share_interval, share_tail
from insights.spread import Spread
from insights.strays import PRIOR_EXCESS, PRIOR_RATE, Strays

LULL = 3
"""Windows in a row, and at least an hour, that must be ordinary before a surge has ended."""
SPANS = (timedelta(minutes=15), timedelta(hours=1), timedelta(hours=3), timedelta(hours=12))
"""A burst shows best in minutes, a slow rise in half a day."""
Direction = Literal["rise", "fall"]
HALF = 0.5
"""A source is silent until half of what is due comes again."""
HOUR = timedelta(hours=1)
GLIDING = 0.54
"""Windows that end every five minutes instead of one after the other find more by chance: on simulated series without surges about
twice as often where they are an hour wide, 1.4 times of a quarter of an hour, and less where sums of several are looked at, which overlap
in any case. P-values so much larger bring both to about the same number of pages (benchmarks.gliding)."""
DAY = timedelta(days=1)
UTC_SEASONS = Seasons()


@dataclass(frozen=True, slots=True)
class SpikeConfig:
    """What makes a surge.

    sensitivity: a finding needs a p-value below it (so many false findings an hour of watching). least: and at least so many in the judged
    window (of windows narrower than an hour: in the span that shows the surge). minimum_history: time since the series began; before it
    nothing is a surge. A series begins with its `minimum_rows`-th row (a stray row long before a source is connected is no history), or
    with its first when that was `quiet_history` ago. spans: stretches of time, ascending, that end with the judged window and are looked at
    as one, so that a rise too slow for one window is found. lull: so many windows in a row must be ordinary before a surge has ended;
    release: the tail probability from which a window is ordinary. direction: "fall" looks for too few, of which at least `least` must have
    been due and at most `quiet` of them come. threshold: a plain number that surges, whatever is usual. window: what `least` and
    `threshold` count in, where that is more than one of the windows that are learned.
    """

    sensitivity: float = 5e-5
    least: int = 8
    minimum_history: timedelta = timedelta(days=3)
    minimum_rows: int = 8
    quiet_history: timedelta = timedelta(days=14)
    spans: tuple[timedelta, ...] = SPANS
    release: float = 0.05
    lull: int = LULL
    direction: Direction = "rise"
    quiet: float = 0.2
    threshold: float | None = None
    window: timedelta = timedelta(0)

    def __post_init__(self) -> None:
        if not 0 < self.sensitivity <= 0.1:
            raise InvalidInput(f"sensitivity is {self.sensitivity}; valid: a p-value above 0, at most 0.1", field="sensitivity")
        if self.least < 1:
            raise InvalidInput(f"least is {self.least}; valid: 1 or more", field="least")
        if not self.spans or self.spans[0] <= timedelta(0) or list(self.spans) != sorted(set(self.spans)):
            raise InvalidInput(f"spans are {self.spans}; valid: one or more stretches of time, ascending", field="spans")

    def is_ready(self, age: Lane, rows: Lane, lanes: Lanes) -> Lane:
        """Whether a series has enough past to be judged: `age` seconds since it began, and so many `rows`."""
        return age >= lanes.where(rows >= self.minimum_rows, self.minimum_history.total_seconds(), self.quiet_history.total_seconds())

    def windows(self, width: timedelta) -> tuple[int, ...]:
        """Numbers of windows of `width` that are looked at as one, ascending: (1, 3, 12) for hours, (3, 12, 36, 144) for five minutes."""
        return tuple(sorted({max(1, round(span / width)) for span in self.spans}))


@dataclass(frozen=True, slots=True)
class Finding:
    """What one window looks like beside its past.

    total: of shares, how much was said in all; `spread` is then the intra-class correlation. looks: what an hour of watching counts for,
    see `looks_of`.

    start: start of the judged window; width: its length. observed and expected are counts of the last `windows` windows that end with it
    (one, unless more show the surge better); own_observed and own_expected those of the judged window alone. spread: relative variance
    beyond Poisson of such a count, with what is unknown of `expected`. p_value: how many findings like it an hour of watching would bring
    if nothing were wrong, at most 1: `tail` times the number of spans over their length in hours, times `looks`, and no less than
    what this series did in the past. spans: how many were looked at; stray_rate, stray_excess:
    see Strays. ready: there is enough past to judge. elevated: not ordinary, keeps
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
    spans: int = 1
    stray_rate: float = PRIOR_RATE
    stray_excess: float = PRIOR_EXCESS
    direction: Direction = "rise"
    total: float | None = None
    looks: float = 1.0

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
        """P(at least `observed`, or at most, of falls) of the negative binomial with mean `expected` and `spread`, of shares of the
        beta-binomial."""
        if self.total is not None:
            return share_tail(self.observed, self.total, self.expected / max(self.total, 1.0), self.spread)
        if self.direction == "fall":
            return 1 - upper_tail(self.observed + 1, self.expected, self.spread)
        return upper_tail(self.observed, self.expected, self.spread)

    @property
    def interval(self) -> tuple[float, float]:
        """Counts between which 95 % of such windows fall when nothing is wrong."""
        if self.total is not None:
            return share_interval(self.total, self.expected / max(self.total, 1.0), self.spread)
        return interval(self.expected, self.spread)


@dataclass(frozen=True, slots=True)
class Surge:
    """Findings that belong together. `started_at`: where the counts changed, at or before the first finding. `ended_at`: end of the last
    elevated window. `peak`: the least likely finding."""

    started_at: datetime
    ended_at: datetime
    peak: Finding
    findings: tuple[Finding, ...]


class Looked(NamedTuple):
    """Lanes of what a Finding says of one series."""

    windows: Lane
    observed: Lane
    expected: Lane
    own_observed: Lane
    own_expected: Lane
    spread: Lane
    surprise: Lane
    stray_rate: Lane
    stray_excess: Lane
    p_value: Lane
    ready: Lane
    elevated: Lane
    surging: Lane
    total: Lane | None = None
    looks: Lane = 1.0


class Detector:
    """The past of one series, or of many side by side, window by window. `look` judges, `learn` remembers; memory does not grow.

    A negative binomial with a mean from Baseline and a variance from Spread, looked at over several spans; spans that are looked at more
    often an hour answer for more false findings. Strays makes the answer worse for series that stray more often than the model says.
    """

    __slots__ = (
        "_baseline",
        "_config",
        "_counts",
        "_first",
        "_hour",
        "_lanes",
        "_looked",
        "_looks",
        "_means",
        "_own",
        "_rows",
        "_seconds",
        "_silent",
        "_spreads",
        "_step",
        "_strays",
        "_took",
        "_until",
        "width",
    )

    def __init__(
        self,
        width: timedelta,
        config: SpikeConfig,
        *,
        first_seen: Lane | datetime | None = None,
        seasons: Seasons = UTC_SEASONS,
        lanes: Lanes = FLOATS,
    ) -> None:
        """`width`: of one window. `first_seen`: first row of the series, where known (with Arrays: seconds since 1970, infinite where it is
        not); else the first window that holds one."""
        self.width = width
        self._seconds = width.total_seconds()
        self._config = config
        self._lanes = lanes
        self._first: Lane = lanes.filled(math.inf)
        if first_seen is not None:
            self._first = first_seen.timestamp() if isinstance(first_seen, datetime) else first_seen
        self._rows: Lane = lanes.filled(0.0)
        self._took: Lane = lanes.filled(0.0) > 0
        self._silent: Lane = self._took
        self._step = 0
        self._until = -math.inf
        windows = config.windows(width)
        self._baseline = Baseline(self._seconds, seasons, lanes)
        # Where only longer spans are looked at, one window still says how far an hour strays.
        kept = windows if windows[0] * self._seconds <= HOUR_SECONDS else tuple(sorted({1, *windows}))
        self._spreads = [Spread(number, kept[0], len(windows), self._seconds, lanes) for number in kept]
        self._looked = self._spreads[-len(windows) :]
        self._looks = [looks_of(self._seconds, windows[0], gliding=gliding) for gliding in (False, True)]
        self._own = max(1, round(config.window / width))
        self._strays = Strays(self._seconds, lanes)
        self._counts: list[Lane] = [lanes.filled(0.0)] * windows[-1]
        self._means: list[Lane] = [lanes.filled(0.0)] * windows[-1]
        self._hour = min(self._spreads, key=lambda spread: abs(spread.windows * self._seconds - HOUR_SECONDS))

    def learn(self, start: datetime, count: Lane) -> None:
        """Remember a window. Windows before the first row are no history."""
        where, seconds = self._lanes.where, start.timestamp()
        self._first = where((self._first == math.inf) & (count > 0), seconds, self._first)
        takes = seconds + self._seconds > self._first
        begins = takes & (self._rows < self._config.minimum_rows) & (self._rows + count >= self._config.minimum_rows)
        begins = begins & (seconds - self._first < self._config.quiet_history.total_seconds())
        self._first = where(begins, seconds, self._first)
        self._rows = where(takes, self._rows + count, self._rows)
        # What a series did before it began is no past: it is forgotten when it begins.
        self._forget(begins | self._lanes.but(takes, self._took))
        self._took = takes
        if self._config.direction == "fall":
            looked = self.look(start, count)
            self._silent = looked.surging | (self._silent & looked.elevated)
        if self._lanes.any(takes):
            self._learn(seconds, count, self._silent)

    def judge(self, start: datetime, observed: float, lately: Sequence[float] | None = None) -> Finding:
        """Look at the window from `start` of the one series, without remembering it. See `look`."""
        return finding(start, self.width, self._config, self.look(start, observed, lately))

    def look(self, start: datetime, observed: Lane, lately: Sequence[Lane] | None = None) -> Looked:
        """Look at the window from `start` without remembering it.

        `lately`: counts of the windows just before it, newest last, to be used for spans instead of what was learned (live rows only);
        spans that reach further back are left out. Whoever gives them looks every five minutes, see `looks_of`.
        """
        where, most, config = self._lanes.where, self._lanes.most, self._config
        mean, of_season, of_level = self._baseline.expect(start.timestamp(), self._hour.value)
        number, level, size = self._baseline.learned, self._baseline.level, len(self._counts)
        best: Any = None
        falls = config.direction == "fall"
        quiet = self._lanes.filled(-1.0)
        means = [] if lately is None else [self._expected(start.timestamp() - back * self._seconds) for back in range(1, len(lately) + 1)]
        unusual: Lane = 0.0
        own_seen: Lane = 0.0
        own_expected: Lane = 0.0
        for spread in self._looked:
            before = spread.windows - 1
            usable = number >= before
            if best is not None and ((lately is not None and len(lately) < before) or not self._lanes.any(usable)):
                break
            if lately is None:
                leaving = (self._step - spread.windows) % size
                expected = mean + most(0.0, spread.expected - self._means[leaving])
                seen = observed + most(0.0, spread.seen - self._counts[leaving])
            else:
                expected = mean + sum(means[:before])
                seen = observed + sum(lately[len(lately) - before :])
            variance = spread.variance(expected, level, of_season, of_level)
            if falls:
                asked = (seen <= config.quiet * expected) & (expected >= config.least)
                quiet = where((quiet < 0) & (expected >= config.least), where(seen < HALF * expected, 1.0, 0.0), quiet)
            else:
                asked = seen > expected
            unlikely = self._lanes.deficit if falls else self._lanes.surprise
            tail = unlikely(seen, expected, variance, asked if best is None else asked & usable)
            surprise = where(tail > 0, spread.bonus + tail, 0.0)
            if best is None:
                best, unusual, own_seen, own_expected = (surprise, spread.windows, seen, expected, variance), tail, seen, expected
                continue
            if spread.windows * self._seconds <= HOUR_SECONDS:
                unusual = most(unusual, tail)
            better = surprise > best[0]
            if self._lanes.any(better):
                one = (surprise, spread.windows, seen, expected, variance)
                best = tuple(where(better, *pair) for pair in zip(one, best, strict=True))
        looks = self._looks[lately is not None]
        p_value = self._strays.p_value(best[0], looks)
        ready = config.is_ready(start.timestamp() - self._first, self._rows, self._lanes)
        surging = ready & (p_value < config.sensitivity)
        elevated = ready & (unusual > -math.log10(config.release))
        own = observed + self._before(self._own - 1, lately)
        floor = (best[2] >= config.least) & ((own >= config.least) | (self._seconds * self._own < HOUR_SECONDS))
        return Looked(
            windows=best[1],
            observed=best[2],
            expected=best[3],
            own_observed=observed,
            own_expected=mean,
            spread=best[4],
            surprise=best[0],
            stray_rate=self._strays.rate(),
            stray_excess=self._strays.mean_excess(),
            p_value=p_value,
            ready=ready,
            elevated=ready & (quiet > 0) if falls else elevated,
            surging=surging if falls else surging & floor & (own_seen > own_expected),
            looks=looks,
        )._replace(**({} if config.threshold is None else self._beside_threshold(own)))

    def _beside_threshold(self, observed: Lane) -> dict[str, Lane]:
        """What a plain number makes of a window, whatever is usual."""
        above = observed >= (self._config.threshold or 0.0)
        return {"elevated": above, "surging": above & (observed >= self._config.least)}

    def _expected(self, seconds: float) -> Lane:
        """Mean of the window from a moment before the present: as it was before that was learned, or as it is now where it was not.

        Of a surge that lasts most has been learned, and must not excuse what follows.
        """
        back, size = (self._until - seconds) / self._seconds, len(self._means)
        now = self._baseline.expect(seconds, 0.0)[0] if back < 1 or back > size else 0.0
        if back <= 0 or back > size:
            return now
        older = math.ceil(back)
        share = older - back
        newer = self._means[(self._step - older + 1) % size] if older > 1 else now
        return (1 - share) * self._means[(self._step - older) % size] + share * newer

    def _before(self, windows: int, lately: Sequence[Lane] | None) -> Lane:
        """Sum of so many windows before the judged one, as far as they are known."""
        if windows == 0:
            return 0.0
        if lately is not None:
            return sum(lately[-windows:])
        return sum(self._counts[(self._step - back) % len(self._counts)] for back in range(1, windows + 1))

    def _learn(self, seconds: float, count: Lane, silent: Lane) -> None:
        """`silent`: what is not there is no new normal."""
        baseline, hour, where = self._baseline, self._hour.value, self._lanes.where
        mean, of_season, of_level = baseline.expect(seconds, hour)
        number, level, size = baseline.learned, baseline.level, len(self._counts)
        new = number == 0
        mean, of_season, of_level = where(new, count, mean), where(new, 0.0, of_season), where(new, 1.0, of_level)
        place = self._step % size
        own = count + self._before(self._own - 1, None)
        of_window = self._spreads[0].variance(self._lanes.most(mean, LEAST) * self._spreads[0].windows, level, of_season, of_level)
        baseline.learn(seconds, where(silent, mean, count), mean, self._lanes.sqrt(mean + of_window * mean * mean + 0.5), hour)
        settled = number * self._seconds >= DAY_SECONDS
        surprise: Lane = 0.0
        prior = None
        for spread in self._spreads:
            leaving = (self._step - spread.windows) % size
            spread.seen = spread.seen + count - self._counts[leaving]
            # Sums of numbers of very different size lose digits, and must not sink below zero.
            spread.expected = self._lanes.most(self._lanes.most(mean, LEAST), spread.expected + mean - self._means[leaving])
            due = self._lanes.but(settled & (number + 1 >= spread.windows), silent)
            if self._lanes.any(due):
                strayed = spread.learn(number, level, of_season, of_level, prior, due)
                if spread.windows >= self._looked[0].windows:
                    surprise = self._lanes.most(surprise, strayed)
            if prior is None:
                prior = spread.value
        self._counts[place], self._means[place] = count, mean
        self._step += 1
        self._until = seconds + self._seconds
        known = number * self._seconds >= 2 * DAY_SECONDS
        if self._lanes.any(known):
            floor = known & ((own >= self._config.least) | (self._seconds * self._own < HOUR_SECONDS))
            self._strays.learn(where(floor, surprise, 0.0), known)

    def _forget(self, which: Lane) -> None:
        if not self._lanes.any(which):
            return
        fresh = Detector(self.width, self._config, seasons=self._baseline.seasons, lanes=self._lanes)
        for mine, theirs in zip(self._parts(), fresh._parts(), strict=True):
            for name in mine.__slots__:
                setattr(mine, name, _mixed(self._lanes, which, getattr(theirs, name), getattr(mine, name)))
        self._counts = _mixed(self._lanes, which, fresh._counts, self._counts)
        self._means = _mixed(self._lanes, which, fresh._means, self._means)

    def alone(self, lane: int) -> "Detector":
        """The detector of one of many, with all that it has learned."""
        one = Detector(self.width, self._config, seasons=self._baseline.seasons)
        for mine, theirs in zip(one._parts(), self._parts(), strict=True):
            for name in mine.__slots__:
                if name not in {"_lanes", "seasons"}:
                    setattr(mine, name, lane_of(getattr(theirs, name), lane))
        for name in ("_first", "_rows", "_took", "_silent", "_counts", "_means", "_step", "_until"):
            setattr(one, name, lane_of(getattr(self, name), lane))
        return one

    @property
    def level(self) -> Lane:
        """Mean of a window without season."""
        return self._baseline.level

    def season(self, start: datetime) -> tuple[Lane, Lane]:
        """Factors of the hour of the day and of the day of the week."""
        return self._baseline.season(start.timestamp())

    def _parts(self) -> list[Baseline | Spread | Strays]:
        return [self._baseline, *self._spreads, self._strays]


def _mixed(lanes: Lanes, which: Lane, one: Any, other: Any) -> Any:
    """`one` in the lanes `which`, `other` elsewhere; of what is no lane, `other`."""
    if isinstance(other, list):
        return [_mixed(lanes, which, *pair) for pair in zip(one, other, strict=True)]
    if isinstance(other, np.ndarray) or (lanes.number is None and isinstance(other, int | float)):
        return lanes.where(which, one, other)
    return other


def looks_of(width: float, shortest: int, *, gliding: bool) -> float:
    """How many looks an hour of watching windows of `width` seconds counts for: as many as begin in it; more where one ends every five
    minutes (`gliding`), though most of what it holds was in the one before. `shortest`: number of windows in the shortest span."""
    overlap = GLIDING * math.log(max(1.0, width / BUCKET.total_seconds())) / math.sqrt(shortest) if gliding else 0.0
    return max(1.0, HOUR_SECONDS / width) * (1 + overlap)


def finding(start: datetime, width: timedelta, config: SpikeConfig, looked: Looked, lane: int | None = None) -> Finding:
    """What was looked at, of one series; `lane`: which, where there are many."""
    one = looked if lane is None else Looked(*(value[lane] if isinstance(value, np.ndarray) else value for value in looked))
    return Finding(
        start=start,
        width=width,
        windows=int(one.windows),
        observed=round(one.observed),
        expected=float(one.expected),
        own_observed=float(one.own_observed),
        own_expected=float(one.own_expected),
        spread=float(one.spread),
        spans=len(config.windows(width)),
        stray_rate=float(one.stray_rate),
        stray_excess=float(one.stray_excess),
        p_value=float(one.p_value),
        ready=bool(one.ready),
        elevated=bool(one.elevated),
        surging=bool(one.surging),
        direction=config.direction,
        total=None if one.total is None else float(one.total),
        looks=float(one.looks),
    )


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


def surges(findings: Sequence[Finding], lull: int = LULL) -> list[Surge]:
    """Group findings (in order, none left out) into surges: opened by a surging one, kept by elevated ones, ended by
    `lull` ordinary ones in a row (and an hour, where windows are narrower)."""
    events = [number for number, one in enumerate(findings) if one.surging or one.elevated]
    wait = lull_of(findings[0].width, lull) if findings else 1
    return [
        surge_of([findings[number] for number in group], findings[max(0, group[0] + 1 - findings[group[0]].windows) : group[0] + 1])
        for group in grouped(events, [findings[number].surging for number in events], wait)
    ]


def lull_of(width: timedelta, lull: int = LULL) -> int:
    """Windows that must be ordinary before a surge has ended."""
    return max(lull, math.ceil(HOUR / width))


def grouped(events: Sequence[int], surging: Sequence[bool], wait: int) -> list[list[int]]:
    """Numbers of windows that belong together. `events`: those that are surging or elevated, ascending; `wait`: see `lull_of`."""
    groups: list[list[int]] = []
    is_open = False
    for number, surges_now in zip(events, surging, strict=True):
        is_open = is_open and number - groups[-1][-1] <= wait
        if is_open:
            groups[-1].append(number)
        elif surges_now:
            groups.append([number])
            is_open = True
    return groups


def surge_of(findings: Sequence[Finding], shown: Sequence[Finding]) -> Surge:
    """The surge that these findings make. `shown`: the windows that its first finding counts."""
    first = findings[0]
    began = _onset(shown, first.observed / max(first.expected, LEAST)) if first.direction == "rise" else first.since
    peak = min(findings, key=lambda finding: (finding.p_value, -finding.observed))
    return Surge(began, findings[-1].until, peak, tuple(findings))


def _onset(findings: Sequence[Finding], times: float) -> datetime:
    """Start of the first window of a surge, among those that show it: the change point of a CUSUM (Page 1954) whose reference value lies
    midway between what was expected of each window and `times` as much."""
    return change_point([(finding.start, finding.own_observed - finding.own_expected * (1 + times) / 2) for finding in findings])
