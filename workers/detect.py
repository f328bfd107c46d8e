"""Open, extend and resolve alerts by what the series of the rules look like now, each change with its deliveries in one transaction."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby

from sqlalchemy import Connection

from core.errors import PermanentError
from core.logs import get_logger
from store.alerts import end_alert, extend_alert, lock_alert, open_alert, reopen_alert
from store.database import Database
from store.records import SEVERITIES, Alert, AlertFigures, BrandCounts, Measure, Rule
from store.rules import enabled_rules, note_look
from store.scope import scope_key
from store.transitions import take_turn
from workers import calibrate
from workers.inhibit import Found, choose
from workers.memory import Memory
from workers.notify import tell
from workers.shapes import look_at_shapes
from workers.sight import Sight, brands_of, look

log = get_logger(__name__)
QUIET = timedelta(hours=1)
"""A surge that was ordinary for so long is over: one that comes in bursts pages once. A backtest waits as long."""
STEP = timedelta(minutes=5)
LATE = timedelta(minutes=15)
"""Looks come every half a minute; when none came for so long, some were lost."""
LOOKS_BACK = timedelta(hours=24)
REOPENS_WITHIN = timedelta(hours=2)
"""A surge that comes back so soon after its end is the same one: its alert opens again, instead of a new one that nobody can follow."""


@dataclass(frozen=True, slots=True)
class Detected:
    """Changes made."""

    opened: int = 0
    reopened: int = 0
    extended: int = 0
    resolved: int = 0


def run(database: Database, *, now: datetime, topic_names: Mapping[str, str], memory: Memory | None = None) -> Detected:
    """Judge every enabled rule of every workspace. `topic_names`: id -> what a summary calls it. `memory`: of this process.

    Two processes may do it at once, or one twice: each change is made, and told, once. Raises TransientError when the database is away.
    """
    with database.read() as connection:
        rules = enabled_rules(connection)
    memory = memory or Memory()
    memory.forget_others([rule.id for rule in rules])
    changes: list[str] = []
    for _, some in groupby(rules, key=lambda rule: rule.workspace_id):
        changes += detect(database, list(some), now, topic_names, memory)
    made = {name: changes.count(name) for name in ("opened", "reopened", "extended", "resolved")}
    return Detected(**made)


def detect(database: Database, rules: Sequence[Rule], now: datetime, topic_names: Mapping[str, str], memory: Memory) -> list[str]:
    """Judge the rules of one workspace and make the changes that follow; what was changed."""
    sharing = sum(rule.options.budget_from == "workspace" for rule in rules)
    found: list[Found] = []
    changes: list[str | None] = []
    looked: list[Rule] = []
    for rule in rules:
        try:
            judged = calibrate.run(database, rule, sharing, now) if calibrate.is_due(rule, now) else rule
            sights = _sights(database, judged, now, topic_names, memory)
        except PermanentError as error:  # its brand is gone, say: the other rules go on
            log.warning("detect.rule_failed", rule=rule.id, workspace=rule.workspace_id, reason=str(error))
            continue
        found += [Found(judged, sight) for sight in sights if sight.alert is None and sight.finding.surging]
        changes += [_save(database, judged, sight, now) for sight in sights if sight.alert is not None]
        looked.append(rule)
    with database.read() as connection:
        chosen = choose(connection, rules, found)
    changes += [_save(database, one.rule, one.sight, now) for one in chosen]
    # Only now: whoever dies before looks at the same moments again, and what was saved already is not saved twice.
    for rule in looked:
        _note(database, rule, now)
    return [change for change in changes if change is not None]


def missed(looked_at: datetime | None, now: datetime) -> list[datetime]:
    """Moments between the latest look and now that nobody looked at, oldest first: a surge that came and went meanwhile pages too."""
    if looked_at is None or not now - looked_at > LATE:
        return []
    first = max(looked_at, now - LOOKS_BACK)
    return [first + number * STEP for number in range(1, math.ceil((now - first) / STEP))]


def _sights(database: Database, rule: Rule, now: datetime, topic_names: Mapping[str, str], memory: Memory) -> list[Sight]:
    """What changes something now, and what surged at a moment that nobody looked at, each at its worst."""
    worst: dict[str, tuple[tuple[int, float], Sight]] = {}
    lately: dict[str, tuple[datetime, datetime]] = {}
    others: list[Sight] = []
    with database.read() as connection:
        brands = brands_of(connection, rule)
        for moment in [*missed(rule.looked_at, now), now]:
            began = {key: start for key, (start, seen_at) in lately.items() if moment - seen_at < QUIET}
            for sight in _see(connection, rule, moment, topic_names, memory, began, brands):
                if sight.alert is None and sight.finding.surging and sight.figures is not None:
                    key, rank = scope_key(sight.scope), _rank(rule.measure, sight.figures)
                    lately[key] = sight.started_at, moment
                    if key not in worst or rank > worst[key][0]:
                        worst[key] = rank, sight
                elif moment == now:
                    others.append(sight)
    unresolved = {scope_key(sight.scope) for sight in others if sight.alert is not None}
    return [*others, *(sight for key, (_, sight) in worst.items() if key not in unresolved)]


def _see(
    connection: Connection,
    rule: Rule,
    moment: datetime,
    topic_names: Mapping[str, str],
    memory: Memory,
    began: Mapping[str, datetime],
    brands: Mapping[str, BrandCounts],
) -> Iterator[Sight]:
    if rule.measure == "shape":
        return look_at_shapes(connection, rule, moment, topic_names, memory)
    return look(connection, rule, moment, topic_names, memory, began, brands)


def _note(database: Database, rule: Rule, now: datetime) -> None:
    """Remember how far was looked; a clock that was set back does not look at the same hours again."""
    if rule.looked_at is None or now - rule.looked_at >= STEP or rule.looked_at - now > LOOKS_BACK:
        with database.write() as connection:
            note_look(connection, rule, now)


def _save(database: Database, rule: Rule, sight: Sight, now: datetime) -> str | None:
    with database.write() as connection:
        change = _change(connection, rule, sight, now)
        if change is not None:
            tell(connection, rule.workspace_id, now)
        return change


def _change(connection: Connection, rule: Rule, sight: Sight, now: datetime) -> str | None:
    take_turn(connection, rule.workspace_id)
    if sight.alert is None:
        return None if sight.figures is None else _open(connection, rule, sight, sight.figures, now)
    alert = lock_alert(connection, sight.alert)  # another process may have changed it since we looked
    if alert.state == "resolved":
        return None
    if sight.figures is not None:
        return _extend(connection, rule, alert, sight.figures, now)
    if now - alert.last_seen_at < QUIET:
        return None
    ended = end_alert(connection, alert, reason="the surge is over", now=now)
    if ended is None:
        return None
    log.info("alert.resolved", alert=alert.id, rule=rule.id, workspace=rule.workspace_id)
    return "resolved"


def _open(connection: Connection, rule: Rule, sight: Sight, figures: AlertFigures, now: datetime) -> str | None:
    again = reopen_alert(connection, rule, sight.scope, figures, ended_after=now - REOPENS_WITHIN, seen_at=now, now=now)
    alert = again or open_alert(connection, rule, sight.scope, figures, started_at=sight.started_at, seen_at=now, now=now)
    if alert is None:
        return None
    change = "opened" if again is None else "reopened"
    log.info(f"alert.{change}", alert=alert.id, rule=rule.id, workspace=rule.workspace_id, severity=alert.severity, observed=alert.observed)
    return change


def _extend(connection: Connection, rule: Rule, alert: Alert, figures: AlertFigures, now: datetime) -> str | None:
    """An alert shows its surge at its worst; channels hear again only when it has become more severe."""
    louder = SEVERITIES.index(figures.severity) > SEVERITIES.index(alert.severity)
    worse = _rank(alert.measure, figures) > _rank(alert.measure, alert)
    extended = extend_alert(connection, alert, figures if worse else figures_of(alert), seen_at=now, now=now)
    if extended is None or not louder:
        return None
    log.info("alert.extended", alert=alert.id, rule=rule.id, workspace=rule.workspace_id, severity=extended.severity)
    return "extended"


def _rank(measure: Measure, shown: Alert | AlertFigures) -> tuple[int, float]:
    """How bad it is: by severity, then by what came; a silence by what did not."""
    return SEVERITIES.index(shown.severity), shown.expected - shown.observed if measure == "silence" else shown.observed


def figures_of(alert: Alert) -> AlertFigures:
    """What an alert shows at present."""
    return AlertFigures(
        severity=alert.severity,
        window_minutes=alert.window_minutes,
        observed=alert.observed,
        expected=alert.expected,
        interval=alert.interval,
        p_value=alert.p_value,
        top_topics=alert.top_topics,
        summary=alert.summary,
    )
