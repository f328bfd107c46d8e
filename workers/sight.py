"""What the series of a rule look like now: reads counts, asks insights, changes nothing."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
from sqlalchemy import Connection

from core.times import BUCKET, floor_to
from insights.budget import discoveries
from insights.onset import onset
from insights.replays import ANYTHING, watcher
from insights.rules import config_of, dense, is_on, is_watched, kept_width, seasons_of
from insights.seasons import Seasons
from insights.severity import severity
from insights.spikes import Finding, SpikeConfig, finding
from insights.summary import main_topics, summarize
from store.alerts import ended_by_hand, last_ended, open_alerts
from store.brands import counts_of_brands
from store.dimensions import filters_scope, scope_filters
from store.model_changes import comparable_since
from store.names import named
from store.records import Alert, AlertFigures, BrandCounts, Measure, Rule, Scope
from store.rollups import Sparse, first_seen, grid, live_totals, series, sums
from store.scope import scope_key
from store.workspaces import get_workspace
from workers.memory import LOOKS_BACK_EVERY, Key, Memory, Past, Watcher
from workers.reasons import Reasons, reasons

HISTORY = timedelta(days=28)
SETTLED = timedelta(hours=2)
"""Rows count as live up to two hours after they were written; what is older does not change any more, and can be learned."""
NEVER = datetime(9999, 1, 1, tzinfo=UTC)
"""A past that begins then is too short for ever."""
TALKS_WITHIN = timedelta(days=7)
"""A source that said nothing for longer is no longer missed."""
FEW = 8
"""Detectors of more series are taught side by side."""


@dataclass(frozen=True, slots=True)
class Sight:
    """One series as it looks now. `alert`: its unresolved one. `figures`: None while the series is ordinary."""

    scope: Scope
    alert: Alert | None
    finding: Finding
    started_at: datetime
    figures: AlertFigures | None


@dataclass(frozen=True, slots=True)
class Series:
    """One series of a rule in the windows of which the last ends with the bucket that holds the present.

    `live`: (what the measure counts, all) of each window, the present one last. `fresh`: what came before does not page, for it was paged
    for already, or a plain number would count what a brand's new query found; None = all may. `due`: of a silence that somebody resolved,
    when the source spoke again; what was missing before is forgiven.
    """

    key: Key
    scope: Scope
    alert: Alert | None
    live: tuple[tuple[int, int], ...]
    fresh: datetime | None
    due: datetime | None


class Eye:
    """Looks at one rule at one moment."""

    def __init__(
        self,
        connection: Connection,
        rule: Rule,
        now: datetime,
        names: Mapping[str, str],
        memory: Memory,
        began: Mapping[str, datetime],
        brands: Mapping[str, BrandCounts],
    ) -> None:
        self._connection, self._rule, self._now, self._memory, self._surges = connection, rule, now, memory, began
        self._workspace = get_workspace(connection, rule.workspace_id)
        window = timedelta(minutes=rule.window_minutes)
        # Whatever might page is let through, as in a replay: of series that surge together `discoveries` takes more than of one.
        self._config: SpikeConfig = config_of(rule.measure, rule.options, window, sensitivity=ANYTHING, least=rule.least)
        self._seasons: Seasons = seasons_of(rule.options, self._workspace)
        self._names = named(connection, rule.workspace_id, names, "en")
        self._width = kept_width(window)
        self._until = floor_to(now, BUCKET) + BUCKET
        self._start = self._until - self._width
        self._windows = self._config.windows(self._width)[-1]
        fixed = scope_filters(rule.scope)
        self._split = [name for name in dict.fromkeys(rule.split_by) if name not in fixed]
        self._brands = brands
        self._by_hand = ended_by_hand(connection, rule) if rule.measure == "silence" else {}
        # Of those, where nothing came since.
        self._resolved: dict[str, datetime] = {}

    def look(self) -> Iterator[Sight]:
        """Every series that may change something: those with enough live feedback, and those with an unresolved alert."""
        watched = self._series()
        past = self._past([one.key for one in watched])
        findings = [self._judge(past.watchers[one.key], one) for one in watched]
        p_values = np.array([one.p_value if one.surging else 1.0 for one in findings])
        count = self._rule.calibration.series if self._rule.calibration else len(watched)
        paging = discoveries(p_values, self._rule.sensitivity, count).tolist()
        may_open = is_on(self._rule.options.schedule, self._now, self._seasons)
        for one, seen, pages in zip(watched, findings, paging, strict=True):
            surging = seen.surging and (bool(pages) or self._config.threshold is not None)
            if surging or one.alert is not None:
                yield self._sight(one, replace(seen, surging=surging and may_open), past)

    def _series(self) -> list[Series]:
        rule, stretch = self._rule, (self._until - self._windows * self._width, self._until)
        alerts = {self._key(alert.scope): alert for alert in open_alerts(self._connection, rule.workspace_id, rule.id)}
        falls = rule.measure == "silence"
        live = grid(
            self._connection, rule.workspace_id, rule.scope, self._split, rule.measure, stretch, BUCKET, live=not falls
        )  # fmt: skip
        talking = self._talking() if falls else set[Key]()
        watched = []
        for key in sorted({*live, *alerts, *talking}):
            if key not in alerts and not is_watched(rule.options, self._split, key):
                continue
            alert, scope = alerts.get(key), self._scope(key)
            buckets = live.get(key, {})
            # Most series are small: one that cannot have enough for an alert is left alone.
            if alert is None and not falls and sum(own for own, _ in buckets.values()) < rule.least:
                continue
            fresh = self._fresh(scope, alert)
            summed = self._summed(buckets, stretch[0], None if falls else fresh)
            watched.append(Series(key, scope, alert, summed, fresh, self._due(scope)))
        return watched

    def _fresh(self, scope: Scope, alert: Alert | None) -> datetime | None:
        """Start of the first bucket that may page. A plain number knows no past, so what a brand's query found among rows that were there
        before it would surge; what is compared with a past is held back by that, see `_began`."""
        ended = last_ended(self._connection, self._rule, scope) if alert is None else None
        changed = None if self._config.threshold is None else brand_changed(self._brands, scope.brand)
        found = [floor_to(one, BUCKET) + BUCKET for one in (ended, changed) if one is not None]
        return max(found, default=None)

    def _due(self, scope: Scope) -> datetime | None:
        """Start of the first bucket with feedback after somebody resolved a silence: from then on it is due again."""
        key = scope_key(scope)
        if (resolved := self._by_hand.get(key)) is None:
            return None
        spoke = first_seen(self._connection, self._rule.workspace_id, scope, (floor_to(resolved, BUCKET) + BUCKET, self._until))
        if spoke is None:
            self._resolved[key] = resolved
        return spoke

    def _talking(self) -> set[Key]:
        """Which series said anything lately."""
        until = floor_to(self._until, timedelta(days=1))
        stretch = (until - TALKS_WITHIN, until)
        rule = self._rule
        return set(grid(self._connection, rule.workspace_id, rule.scope, self._split, rule.measure, stretch, timedelta(days=1)))

    def _summed(self, buckets: Sparse, since: datetime, fresh: datetime | None) -> tuple[tuple[int, int], ...]:
        sums = [(0, 0)] * self._windows
        for place, (own, total) in buckets.items():
            start = since + place * BUCKET
            if fresh is None or start >= fresh:
                number = (start - since) // self._width
                sums[number] = (sums[number][0] + own, sums[number][1] + total)
        return tuple(sums)

    def _judge(self, detector: Watcher, one: Series) -> Finding:
        shares = self._rule.measure == "share"
        counts: list[Any] = [(float(own), float(total)) if shares else float(own) for own, total in one.live]
        whole = len(counts) if one.due is None else min((self._until - one.due) // self._width, len(counts))
        lately = counts[len(counts) - max(whole, 1) : -1]
        seen = finding(self._start, self._width, self._config, detector.look(self._start, counts[-1], lately))
        # Until the shortest span has passed since it was due again, nothing can be missing from it.
        is_due = one.due is None or whole >= self._config.windows(self._width)[0]
        return seen if is_due else replace(seen, surging=False, elevated=False)

    # --- the past ----------------------------------------------------------------------------------------------------

    def _past(self, keys: Sequence[Key]) -> Past:
        """The past of the rule, learned up to where it does not change any more, with a detector for each of these series."""
        target = self._until - self._width - (SETTLED + self._width - BUCKET) // self._width * self._width
        past = self._memory.past(self._rule.id)
        plain = replace(self._rule, calibration=None, looked_at=None, channels=(), sensitivity=0.0)
        of = (plain, self._seasons, self._model_since(), self._brands, self._resolved)
        if past is None or past.of != of or past.frontier > target or self._is_another(past):
            begin = target - HISTORY // self._width * self._width
            past = Past(of, begin, target, self._now)
            self._memory.keep(self._rule.id, past)
        new = [key for key in keys if key not in past.watchers]
        steps = (target - past.frontier) // self._width
        if steps > 0 and past.watchers:
            counts = self._counts(past.frontier, steps, list(past.watchers))
            for key, windows in counts.items():
                self._teach(past, key, past.watchers[key], windows, steps)
        past.frontier += steps * self._width
        if new:
            self._build(past, new)
        return past

    def _is_another(self, past: Past) -> bool:
        if self._now - past.checked_at < LOOKS_BACK_EVERY or not past.learned:
            return False
        past.checked_at = self._now
        rule, stretch = self._rule, (past.begin, past.frontier)
        return past.differs(sums(self._connection, rule.workspace_id, rule.scope, self._split, rule.measure, stretch))

    def _build(self, past: Past, keys: Sequence[Key]) -> None:
        steps = (past.frontier - past.begin) // self._width
        counts = self._counts(past.begin, steps, keys)
        shares = self._rule.measure == "share"
        firsts = np.array([np.inf if (began := self._began(key)) is None else began.timestamp() for key in keys])
        detector: Any = watcher(self._width, self._config, self._seasons, firsts, shares=shares)
        if len(keys) > FEW:
            filled = dense([counts[key] for key in keys], steps, shares=shares)
            for number in range(steps):
                row = (filled[0][number], filled[1][number]) if isinstance(filled, tuple) else filled[number]
                detector.learn(past.begin + number * self._width, row)
        for lane, key in enumerate(keys):
            past.watchers[key], past.learned[key] = detector.alone(lane), 0.0
            if len(keys) > FEW:
                past.learned[key] = float(sum(own + total for own, total in counts[key].values()))
            else:
                self._teach(past, key, past.watchers[key], counts[key], steps, begin=past.begin)

    def _teach(self, past: Past, key: Key, detector: Any, windows: Sparse, steps: int, *, begin: datetime | None = None) -> None:
        for number in range(steps):
            own, total = windows.get(number, (0, 0))
            count = (float(own), float(total)) if self._rule.measure == "share" else float(own)
            detector.learn((begin or past.frontier) + number * self._width, count)
        past.learned[key] += float(sum(own + total for own, total in windows.values()))

    def _counts(self, since: datetime, steps: int, keys: Sequence[Key]) -> dict[Key, Sparse]:
        """All feedback, live or not, of these series in windows."""
        rule, until = self._rule, since + steps * self._width
        if len(keys) > FEW or rule.measure == "share":
            found = grid(self._connection, rule.workspace_id, rule.scope, self._split, rule.measure, (since, until), self._width)
            return {key: found.get(key, {}) for key in keys}
        counts = {}
        for key in keys:
            counted = grid(self._connection, rule.workspace_id, self._scope(key), (), rule.measure, (since, until), self._width)
            counts[key] = counted.get((), {})
        return counts

    def _began(self, key: Key) -> datetime | None:
        """When the history begins that the present can be compared with: a new model starts a new one, and so does a brand's new query.

        So does whoever resolves a silence by hand, as long as nothing comes: what came until then is due no more.
        """
        scope = self._scope(key)
        first = first_seen(self._connection, self._rule.workspace_id, scope)
        if first is None:
            return None
        model = self._model_since() if of_a_model(self._rule.measure, scope) else None
        resolved = self._resolved.get(scope_key(scope))
        return max(first, model or first, brand_since(self._brands, scope.brand) or first, resolved or first)

    def _model_since(self) -> datetime | None:
        return comparable_since(self._connection, self._rule.workspace_id)

    # --- what is found -----------------------------------------------------------------------------------------------

    def _sight(self, one: Series, seen: Finding, past: Past) -> Sight:
        if not seen.surging and not seen.elevated:
            return Sight(one.scope, one.alert, seen, seen.since, None)
        why = self._why(one, seen, past)
        if one.alert is None and not why.pages:
            return Sight(one.scope, one.alert, replace(seen, surging=False), seen.since, None)
        started_at = self._started(one, seen) if one.alert is None else one.alert.started_at
        return Sight(one.scope, one.alert, seen, started_at, self._figures(one, seen, started_at, why))

    def _started(self, one: Series, seen: Finding) -> datetime:
        if (known := self._surges.get(scope_key(one.scope))) is not None:
            return known
        if self._rule.measure == "silence":
            return seen.since
        counts = series(
            self._connection, self._rule.workspace_id, one.scope, self._rule.measure, seen.since, seen.until, BUCKET
        )  # fmt: skip
        began = onset(counts, seen.expected)
        return began if one.fresh is None else max(began, one.fresh)

    def _why(self, one: Series, seen: Finding, past: Past) -> Reasons:
        detector = past.watchers[one.key]
        return reasons(
            self._connection, self._rule, self._workspace, one.scope, seen, detector, (past.begin, past.frontier), one.fresh
        )  # fmt: skip

    def _figures(self, one: Series, seen: Finding, started_at: datetime, why: Reasons) -> AlertFigures:
        """What an alert shows of a finding."""
        measure = self._rule.measure
        stretch = (seen.since if one.fresh is None else max(seen.since, one.fresh), seen.until)
        by_topic = live_totals(self._connection, self._rule.workspace_id, one.scope, measure, stretch, by="topic")
        topics = main_topics({topic: count for topic, count in by_topic.items() if topic != one.scope.topic})
        return AlertFigures(
            severity=severity(why.voices),
            window_minutes=round(seen.windows * seen.width / timedelta(minutes=1)),
            observed=seen.observed,
            expected=seen.expected,
            interval=seen.interval,
            p_value=seen.p_value,
            top_topics=topics,
            summary=summarize(seen, measure=measure, scope=one.scope, started_at=started_at, topics=topics, names=self._names),
            why=why.figures,
        )

    # --- keys and scopes ---------------------------------------------------------------------------------------------

    def _key(self, scope: Scope) -> Key:
        filters = scope_filters(scope)
        return tuple(filters.get(name, "") for name in self._split)

    def _scope(self, key: Key) -> Scope:
        return filters_scope(scope_filters(self._rule.scope) | dict(zip(self._split, key, strict=True)))


def look(
    connection: Connection,
    rule: Rule,
    now: datetime,
    topic_names: Mapping[str, str],
    memory: Memory | None = None,
    began: Mapping[str, datetime] | None = None,
    brands: Mapping[str, BrandCounts] | None = None,
) -> Iterator[Sight]:
    """Every series of a rule that may change something, at one moment. `began`: key of a scope -> since when it is known to surge;
    `brands`: see `brands_of`, for whoever looks at many moments of one snapshot."""
    known = brands_of(connection, rule) if brands is None else brands
    yield from Eye(connection, rule, now, topic_names, memory or Memory(), began or {}, known).look()


def of_a_model(measure: Measure, scope: Scope) -> bool:
    """Whether another model would count this series otherwise."""
    return measure not in {"volume", "silence"} or scope.topic is not None or scope.language is not None


def brands_of(connection: Connection, rule: Rule) -> Mapping[str, BrandCounts]:
    """How far the brands that a rule watches are counted; of a rule that watches none, nothing."""
    fixed = rule.scope.brand
    if fixed is None and "brand" not in rule.split_by:
        return {}
    return counts_of_brands(connection, rule.workspace_id, fixed)


def brand_since(brands: Mapping[str, BrandCounts], brand: str | None) -> datetime | None:
    """From when on the counts of a brand are those of its query; None = all, or it is about none. Those of one that is gone go too."""
    if brand is None:
        return None
    return brands[brand].since if brand in brands else NEVER


def brand_changed(brands: Mapping[str, BrandCounts], brand: str | None) -> datetime | None:
    """When the query of a brand became what it is; None = not known, or about none. Of one that is gone nothing is ever new."""
    if brand is None:
        return None
    return brands[brand].changed_at if brand in brands else NEVER
