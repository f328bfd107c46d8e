"""A series from a file, judged row by row by the detector that watches live, given nothing but the rows before each."""

import csv
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from core.errors import InvalidInput
from core.times import DAY, parse_time
from insights.budget import calibrate, sensitivity_of
from insights.replays import ANYTHING
from insights.seasons import Seasons
from insights.share_detector import ShareDetector
from insights.spikes import UTC_SEASONS, Detector, Finding, SpikeConfig, finding, grouped, lull_of

COLUMNS = ("timestamp", "value", "expected", "score", "alert")
READ = ("timestamp", "value")
VALID_COUNT = "a count such as 0, 12 or 3.5, at most 10^12"
MOST = 1e12
REST = timedelta(hours=24)
"""A series that has paged is known to be in trouble: it pages again a day later at the earliest."""
LATEST = timedelta(hours=2)
"""Clocks that leave summer time repeat an hour; rows further back than that are out of order."""
STEPS = 25
"""The usual step is the median of so many: a hole in the file does not change it."""
FIRST_STEP = timedelta(hours=1)
MOST_REPLAYED = 7 * 24 * 8
"""Rows that are replayed for a budget, once a day, as the watching worker does: eight weeks of hours, less of narrower windows."""


@dataclass(frozen=True, slots=True)
class BacktestInput:
    """One row. `written`: the timestamp as the file has it. `total`: all feedback of the window, where the file says."""

    timestamp: datetime
    value: float
    total: float | None = None
    written: str = ""


@dataclass(frozen=True, slots=True)
class BacktestRow:
    """One row judged. `expected`: the count that its past led to expect. `score`: -log10 of the p-value. `alert`: it pages."""

    timestamp: datetime
    value: float
    expected: float
    score: float
    alert: bool
    written: str = ""

    def cells(self) -> list[str]:
        """The row as COLUMNS names it, ready for a CSV writer."""
        return [
            self.written or self.timestamp.isoformat(),
            exact(self.value),
            f"{self.expected:.4g}" if self.expected < 1000 else f"{self.expected:.0f}",
            f"{self.score:.4f}",
            str(int(self.alert)),
        ]


@dataclass(frozen=True, slots=True)
class BacktestOptions:
    """How rows are judged. `budget`: pages a week that may come for nothing, in place of the sensitivity of `config`, and led to by
    replaying the past as it grows; `seasons`: whose hours and holidays count; `share`: `value` is judged as a part of `total`."""

    config: SpikeConfig = field(default_factory=SpikeConfig)
    seasons: Seasons = UTC_SEASONS
    budget: float | None = None
    share: bool = False


PLAIN = BacktestOptions()


def exact(value: float) -> str:
    """A count as the file may have written it, with every digit."""
    return str(int(value)) if value == int(value) else repr(value)


def read_inputs(lines: Iterable[str]) -> Iterator[BacktestInput]:
    """Read CSV lines with a header that holds `timestamp` and `value`, and may hold `total`; other columns are ignored.

    Raises InvalidInput, naming the line, for a header without those, a count that is negative or no number, an unreadable time, and rows
    out of order.
    """
    rows = csv.DictReader(lines, strict=True)
    try:
        rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
        if missing := [name for name in READ if name not in rows.fieldnames]:
            raise InvalidInput(f"line 1: no column {' and '.join(missing)}; valid is timestamp,value or timestamp,value,total")
        last: datetime | None = None
        for row in rows:
            one = _input(row, rows.line_num)
            if last is not None and one.timestamp < last - LATEST:
                raise InvalidInput(f"line {rows.line_num}: {one.written} comes after a later row; valid are rows with the oldest first")
            last = one.timestamp if last is None else max(last, one.timestamp)
            yield one
    except csv.Error as error:
        raise InvalidInput(f"line {rows.line_num}: {error}; valid is a CSV such as timestamp,value") from None


def backtest_rows(rows: Iterable[BacktestInput], options: BacktestOptions = PLAIN) -> Iterator[BacktestRow]:
    """Judge each row given the rows before it, as it comes: memory does not grow with the file.

    A row is a window that ends with it or starts with it, as wide as rows usually lie apart so far; holes are not taken for zeros.
    Raises InvalidInput for a value that is negative, not finite or above MOST, and for one above its total, or without, where shares are
    judged.
    """
    past = _Past(options)
    for row in rows:
        if not 0 <= row.value <= MOST:
            raise InvalidInput(f"{row.written or row.timestamp}: value is {row.value}; valid is {VALID_COUNT}", field="value")
        if options.share and (row.total is None or row.value > row.total):
            of = "has no total" if row.total is None else f"is more than its total, {exact(row.total)}"
            raise InvalidInput(f"{row.written or row.timestamp}: value {exact(row.value)} {of}; valid is a part of a total", field="total")
        seen = past.take(row)
        score = -math.log10(max(seen.p_value, 1e-300)) if seen.ready else 0.0
        yield BacktestRow(row.timestamp, row.value, seen.own_expected, score, past.pages(seen), row.written)


