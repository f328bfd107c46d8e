"""What the sources of a rule on their shape look like now: reads counts, asks insights, changes nothing."""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import numpy as np
from sqlalchemy import Connection

from core.times import BUCKET, HOUR, floor_to
from insights.arithmetic import arithmetic
from insights.budget import discoveries
from insights.replays import ANYTHING
from insights.rules import config_of, is_on, is_watched, seasons_of
from insights.severity import of_source
from insights.shape import Change, ShapeDetector
from insights.summary import describe_change, summarize
from insights.voices import loudness
from store.alerts import ended_by_hand, open_alerts
from store.model_changes import comparable_since
from store.records import AlertFigures, Rule, Scope, Shape
from store.rollups import sums
from store.scope import scope_key
from store.shapes import hourly_shapes
from store.voices import voices
from store.workspaces import get_workspace
from workers.memory import LOOKS_BACK_EVERY, Memory, ShapePast
from workers.reasons import texts_to_read, threshold_of
from workers.sight import HISTORY, SETTLED, Sight

NOTHING = Shape()


class ShapeEye:
    """Looks at the sources of one rule at one moment."""

    def __init__(self, connection: Connection, rule: Rule, now: datetime, memory: Memory) -> None:
        self._connection, self._rule, self._now, self._memory = connection, rule, now, memory
        workspace = get_workspace(connection, rule.workspace_id)
        # Whatever might page is let through: of sources that change together `discoveries` takes more than of one.
        self._config = config_of(rule.measure, rule.options, HOUR, sensitivity=ANYTHING, least=rule.least)
        self._seasons = seasons_of(rule.options, workspace)
        self._until = floor_to(now, BUCKET) + BUCKET
        self._settled = floor_to(self._until - SETTLED, HOUR)

    def look(self) -> Iterator[Sight]:
        """Every source that changed, and those with an unresolved alert."""
        rule = self._rule
        alerts = {alert.scope.source: alert for alert in open_alerts(self._connection, rule.workspace_id, rule.id)}
        lately = self._shapes(self._settled, self._until)
        watched = sorted({source for source in {*lately, *alerts} if source is not None and self._is_watched(source)})
        past = self._past(watched)
        changes = [past.detectors[source].look(self._hours(lately.get(source, {})), self._until) for source in watched]
        p_values = np.array([one.finding.p_value if one.finding.surging else 1.0 for one in changes])
        count = rule.calibration.series if rule.calibration else len(watched)
        paging = discoveries(p_values, rule.sensitivity, count).tolist()
        may_open = is_on(rule.options.schedule, self._now, self._seasons)
        for source, change, pages in zip(watched, changes, paging, strict=True):
            alert, seen = alerts.get(source), change.finding
            opens = seen.surging and bool(pages) and may_open
            if alert is not None or opens:
                figures = self._figures(source, change, past) if seen.surging or seen.elevated else None
                started_at = change.began_at if alert is None else alert.started_at
                yield Sight(Scope(source=source), alert, replace(seen, surging=opens), started_at, figures)

    def _is_watched(self, source: str) -> bool:
        fixed = self._rule.scope.source
        return source == fixed if fixed is not None else is_watched(self._rule.options, self._rule.split_by, (source,))

    def _shapes(self, since: datetime, until: datetime, source: str | None = None) -> dict[str, dict[datetime, Shape]]:
        one = self._rule.scope.source if source is None else source
        return hourly_shapes(self._connection, self._rule.workspace_id, since, until, source=one)

    def _hours(self, found: Mapping[datetime, Shape]) -> list[tuple[datetime, Shape]]:
        """What came since that which does not change any more, an hour at a time; the last one goes on."""
        return _every_hour(found, self._settled, self._until)

    # --- the past ----------------------------------------------------------------------------------------------------

    def _past(self, sources: list[str]) -> ShapePast:
        """The past of the rule, learned up to where it does not change any more, with a detector for each of these sources."""
        model = comparable_since(self._connection, self._rule.workspace_id)
        of = (replace(self._rule, calibration=None, looked_at=None, channels=(), sensitivity=0.0), self._seasons, model)
        past = self._memory.shapes.get(self._rule.id)
        if past is None or past.of != of or past.frontier > self._settled or self._is_another(past):
            begin = self._settled - HISTORY
            begin = begin if model is None else max(begin, floor_to(model, HOUR) + HOUR)
            past = self._memory.shapes[self._rule.id] = ShapePast(of, begin, self._settled, self._now)
            past.learned = self._rows(past)
        if past.frontier < self._settled:
            self._go_on(past)
        began = self._beginnings(sources, past)
        for source in sources:
            if past.began.get(source) != began[source]:
                past.detectors[source] = self._taught(source, began[source])
                past.began[source] = began[source]
        return past

    def _go_on(self, past: ShapePast) -> None:
        newer = self._shapes(past.frontier, self._settled)
        for source, detector in past.detectors.items():
            for start, shape in _every_hour(newer.get(source, {}), past.frontier, self._settled):
                detector.learn(start, shape)
        past.frontier = self._settled
        past.learned = self._rows(past)

    def _beginnings(self, sources: list[str], past: ShapePast) -> dict[str, datetime]:
        """When each past begins: what somebody resolved by hand is usual from then on, and pages no more."""
        ended = ended_by_hand(self._connection, self._rule)
        by_hand = {source: ended.get(scope_key(Scope(source=source))) for source in sources}
        return {one: past.begin if at is None else max(past.begin, floor_to(at, HOUR) + HOUR) for one, at in by_hand.items()}

    def _taught(self, source: str, begin: datetime) -> ShapeDetector:
        detector = ShapeDetector(self._config, self._seasons)
        for start, shape in _every_hour(self._shapes(begin, self._settled, source).get(source, {}), begin, self._settled):
            detector.learn(start, shape)
        return detector

    def _is_another(self, past: ShapePast) -> bool:
        """Whether the past became another one: rows were erased, say."""
        if self._now - past.checked_at < LOOKS_BACK_EVERY:
            return False
        past.checked_at = self._now
        return past.learned != self._rows(past)

    def _rows(self, past: ShapePast) -> dict[tuple[str, ...], int]:
        rule = self._rule
        return sums(self._connection, rule.workspace_id, rule.scope, ("source",), rule.measure, (past.begin, past.frontier))

    # --- what is found -----------------------------------------------------------------------------------------------

    def _figures(self, source: str, change: Change, past: ShapePast) -> AlertFigures:
        seen, scope = change.finding, Scope(source=source)
        text = summarize(seen, measure=self._rule.measure, scope=scope, started_at=change.began_at)
        return AlertFigures(
            severity=of_source(seen.observed),
            window_minutes=seen.windows * 60,
            observed=seen.observed,
            expected=seen.expected,
            interval=seen.interval,
            p_value=seen.p_value,
            top_topics=(),
            summary=f"{text} {describe_change(change.face.name, change.parts)}" if change.parts else text,
            why=self._why(scope, change, past) if seen.surging else {},
        )

    def _why(self, scope: Scope, change: Change, past: ShapePast) -> dict[str, Any]:
        """The arithmetic, and what stands where the usual stood."""
        seen, workspace = change.finding, self._rule.workspace_id
        rows = voices(self._connection, workspace, scope, "volume", seen.since, min(seen.until, self._until), live=True)
        loud = loudness((one.fingerprint, one.author) for one in rows)
        figures = arithmetic(seen, change.face.strays, (past.began[scope.source or ""], past.frontier))
        figures["observed"] |= {"effective": loud.effective, "authors": loud.authors}
        figures["threshold"] = threshold_of(self._rule)
        figures["contributions"] = [
            {
                "dimension": change.face.name,
                "value": part.value,
                "observed": part.observed,
                "usual": part.usual,
                "explains": min(1.0, max(0.0, part.observed - part.usual) / max(seen.observed, 1)),
            }
            for part in change.parts
        ]
        figures["texts"] = texts_to_read(self._connection, workspace, rows)
        return figures


def look_at_shapes(
    connection: Connection, rule: Rule, now: datetime, topic_names: Mapping[str, str], memory: Memory | None = None
) -> Iterator[Sight]:
    """Every source of a rule that may change something, at one moment; as `workers.sight.look` for other measures."""
    yield from ShapeEye(connection, rule, now, memory or Memory()).look()


def _every_hour(found: Mapping[datetime, Shape], since: datetime, until: datetime) -> list[tuple[datetime, Shape]]:
    hours = -(-(until - since) // HOUR)
    return [(since + number * HOUR, found.get(since + number * HOUR, NOTHING)) for number in range(hours)]
