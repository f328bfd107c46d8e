"""A source that changes shape: other languages, other lengths, or the same words again and again, where its past says something else.

An importer broke, a scraper reads a login page, a feed sends every row twice. Not every other mix is that: in a surge something comes
beside what is usual, and what is usual still comes. So rows are compared with as many as were due, and only those count that stand in the
place of usual ones. How many of these an ordinary stretch has is learned from the past: they are judged as a share, by the beta-binomial
test of `insights.shares`. Streaming and of constant memory, like `insights.spikes`, and given nothing but live rows.

A changed source teaches nothing until it has settled: it is back at what it was, or was for three days as it is now, which then is usual.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

import numpy as np

from core.times import DAY, HOUR
from insights.arithmetic import p_value_of
from insights.baseline import CAP, Baseline
from insights.onset import change_point
from insights.replays import ANYTHING, Replay
from insights.seasons import Seasons
from insights.share_detector import ShareDetector
from insights.spikes import Finding, Looked, SpikeConfig, finding
from store.records import Shape

LEAST_HOURS, MOST_HOURS = 3, 24
"""Of a stretch that is judged as one: until it holds LEAST_ROWS. So a slow source is judged by its day, and none by one hour."""
LEAST_ROWS = 40
LEAST_DISPLACED = 20
LEAST_PART = 0.3
"""Less of a source may be a new campaign, or a holiday; an importer that breaks breaks all of it."""
STAYS_FROM = LEAST_PART / 2
"""A source stays changed until fewer are displaced."""
CHANGED = 1e-3
"""The p-value below which a stretch teaches nothing. It does not depend on a rule's own, so that every rule has the same past."""
SETTLES_AFTER = timedelta(days=3)
MINIMUM_HISTORY = timedelta(days=3)
MINIMUM_STRETCHES = 5
HALF_LIFE = timedelta(days=7)
CROWD = 1.4
"""From so many times what was due on there is a surge: people agree and repeat each other, and what is usual needs only be there still."""
SURELY = 0.5
"""And so much of what was due is there in any hour."""
SPREAD = 0.3
"""Relative variance of an hour's count: good enough for what is due, which is no test here."""
BY_SHARE = SpikeConfig(spans=(HOUR,))
MOST_PARTS = 6
FACES = ("language", "length", "repeats")
VOICE, REPEAT = "voice", "repeat"


@dataclass(frozen=True, slots=True)
class Part:
    """One value of a face: how many rows have it, and how many of them would, had nothing changed."""

    value: str
    observed: int
    usual: float


@dataclass(frozen=True, slots=True)
class Change:
    """A source beside its past. `finding`: displaced rows of `total` compared ones, of the face that strays most; `parts`: the values
    of that face, those that strayed most first; `began_at`: the first hour that shows it."""

    face: "Face"
    finding: Finding
    parts: tuple[Part, ...]
    began_at: datetime


