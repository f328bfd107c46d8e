"""Surges in one series of counts: one judgement of one window given its past, used live, in replay and in backtests alike."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import InvalidInput
from insights.baseline import Baseline
from insights.counts import interval, upper_tail

LULL = 3
"""Windows in a row that must be ordinary before a surge has ended."""


@dataclass(frozen=True, slots=True)
class SpikeConfig:
    """What makes a surge.

    sensitivity: a finding needs a p-value below it. least: and at least so many in the judged window. minimum_history: time since the
    series began; before it nothing is a surge. A series begins with its `minimum_rows`-th row (a stray row long before a source is
    connected is no history), or with its first when that was `quiet_history` ago. spans: numbers of windows, ascending, from 1, that are
    looked at together, so that a rise too slow for one window is found. lull: so many windows in a row must be ordinary before a surge has
    ended; release: the p-value from which a window is ordinary.
    """

    sensitivity: float = 1e-4
    least: int = 8
    minimum_history: timedelta = timedelta(days=3)
    minimum_rows: int = 8
    quiet_history: timedelta = timedelta(days=14)
    spans: tuple[int, ...] = (1, 3, 6)
    release: float = 0.05
    lull: int = LULL

    def __post_init__(self) -> None:
        if not 0 < self.sensitivity <= 0.1:
            raise InvalidInput(f"sensitivity is {self.sensitivity}; valid: a p-value above 0, at most 0.1", field="sensitivity")
        if self.least < 1:
            raise InvalidInput(f"least is {self.least}; valid: 1 or more", field="least")
        if not self.spans or self.spans[0] != 1 or list(self.spans) != sorted(set(self.spans)):
            raise InvalidInput(f"spans are {self.spans}; valid: ascending numbers of windows from 1", field="spans")


@dataclass(frozen=True, slots=True)
class Finding:
    """What one window looks like beside its past.

    start: start of the judged window; width: its length. observed and expected are counts of the last `windows` windows that end with it
    (1 unless a slow rise shows better over more). spread: relative variance beyond Poisson, with what is unknown of `expected`. p_value:
    P(at least `observed`) times the number of spans looked at, at most 1. ready: there is enough past to judge. elevated: not ordinary,
    keeps a surge alive. surging: page. own_expected: of the judged window alone.
    """

    start: datetime
    width: timedelta
    windows: int
    observed: int
    expected: float
    spread: float
    p_value: float
    ready: bool
    elevated: bool
    surging: bool
    own_expected: float = 0.0

    @property
    def since(self) -> datetime:
        """Start of the first of the windows that `observed` counts."""
        return self.start - (self.windows - 1) * self.width

    @property
    def until(self) -> datetime:
        """End of the judged window."""
        return self.start + self.width

    @property
    def interval(self) -> tuple[float, float]:
        """Counts between which 95 % of such windows fall when nothing is wrong."""
        return interval(self.expected, self.spread)


@dataclass(frozen=True, slots=True)
class Surge:
    """Findings that belong together. `ended_at`: end of the last elevated window. `peak`: the least likely finding."""

    started_at: datetime
    ended_at: datetime
    peak: Finding
    findings: tuple[Finding, ...]


class Detector:
    """The past of one series, window by window. `judge` looks, `learn` remembers; memory does not grow."""

    __slots__ = ("_baseline", "_config", "_first", "_rows", "_width", "width")

    def __init__(self, width: timedelta, config: SpikeConfig, *, first_seen: datetime | None = None) -> None:
        """`first_seen`: first row of the series, where known; else the first window that holds one."""
        self.width = self._width = width
        self._config = config
        self._baseline = Baseline(width.total_seconds(), config.spans)
        self._first = first_seen
        self._rows = 0.0

    def learn(self, start: datetime, count: float) -> None:
        """Remember a window. Windows before the first row are no history."""
        if self._first is None and count > 0:
            self._first = start
        if self._first is None or start + self._width <= self._first:
            return
        if self._rows < self._config.minimum_rows <= self._rows + count and start - self._first < self._config.quiet_history:
            self._first = start
            self._baseline = Baseline(self._width.total_seconds(), self._config.spans)
        self._rows += count
        self._baseline.learn(start.timestamp(), count)

    def judge(self, start: datetime, observed: float, lately: Sequence[float] | None = None) -> Finding:
        """Look at the window from `start` without remembering it.

        `lately`: counts of the windows just before it, newest last, to be used for spans instead of what was learned (live rows only).
        """
        ready = self._is_ready(start)
        mean, unknown = self._baseline.expect(start.timestamp())
        candidates = list(self._spans(mean, unknown, observed, lately))
        own = candidates[0]
        p_value, windows, seen, expected, spread = min(candidates) if own[0] < self._config.release else own
        p_value = min(1.0, p_value * len(self._config.spans))
        floor = observed >= self._config.least
        return Finding(
            start=start,
            width=self._width,
            windows=windows,
            observed=round(seen),
            expected=expected,
            spread=spread,
            p_value=p_value,
            ready=ready,
            elevated=ready and own[0] < self._config.release,
            surging=ready and floor and p_value < self._config.sensitivity,
            own_expected=mean,
        )

    def _spans(
        self, mean: float, unknown: float, observed: float, lately: Sequence[float] | None
    ) -> Iterator[tuple[float, int, float, float, float]]:
        for index, windows in enumerate(self._config.spans):
            if self._baseline.learned < windows - 1:
                return
            seen, expected = self._baseline.last(windows - 1)
            if lately is not None:
                seen = sum(lately[len(lately) - windows + 1 :])
            spread = self._baseline.spread(index) + unknown
            yield upper_tail(seen + observed, expected + mean, spread), windows, seen + observed, expected + mean, spread

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
    """Group findings (in order) into surges: opened by a surging one, kept by elevated ones, ended by `lull` ordinary ones in a row."""
    found: list[Surge] = []
    current: list[Finding] = []
    for finding in findings:
        if current and finding.start - current[-1].until >= lull * finding.width:
            found.append(_surge(current))
            current = []
        if finding.surging or (current and finding.elevated):
            current.append(finding)
    return [*found, _surge(current)] if current else found


def _surge(findings: list[Finding]) -> Surge:
    peak = min(findings, key=lambda finding: (finding.p_value, -finding.observed))
    return Surge(findings[0].since, findings[-1].until, peak, tuple(findings))
