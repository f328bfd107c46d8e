"""What a rule would have made of the stored history: its surges, heard in voices, and which of them an alert of another rule stands for."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection

from api.rules import Watch, check_rule, fields_of
from api.services import Services
from core.errors import InvalidInput, PermanentError
from core.times import HOUR, floor_to
from insights.causes import Cause, shared_excess, stand_ins
from insights.effective import BEFORE, Said, hear
from insights.replays import Replay, replay_all
from insights.rules import OF_SOURCES, beginnings, counts_voices, dense, is_watched, measured
from insights.shape import replay_shapes
from insights.spikes import Finding, Surge
from insights.voices import loudness
from store.dimensions import filters_scope, scope_filters
from store.feedback import period
from store.records import Scope
from store.rollups import grid, totals
from store.rules import list_rules
from store.shapes import hourly_shapes
from store.voices import MOST_VOICES, voices

MOST_WINDOWS = 50_000
"""Windows that one series is judged over: five years of hours."""
MOST_SERIES = 200
MOST_HOURS_OF_SHAPES = 100_000
"""Of all sources together, which are replayed one after the other: 20 seconds."""
MOST_HEARD = 300
"""Surges whose rows are read; a rule that pages more often has other worries than reposts."""
LULL = timedelta(hours=1)
"""An alert ends so long after its surge."""
MOST_FINDINGS = 12
"""Of one surge, in order: reposts come first, and voices follow soon or not at all."""


@dataclass(frozen=True, slots=True)
class Paged:
    """A surge from the finding on that would have paged. `voices`: its peak when reposts and loud authors count once."""

    scope: Scope
    surge: Surge
    voices: Finding


@dataclass(frozen=True, slots=True)
class Outcome:
    """`quiet`: surges of reposts and loud authors alone; `inhibited`: those that an alert of another rule stands for."""

    pages: Sequence[Paged]
    quiet: int
    inhibited: int


class History:
    """The stored history as one rule sees it."""

    def __init__(self, connection: Connection, workspace_id: str, watch: Watch) -> None:
        self._connection, self._workspace_id, self.watch = connection, workspace_id, watch
        self._stored = period(connection, workspace_id)

    def stretch(self, since: datetime | None, until: datetime | None) -> tuple[datetime, datetime] | None:
        """What to judge, in whole windows; None when nothing is stored. Raises InvalidInput when it is too long, or the wrong way round."""
        if self._stored is None:
            return None
        window = self.watch.width
        first = floor_to(since or self._stored[0], window)
        last = floor_to((until or self._stored[1]) - timedelta(microseconds=1 if until else 0), window) + window
        if first >= last:
            raise InvalidInput("from must be before to", field="from")
        if (last - min(first, self._stored[0])) / window > MOST_WINDOWS:
            reason = f"more than {MOST_WINDOWS:,} windows of {window // timedelta(minutes=1)} minutes"
            raise InvalidInput(f"{reason}; shorten the stretch, or choose windows of an hour or more", field="window_minutes")
        return first, last

    def replay(self, since: datetime, until: datetime) -> tuple[list[Scope], Replay] | None:
        """Every window of every series, judged by what came before it; None where there is no series.

        Raises InvalidInput when the rule splits into more series than one call can judge.
        """
        # All that came before belongs to what is known of a series; windows before its first row do not.
        start = since if self._stored is None else min(floor_to(self._stored[0], self.watch.width), since)
        return self._shapes(start, since, until) if self.watch.measure == "shape" else self._counts(start, since, until)

    def _counts(self, start: datetime, since: datetime, until: datetime) -> tuple[list[Scope], Replay] | None:
        watch = self.watch
        found = grid(self._connection, self._workspace_id, watch.scope, watch.split_by, watch.measure, (start, until), watch.width)
        series = {key: windows for key, windows in sorted(found.items()) if windows and is_watched(watch.options, watch.split_by, key)}
        if len(series) > MOST_SERIES:
            raise InvalidInput(
                f"split_by makes {len(series):,} series; at most {MOST_SERIES} are tried at once: narrow the scope", field="split_by"
            )
        if not series:
            return None
        replayed = replay_all(
            start,
            watch.width,
            dense(list(series.values()), (until - start) // watch.width, shares=watch.measure == "share"),
            watch.config,
            seasons=watch.seasons,
            first_seen=beginnings(list(series.values()), start, watch.width),
            since=(since - start) // watch.width,
        )
        return [self._scope(key) for key in series], replayed

    def _shapes(self, start: datetime, since: datetime, until: datetime) -> tuple[list[Scope], Replay] | None:
        watch, hours = self.watch, (until - start) // HOUR
        found = hourly_shapes(self._connection, self._workspace_id, start, until, source=watch.scope.source)
        split = watch.split_by or ("source",)
        sources = sorted(source for source in found if is_watched(watch.options, split, (source,)))
        if len(sources) * hours > MOST_HOURS_OF_SHAPES:
            raise InvalidInput(
                f"{len(sources):,} sources of {hours:,} hours are too much to try at once: narrow them by only, or shorten the stretch",
                field="only",
            )
        if not sources:
            return None
        series = [{(moment - start) // HOUR: shape for moment, shape in found[source].items()} for source in sources]
        replayed = replay_shapes(start, hours, series, watch.config, watch.seasons, since=(since - start) // HOUR)
        return [Scope(source=source) for source in sources], replayed

    def _scope(self, key: tuple[str, ...]) -> Scope:
        return filters_scope(scope_filters(self.watch.scope) | dict(zip(self.watch.split_by, key, strict=True)))

    # --- what pages --------------------------------------------------------------------------------------------------

    def heard(self, scope: Scope, surge: Surge, sensitivity: float) -> Paged | None:
        """The surge from the finding on that pages when reposts and loud authors count once, as they do live; None where none does."""
        surging = [number for number, one in enumerate(surge.findings) if one.surging][:MOST_FINDINGS]
        for number in surging:
            first = self._in_voices(scope, surge.findings[number], sensitivity)
            if first is not None:
                peak = first if surge.findings[number] is surge.peak else self._in_voices(scope, surge.peak, 1.0)
                return Paged(scope, replace(surge, findings=surge.findings[number:]), peak or first)
        return None

    def _in_voices(self, scope: Scope, seen: Finding, sensitivity: float) -> Finding | None:
        watch = self.watch
        if watch.measure in OF_SOURCES:
            return seen
        rows = self._voices(scope, seen.since, seen.until)
        loud = loudness((one.fingerprint, one.author) for one in rows)
        if loud.effective == loud.raw < MOST_VOICES:  # nobody repeats anything, so the week before need not be read
            return seen
        before = self._voices(scope, seen.since - BEFORE, seen.since)
        counts = counts_voices(watch.measure, watch.options)
        found = hear(seen, rows, before, counts=counts, sensitivity=sensitivity, least=watch.config.least, most=MOST_VOICES)
        return found.finding if found.pages else None

    def _voices(self, scope: Scope, since: datetime, until: datetime) -> Sequence[Said]:
        return voices(self._connection, self._workspace_id, scope, self.watch.measure, since, until, live=False)

    def shared(self, one: Cause, other: Cause, seen: Finding) -> float:
        """How much of the excess of `other`, a series of this rule, is feedback that `one` counts as well."""

        def count(both: dict[str, str], stretch: tuple[datetime, datetime]) -> int:
            return measured(totals(self._connection, self._workspace_id, *stretch, scope=filters_scope(both))[""], self.watch.measure)

        return shared_excess(one.filters, other.filters, (seen.since, seen.until), count)


@dataclass(frozen=True, slots=True)
class Party:
    """A rule with its surges. `told`: who hears of it; `sensitivity`: the p-value in force."""

    history: History
    told: frozenset[str]
    sensitivity: float
    surges: Sequence[tuple[Scope, Surge]]


def outcome(mine: Party, rivals: Sequence[Party]) -> Outcome:
    """Which surges of a rule would have paged, beside rules that watch the same feedback."""
    heard = _heard(mine)
    times = [(one.surge.started_at, one.surge.ended_at + LULL) for one in heard]
    beside = [_only_within(rival, times) for rival in rivals]
    every = [(mine, one) for one in heard] + [(rival, one) for rival in beside for one in _heard(rival)]
    standing = _one_each(every)
    pages = [one for one in heard if id(one) in standing]
    return Outcome(pages, len(mine.surges) - len(heard), len(heard) - len(pages))


def rivals_of(
    connection: Connection, services: Services, workspace_id: str, rule_id: str | None, stretch: tuple[datetime, datetime]
) -> list[Party]:
    """The other enabled rules of a workspace over the same stretch; those that cannot be replayed in one call are left out."""
    parties = []
    for rule in list_rules(connection, workspace_id):
        if rule.enabled and rule.id != rule_id and rule.measure not in OF_SOURCES:
            try:
                history = History(connection, workspace_id, check_rule(connection, services, workspace_id, fields_of(rule)))
                whole = history.stretch(*stretch)
                replayed = whole and history.replay(*whole)
            except PermanentError:  # its brand is gone, say, or it has too many series
                continue
            if replayed:
                scopes, replay = replayed
                surges = [(scopes[lane], surge) for lane, surge in replay.surges(rule.sensitivity)]
                parties.append(Party(history, frozenset(rule.channels), rule.sensitivity, surges))
    return parties


def _heard(party: Party) -> list[Paged]:
    read, others = party.surges[:MOST_HEARD], party.surges[MOST_HEARD:]
    heard = [party.history.heard(*one, party.sensitivity) for one in read]
    return [one for one in heard if one is not None] + [Paged(scope, surge, surge.peak) for scope, surge in others]


def _only_within(party: Party, times: Sequence[tuple[datetime, datetime]]) -> Party:
    """What could stand for a surge of these times."""
    near = [one for one in party.surges if any(since <= one[1].ended_at + LULL and one[1].started_at <= until for since, until in times)]
    return replace(party, surges=near)


def _one_each(every: Sequence[tuple[Party, Paged]]) -> set[int]:
    """The ids of the surges that no other stands for, judged in the order in which they would have been noticed."""
    standing: list[tuple[Party, Paged]] = []
    ordered = sorted(every, key=lambda one: one[1].surge.findings[0].until)
    for moment, new in groupby(ordered, key=lambda one: one[1].surge.findings[0].until):
        opening = list(new)
        going_on = [one for one in standing if one[1].surge.ended_at + LULL > moment]
        causes = [_cause(*one, is_open=False) for one in opening] + [_cause(*one, is_open=True) for one in going_on]
        by_cause = {id(cause): one for cause, one in zip(causes, opening, strict=False)}

        def shared(one: Cause, other: Cause, by_cause: Mapping[int, tuple[Party, Paged]] = by_cause) -> float:
            if id(other) not in by_cause:
                return 0.0
            party, paged = by_cause[id(other)]
            return party.history.shared(one, other, paged.surge.findings[0])

        stood_for = stand_ins(causes, shared)
        standing += [one for number, one in enumerate(opening) if number not in stood_for]
    return {id(paged) for _, paged in standing}


def _cause(party: Party, paged: Paged, *, is_open: bool) -> Cause:
    first = paged.surge.findings[0]
    return Cause(scope_filters(paged.scope), first.observed, first.expected, party.told, is_open)