class Face:
    """One way in which the rows of a source divide: what is usual, and how far ordinary stretches stray from it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._usual: dict[str, float] = {}
        self._other: dict[str, float] = {}
        self._changed_at: datetime | None = None
        self.changed_from: datetime | None = None
        self.strays = ShareDetector(HOUR, BY_SHARE)
        self._stretches = 0

    @property
    def is_changed(self) -> bool:
        """Whether the last stretch that was learned was, and it has not settled yet."""
        return self._changed_at is not None

    def judge(self, start: datetime, hours: int, counts: Mapping[str, int], due: float) -> Finding:
        """`hours` hours, of which the last is the one from `start`; `due`: rows that were expected in them."""
        displaced, compared = self.displaced(counts, due)
        looked = self.strays.look(start, (displaced, compared))
        seen = replace(finding(start, HOUR, BY_SHARE, looked._replace(windows=hours)), spans=len(FACES))
        enough = self._stretches >= MINIMUM_STRETCHES and compared >= LEAST_DISPLACED
        far = enough and displaced >= max(LEAST_DISPLACED, LEAST_PART * compared) and displaced > seen.expected
        elevated = enough and displaced >= STAYS_FROM * compared
        return replace(seen, p_value=p_value_of(seen) if far else 1.0, ready=enough, elevated=elevated, surging=far)

    def learn(self, start: datetime, hours: int, counts: Mapping[str, int], due: float) -> None:
        """Take in a stretch; see `judge`."""
        keep = 0.5 ** (hours * HOUR / HALF_LIFE)
        seen = self.judge(start, hours, counts, due)
        if self._changed_at is None and seen.p_value < CHANGED:
            self._changed_at, self.changed_from = start, start - (hours - 1) * HOUR
        elif seen.ready and not seen.elevated:
            self._settle()
        if self._changed_at is None:
            if seen.total:
                self.strays.learn(start, (seen.observed, seen.total))
            self._stretches += seen.total is not None and seen.total >= LEAST_DISPLACED
            self._usual = _added(self._usual, counts, keep)
            return
        self._other = _added(self._other, counts, keep)
        if start - self._changed_at >= SETTLES_AFTER:
            self._usual = self._other
            self._settle()

    def _settle(self) -> None:
        self._other, self._changed_at, self.changed_from = {}, None, None

    def parts(self, counts: Mapping[str, int], most: int) -> tuple[Part, ...]:
        """The values that strayed most: what came first, then what is missing."""
        rows, shares = sum(counts.values()), self._shares()
        parts = [Part(value, counts.get(value, 0), shares.get(value, 0.0) * rows) for value in {**shares, **counts}]
        return tuple(sorted(parts, key=lambda part: (part.observed < part.usual, -abs(part.observed - part.usual), part.value))[:most])

    def _shares(self) -> dict[str, float]:
        known = sum(self._usual.values())
        return {value: weight / known for value, weight in self._usual.items()}

    def displaced(self, counts: Mapping[str, int], due: float) -> tuple[int, int]:
        """(rows that stand where usual ones should, rows compared)."""
        shares, rows = self._shares(), float(sum(counts.values()))
        if not shares or not rows:
            return 0, 0
        if self.name == "repeats":
            compared = rows
            away = 0.0 if counts[VOICE] > CROWD * due * shares[VOICE] else counts[REPEAT] - shares[REPEAT] * rows
        else:
            compared = rows if rows <= CROWD * due else SURELY * due
            away = compared - sum(min(counts.get(value, 0), share * compared) for value, share in shares.items())
        # A sample of an unchanged mix strays as well: in the mean by half the sum of the mean absolute deviations of its counts.
        chance = sum(math.sqrt(share * (1 - share) * compared / (2 * math.pi)) for share in shares.values())
        return round(max(0.0, away - chance)), round(compared)


Hours = Sequence[tuple[datetime, Shape]]
"""Hours in a row, each with what came in it."""


class ShapeDetector:
    """The past of one source, hour by hour. `look` judges, `learn` remembers; memory does not grow."""

    def __init__(self, config: SpikeConfig, seasons: Seasons) -> None:
        self._config = config
        self._faces = [Face(name) for name in FACES]
        self._rows = Baseline(HOUR.total_seconds(), seasons)
        self._first: datetime | None = None
        self._open: list[tuple[datetime, Shape]] = []

    def learn(self, start: datetime, shape: Shape) -> None:
        """Remember an hour. Those before the first row are no history."""
        self._first = start if self._first is None and shape.rows else self._first
        if self._first is None:
            return
        self._open.append((start, shape))
        if is_enough(self._open) or len(self._open) == MOST_HOURS:
            whole, due = total([one for _, one in self._open]), self._due(self._open)
            for face in self._faces:
                face.learn(start, len(self._open), counts_of(whole, face.name), due)
            for moment, one in self._open:
                self._count(moment, one.rows)
            self._open = []

    def look(self, lately: Hours, until: datetime) -> Change:
        """Judge what came since the last stretch that was learned, without remembering it.

        `lately`: the hours after those that were learned, at least one; the last goes on until `until`. While they hold too few rows, the
        stretch before them counts on.
        """
        hours = [*self._open, *lately]
        start = hours[-1][0]
        known = self._first is not None and start - self._first >= MINIMUM_HISTORY
        judged = is_enough(hours)
        whole, due = total([one for _, one in hours]) if judged else Shape(), self._due(hours, until)
        found = [(self._judge(face, start, len(hours), whole, due, ready=known and judged), face) for face in self._faces]
        best, face = min(found, key=lambda one: (not one[0].surging, not one[0].elevated, one[0].p_value, -one[0].observed))
        if not best.surging:
            return Change(face, best, (), best.since)
        each = [(moment, face.displaced(counts_of(one, face.name), self._due([(moment, one)]))) for moment, one in hours]
        began = change_point([(moment, away - LEAST_PART * compared) for moment, (away, compared) in each])
        return Change(face, best, face.parts(counts_of(whole, face.name), most=MOST_PARTS), min(began, face.changed_from or began))

    def _judge(self, face: Face, start: datetime, hours: int, whole: Shape, due: float, *, ready: bool) -> Finding:
        seen = face.judge(start, hours, counts_of(whole, face.name), due)
        surging = ready and seen.surging and seen.p_value < self._config.sensitivity and seen.observed >= self._config.least
        return replace(seen, ready=ready and seen.ready, surging=surging, elevated=(ready and seen.elevated) or face.is_changed)

    def _due(self, hours: Hours, until: datetime | None = None) -> float:
        """Rows that were expected; on the first day as many as you like."""
        if self._rows.learned * HOUR < DAY:
            return math.inf
        each = [float(self._rows.expect(moment.timestamp(), SPREAD)[0]) for moment, _ in hours]
        return sum(each) - each[-1] * (0.0 if until is None else max(0.0, 1 - (until - hours[-1][0]) / HOUR))

    def _count(self, moment: datetime, rows: int) -> None:
        mean = float(rows) if self._rows.learned * HOUR < DAY else float(self._rows.expect(moment.timestamp(), SPREAD)[0])
        # A surge that lasts must not make what is due as large as itself.
        deviation = math.sqrt(mean + SPREAD * mean * mean + 0.5) / CAP
        self._rows.learn(moment.timestamp(), float(rows), mean, deviation, SPREAD)


def is_enough(hours: Hours) -> bool:
    """Whether these can be judged as one."""
    return len(hours) >= LEAST_HOURS and sum(one.rows for _, one in hours) >= LEAST_ROWS


def counts_of(shape: Shape, face: str) -> Mapping[str, int]:
    """How the rows divide."""
    if face == "repeats":
        return {VOICE: shape.rows - shape.repeats, REPEAT: shape.repeats} if shape.rows else {}
    return shape.languages if face == "language" else shape.lengths


def total(shapes: Sequence[Shape]) -> Shape:
    """Of stretches that do not overlap."""
    languages, lengths = Counter[str](), Counter[str]()
    for one in shapes:
        languages.update(one.languages)
        lengths.update(one.lengths)
    return Shape(sum(one.rows for one in shapes), sum(one.repeats for one in shapes), languages, lengths)


FLAGS = frozenset({"ready", "elevated", "surging"})


def replay_shapes(
    start: datetime, hours: int, series: Sequence[Mapping[int, Shape]], config: SpikeConfig, seasons: Seasons, *, since: int = 0
) -> Replay:
    """Judge every hour of every source given only those before it, as `insights.replays.replay_all` does.

    `series`: number of an hour from `start` on -> what came in it. `since`: the first hour that may page.
    """
    columns = {name: np.zeros((hours, len(series)), bool if name in FLAGS else np.float64) for name in Looked._fields}
    columns["p_value"][:] = 1.0
    nothing, anything = Shape(), replace(config, sensitivity=ANYTHING)
    for lane, sparse in enumerate(series):
        detector = ShapeDetector(anything, seasons)
        for number in range(hours):
            moment, shape = start + number * HOUR, sparse.get(number, nothing)
            seen = detector.look([(moment, shape)], moment + HOUR).finding
            if seen.elevated or seen.surging:
                for name, column in columns.items():
                    column[number, lane] = getattr(seen, name, 0.0)
            detector.learn(moment, shape)
    return Replay(start, HOUR, config, Looked(**columns), since)


def _added(weights: Mapping[str, float], counts: Mapping[str, int], keep: float) -> dict[str, float]:
    return {value: weights.get(value, 0.0) * keep + counts.get(value, 0) for value in {**weights, **counts}}
