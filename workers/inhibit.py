"""Which of the series that surge at once page: the narrowest cause, and nothing that rests on a source that is silent or changed."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from sqlalchemy import Connection

from insights.causes import Cause, shared_excess, stand_ins
from insights.rules import OF_SOURCES
from store.alerts import open_alerts
from store.dimensions import filters_scope, scope_filters
from store.records import Alert, Rule
from store.rollups import live_totals
from store.scope import scope_values
from workers.sight import Sight

RESTS_ON = 0.5
"""A spike of which this part comes from one source rests on it."""


@dataclass(frozen=True, slots=True)
class Found:
    """A series that would open an alert now."""

    rule: Rule
    sight: Sight


def choose(connection: Connection, rules: Sequence[Rule], found: Sequence[Found]) -> list[Found]:
    """The ones that open alerts; each bears the others that it stands for in its arithmetic. All of one workspace."""
    if not found:
        return []
    opened = [(rule, alert) for rule in rules for alert in open_alerts(connection, rule.workspace_id, rule.id)]
    troubled = {alert.scope.source for rule, alert in opened if rule.measure in OF_SOURCES}
    troubled |= {one.sight.scope.source for one in found if one.rule.measure in OF_SOURCES}
    rising = [one for one in found if one.rule.measure not in OF_SOURCES and not _rests_on(one.sight, troubled)]
    already = [(rule, alert) for rule, alert in opened if rule.measure not in OF_SOURCES]
    causes = [_cause(one.rule, one.sight) for one in rising] + [_open_cause(rule, alert) for rule, alert in already]
    by_cause = {id(cause): one for cause, one in zip(causes, rising, strict=False)}

    def shared(one: Cause, other: Cause) -> float:
        return _shared(connection, one, by_cause[id(other)]) if id(other) in by_cause else 0.0

    stands_for = stand_ins(causes, shared)
    of_sources = [one for one in found if one.rule.measure in OF_SOURCES]
    standing = [_with_others(one, number, rising, stands_for) for number, one in enumerate(rising) if number not in stands_for]
    return [*of_sources, *standing]


def _cause(rule: Rule, sight: Sight) -> Cause:
    seen = sight.finding
    return Cause(scope_filters(sight.scope), seen.observed, seen.expected, frozenset(rule.channels))


def _open_cause(rule: Rule, alert: Alert) -> Cause:
    return Cause(scope_filters(alert.scope), alert.observed, alert.expected, frozenset(rule.channels), is_open=True)


def _shared(connection: Connection, one: Cause, other: Found) -> float:
    seen, rule = other.sight.finding, other.rule

    def count(both: dict[str, str], stretch: tuple[datetime, datetime]) -> int:
        return live_totals(connection, rule.workspace_id, filters_scope(both), rule.measure, stretch)[""]

    return shared_excess(one.filters, scope_filters(other.sight.scope), (seen.since, seen.until), count)


def _with_others(one: Found, number: int, rising: Sequence[Found], stands_for: dict[int, int]) -> Found:
    others = [rising[other] for other, by in stands_for.items() if by == number and other < len(rising)]
    figures = one.sight.figures
    if not others or figures is None:
        return one
    named = [{"rule": other.rule.id, "measure": other.rule.measure, "scope": scope_values(other.sight.scope)} for other in others]
    return replace(one, sight=replace(one.sight, figures=replace(figures, why={**figures.why, "stands_for": named})))


def _rests_on(sight: Sight, troubled: set[str | None]) -> bool:
    sources = troubled - {None}
    if not sources or sight.figures is None:
        return False
    parts = [part for part in sight.figures.why.get("contributions", ()) if part["dimension"] == "source"]
    observed = max(sight.finding.observed, 1)
    return sight.scope.source in sources or any(part["value"] in sources and part["observed"] / observed >= RESTS_ON for part in parts)