class _Past:
    """What is known before the next row: its detector, the width of windows, and when somebody was paged last."""

    def __init__(self, options: BacktestOptions) -> None:
        self._options = options
        self._config = options.config if options.budget is None else replace(options.config, sensitivity=ANYTHING)
        self._threshold = None if options.budget is None else _Threshold(options.budget)
        self._steps: deque[timedelta] = deque(maxlen=STEPS)
        self._detector: Detector | ShareDetector | None = None
        self._waiting: BacktestInput | None = None
        self._last: datetime | None = None
        self._paged: datetime | None = None

    def take(self, row: BacktestInput) -> Finding:
        """Judge a row, then learn it. Rows before the first step is known are judged as hours, and learned once it is."""
        if self._last is not None and row.timestamp > self._last:
            self._steps.append(row.timestamp - self._last)
        self._last = row.timestamp if self._last is None else max(self._last, row.timestamp)
        if self._detector is None and self._steps:
            self._detector = self._fresh(_usual(self._steps))
            if self._waiting is not None:
                self._learn(self._detector, self._waiting)
        if self._detector is None:
            self._waiting = row
            return self._judge(self._fresh(FIRST_STEP), row)
        if (width := _usual(self._steps)) != self._detector.width and len(self._steps) == STEPS:
            self._detector = self._fresh(width)
        seen = self._judge(self._detector, row)
        self._learn(self._detector, row)
        return seen if self._threshold is None else self._threshold.judge(seen)

    def pages(self, seen: Finding) -> bool:
        """Whether somebody is paged for it: a surge, and nobody was within REST."""
        if not seen.surging or (self._paged is not None and seen.start - self._paged < REST):
            return False
        self._paged = seen.start
        return True

    def _fresh(self, width: timedelta) -> Detector | ShareDetector:
        return ShareDetector(width, self._config) if self._options.share else Detector(width, self._config, seasons=self._options.seasons)

    def _count(self, row: BacktestInput) -> Any:
        return (row.value, row.total) if self._options.share else row.value

    def _learn(self, detector: Detector | ShareDetector, row: BacktestInput) -> None:
        detector.learn(row.timestamp, self._count(row))

    def _judge(self, detector: Detector | ShareDetector, row: BacktestInput) -> Finding:
        return finding(row.timestamp, detector.width, self._config, detector.look(row.timestamp, self._count(row)))


class _Threshold:
    """The p-value that a budget leads to: every day the past is replayed, and nothing but the past."""

    def __init__(self, budget: float) -> None:
        self._budget = budget
        self._sensitivity = sensitivity_of(budget, 1)
        self._past: deque[Finding] = deque(maxlen=MOST_REPLAYED)
        self._set_at: datetime | None = None

    def judge(self, seen: Finding) -> Finding:
        """Whether a row surges, given what is known of the rows before."""
        self._set_at = self._set_at or seen.start
        if seen.start - self._set_at >= DAY:
            weeks = (seen.start - self._past[0].start) / timedelta(weeks=1)
            self._sensitivity = calibrate(self._budget, 1, max(weeks, 1e-6), self._peaks).sensitivity
            self._set_at = seen.start
        self._past.append(seen)
        return replace(seen, surging=seen.surging and seen.p_value < self._sensitivity)

    def _peaks(self, sensitivity: float) -> list[float]:
        """The least p-value of each surge that there is at this p-value."""
        surging = [seen.surging and seen.p_value < sensitivity for seen in self._past]
        events = [number for number, seen in enumerate(self._past) if surging[number] or seen.elevated]
        groups = grouped(events, [surging[number] for number in events], lull_of(self._past[-1].width))
        return [min(self._past[number].p_value for number in group) for group in groups]


def _usual(steps: Sequence[timedelta]) -> timedelta:
    return sorted(steps)[len(steps) // 2]


def _input(row: dict[str, str | None], line: int) -> BacktestInput:
    written = (row["timestamp"] or "").strip()
    try:
        moment = parse_time(written, field="timestamp")
    except InvalidInput as error:
        raise InvalidInput(f"line {line}: {error}", field="timestamp") from None
    total = (row.get("total") or "").strip()
    return BacktestInput(moment, _count(row["value"], line, "value"), _count(total, line, "total") if total else None, written)


def _count(text: str | None, line: int, field: str) -> float:
    try:
        value = float((text or "").strip())
    except ValueError:
        value = math.nan
    if not 0 <= value <= MOST:
        raise InvalidInput(f"line {line}: {field} is {(text or '').strip()[:40]!r}; valid is {VALID_COUNT}", field=field)
    return value
