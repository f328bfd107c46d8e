"""A series from a file, judged row by row by the detector that watches live, given nothing but the rows before each."""

import csv
import math
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from core.errors import InvalidInput
from core.times import parse_time
from insights.spikes import Detector, Finding, SpikeConfig

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
            f"{self.value:g}",
            f"{self.expected:.4g}",
            f"{self.score:.4f}",
            str(int(self.alert)),
        ]


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


def backtest_rows(rows: Iterable[BacktestInput], config: SpikeConfig | None = None) -> Iterator[BacktestRow]:
    """Judge each row given the rows before it, as it comes: memory does not grow with the file.

    A row is a window that ends with it or starts with it, as wide as rows usually lie apart so far; holes are not taken for zeros.
    Raises InvalidInput for a value that is negative, not finite or above MOST.
    """
    past = _Past(config or SpikeConfig())
    for row in rows:
        if not 0 <= row.value <= MOST:
            raise InvalidInput(f"{row.written or row.timestamp}: value is {row.value}; valid is {VALID_COUNT}", field="value")
        finding = past.take(row)
        score = -math.log10(max(finding.p_value, 1e-300)) if finding.ready else 0.0
        yield BacktestRow(row.timestamp, row.value, finding.own_expected, score, past.pages(finding), row.written)


class _Past:
    """What is known before the next row: its detector, the width of windows, and when somebody was paged last."""

    def __init__(self, config: SpikeConfig) -> None:
        self._config = config
        self._steps: deque[timedelta] = deque(maxlen=STEPS)
        self._detector: Detector | None = None
        self._waiting: BacktestInput | None = None
        self._last: datetime | None = None
        self._paged: datetime | None = None

    def take(self, row: BacktestInput) -> Finding:
        """Judge a row, then learn it. Rows before the first step is known are judged as hours, and learned once it is."""
        if self._last is not None and row.timestamp > self._last:
            self._steps.append(row.timestamp - self._last)
        self._last = row.timestamp if self._last is None else max(self._last, row.timestamp)
        if self._detector is None and self._steps:
            self._detector = Detector(_usual(self._steps), self._config)
            if self._waiting is not None:
                self._detector.learn(self._waiting.timestamp, self._waiting.value)
        if self._detector is None:
            self._waiting = row
            return Detector(FIRST_STEP, self._config).judge(row.timestamp, row.value)
        if (width := _usual(self._steps)) != self._detector.width and len(self._steps) == STEPS:
            self._detector = Detector(width, self._config)
        finding = self._detector.judge(row.timestamp, row.value)
        self._detector.learn(row.timestamp, row.value)
        return finding

    def pages(self, finding: Finding) -> bool:
        """Whether somebody is paged for it: a surge, and nobody was within REST."""
        if not finding.surging or (self._paged is not None and finding.start - self._paged < REST):
            return False
        self._paged = finding.start
        return True


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
