"""Alerts: one unresolved alert per rule and scope, from open to resolved; each change is kept with who, when and why."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Select, func, or_, select, update

from core.errors import Conflict, NotFound
from core.times import to_rfc3339
from store.dialect import AnyRow, UtcTime, insert_into, json_has, row_id
from store.paging import open_cursor, seal_cursor
from store.records import (
    ALERT_STATES,
    Alert,
    AlertEvent,
    AlertFigures,
    AlertPage,
    AlertQuery,
    AlertState,
    Rule,
    Scope,
    SimilarAlert,
    TopicShare,
    Transition,
)
from store.scope import scope_key, scope_values, to_scope
from store.tables import alert_transitions, alerts
from store.transitions import CLOCK, DETECTOR, RULE, VALID, Step, note, take_turn, to_transition, transitions_of

ANY_ALERT = AlertQuery()


def open_alert(
    connection: Connection, rule: Rule, scope: Scope, figures: AlertFigures, *, started_at: datetime, seen_at: datetime, now: datetime
) -> Alert | None:
    """Open an alert; None when one of this rule and scope is unresolved already: of two detectors one opens it."""
    take_turn(connection, rule.workspace_id)
    values = _seen(figures, seen_at) | {
        "workspace_id": int(rule.workspace_id),
        "rule_id": int(rule.id),
        "rule_name": rule.name,
        "state": "open",
        "started_at": started_at,
        "measure": rule.measure,
        "scope": scope_values(scope),
        "scope_key": scope_key(scope),
        "events": 0,
    }
    row = connection.execute(insert_into(connection, alerts).values(values).on_conflict_do_nothing().returning(alerts)).one_or_none()
    if row is None:
        return None
    note(connection, row, Step("opened", None, "open", DETECTOR, "a surge began"), now)
    return to_alert(row)


def reopen_alert(
    connection: Connection, rule: Rule, scope: Scope, figures: AlertFigures, *, ended_after: datetime, seen_at: datetime, now: datetime
) -> Alert | None:
    """Open the last alert of this rule and scope again, for its surge came back; None when there is none that ended after `ended_after`."""
    take_turn(connection, rule.workspace_id)
    last = select(func.max(alerts.c.id)).where(_series(rule, scope)).scalar_subquery()
    lately = (alerts.c.id == last) & (alerts.c.state == "resolved") & (alerts.c.ended_at > ended_after) & (alerts.c.measure == rule.measure)
    values = _seen(figures, seen_at) | {"state": "open", "ended_at": None}
    row = connection.execute(update(alerts).where(lately).values(values).returning(alerts)).one_or_none()
    if row is None:
        return None
    note(connection, row, Step("reopened", "resolved", "open", DETECTOR, "the surge came back"), now)
    return to_alert(row)


def extend_alert(connection: Connection, alert: Alert, figures: AlertFigures, *, seen_at: datetime, now: datetime) -> Alert | None:
    """Save what the surge looks like now; None when the alert was resolved meanwhile. Another severity is a change that is kept."""
    take_turn(connection, alert.workspace_id)
    statement = update(alerts).where(_is(alert), alerts.c.state != "resolved")
    row = connection.execute(statement.values(_seen(figures, seen_at)).returning(alerts)).one_or_none()
    if row is None:
        return None
    if row.severity != alert.severity:
        reason = f"severity went from {alert.severity} to {row.severity}"
        note(connection, row, Step("extended", row.state, row.state, DETECTOR, reason), now)
    return to_alert(row)


def end_alert(connection: Connection, alert: Alert, *, reason: str, now: datetime) -> Alert | None:
    """The surge is over; None when somebody resolved the alert before."""
    take_turn(connection, alert.workspace_id)
    if lock_alert(connection, alert).state == "resolved":
        return None
    return _move(connection, alert, "resolved", "resolved", actor=DETECTOR, reason=reason, now=now)


def acknowledge_alert(
    connection: Connection, workspace_id: str, alert_id: str, *, actor: str, now: datetime, by: str | None = None, reason: str | None = None
) -> Alert:
    """Somebody looks at it. Raises NotFound, Conflict when it is resolved; twice changes nothing."""
    alert = _for_hand(connection, workspace_id, alert_id, "acknowledge")
    if alert.state == "acknowledged":
        return alert
    return _move(connection, alert, "acknowledged", "acknowledged", actor=actor, by=by, reason=reason or "acknowledged by hand", now=now)


def unacknowledge_alert(
    connection: Connection, workspace_id: str, alert_id: str, *, actor: str, now: datetime, by: str | None = None, reason: str | None = None
) -> Alert:
    """Nobody looks at it any more, nor sleeps on it. Raises NotFound, Conflict when it is resolved; twice changes nothing."""
    alert = _for_hand(connection, workspace_id, alert_id, "unacknowledge")
    if alert.state == "open":
        return alert
    return _move(connection, alert, "open", "unacknowledged", actor=actor, by=by, reason=reason or "given back by hand", now=now)


def snooze_alert(
    connection: Connection,
    workspace_id: str,
    alert_id: str,
    *,
    until: datetime,
    actor: str,
    now: datetime,
    by: str | None = None,
    reason: str | None = None,
) -> Alert:
    """Let it sleep until a time. Raises NotFound, Conflict when it is resolved; until the same time twice changes nothing."""
    alert = _for_hand(connection, workspace_id, alert_id, "snooze")
    if alert.state == "snoozed" and alert.snoozed_until == until:
        return alert
    why = f"until {to_rfc3339(until)}: {reason or 'snoozed by hand'}"
    return _move(connection, alert, "snoozed", "snoozed", actor=actor, by=by, reason=why, until=until, now=now)


def resolve_alert(
    connection: Connection, workspace_id: str, alert_id: str, *, actor: str, now: datetime, by: str | None = None, reason: str | None = None
) -> Alert:
    """End it by hand. Raises NotFound; twice changes nothing."""
    alert = _for_hand(connection, workspace_id, alert_id, "resolve")
    if alert.state == "resolved":
        return alert
    return _move(connection, alert, "resolved", "resolved", actor=actor, by=by, reason=reason or "resolved by hand", now=now)


def wake_snoozed(connection: Connection, workspace_id: str, *, seen_after: datetime, now: datetime) -> list[Alert]:
    """End the snoozes that are over. An alert whose surge was not seen after `seen_after` sleeps on: it is about to end."""
    take_turn(connection, workspace_id)
    due = (alerts.c.state == "snoozed") & (alerts.c.snoozed_until <= now) & (alerts.c.last_seen_at > seen_after)
    query = select(alerts).where(due, alerts.c.workspace_id == row_id(workspace_id, "workspace"))
    asleep = [to_alert(row) for row in connection.execute(query.order_by(alerts.c.id).with_for_update())]
    return [_move(connection, one, "open", "woken", actor=CLOCK, reason="the snooze is over", now=now) for one in asleep]


def resolve_alerts_of_rule(connection: Connection, workspace_id: str, rule_id: str, *, reason: str, now: datetime) -> None:
    """End what a rule had opened, because it watches something else now, or nothing."""
    take_turn(connection, workspace_id)
    for alert in open_alerts(connection, workspace_id, rule_id):
        _move(connection, alert, "resolved", "resolved", actor=RULE, reason=reason, now=now)


def lock_alert(connection: Connection, alert: Alert) -> Alert:
    """The alert as it is now; nobody else changes it until this transaction ends. Raises NotFound."""
    return _locked(connection, alert.workspace_id, alert.id)


def open_alerts(connection: Connection, workspace_id: str, rule_id: str) -> list[Alert]:
    """The unresolved alerts of a rule, oldest first."""
    mine = (alerts.c.workspace_id == row_id(workspace_id, "workspace")) & (alerts.c.rule_id == row_id(rule_id, "rule"))
    query = select(alerts).where(mine, alerts.c.state != "resolved").order_by(alerts.c.id)
    return [to_alert(row) for row in connection.execute(query)]


def unresolved_alerts(connection: Connection, workspace_id: str) -> list[Alert]:
    """The unresolved alerts of all rules, oldest first."""
    mine = alerts.c.workspace_id == row_id(workspace_id, "workspace")
    query = select(alerts).where(mine, alerts.c.state != "resolved").order_by(alerts.c.id)
    return [to_alert(row) for row in connection.execute(query)]


def last_ended(connection: Connection, rule: Rule, scope: Scope) -> datetime | None:
    """When the last alert of this rule and scope ended: what was paged for once never pages again."""
    ended: datetime | None = connection.scalar(select(func.max(alerts.c.ended_at)).where(_series(rule, scope)))
    return ended


def ended_by_hand(connection: Connection, rule: Rule) -> dict[str, datetime]:
    """Key of a scope -> when somebody resolved an alert of this rule on it last."""
    mine = (alerts.c.workspace_id == int(rule.workspace_id)) & (alerts.c.rule_id == int(rule.id))
    by_hand = (alert_transitions.c.event == "resolved") & alert_transitions.c.actor.not_in((DETECTOR, RULE))
    query = select(alerts.c.scope_key, func.max(alert_transitions.c.at, type_=UtcTime)).join_from(alert_transitions, alerts)
    return {row[0]: row[1] for row in connection.execute(query.where(mine, by_hand).group_by(alerts.c.scope_key))}


def list_alerts(connection: Connection, workspace_id: str, asked: AlertQuery = ANY_ALERT, *, limit: int, cursor: str | None) -> AlertPage:
    """Newest first. Raises InvalidInput for a cursor that is not ours."""
    query = _asked(connection, select(alerts), workspace_id, asked)
    if cursor is not None:
        query = query.where(alerts.c.id < open_cursor(cursor, int)[0])
    found = [to_alert(row) for row in connection.execute(query.order_by(alerts.c.id.desc()).limit(limit + 1))]
    return AlertPage(tuple(found[:limit]), seal_cursor([int(found[limit - 1].id)]) if len(found) > limit else None)


def count_alerts(connection: Connection, workspace_id: str, asked: AlertQuery = ANY_ALERT) -> Mapping[AlertState, int]:
    """How many there are in each state, whatever state was asked for."""
    query = _asked(connection, select(alerts.c.state, func.count()), workspace_id, replace(asked, state=None)).group_by(alerts.c.state)
    counted: dict[AlertState, int] = {row[0]: row[1] for row in connection.execute(query)}
    return {state: counted.get(state, 0) for state in ALERT_STATES}


def get_alert(connection: Connection, workspace_id: str, alert_id: str) -> Alert:
    """Raises NotFound."""
    return to_alert(_row(connection, select(alerts), workspace_id, alert_id))


def similar_alerts(connection: Connection, alert: Alert, most: int = 5) -> list[SimilarAlert]:
    """Earlier ones of the same measure and scope, newest first, with who ended them and why."""
    mine = (alerts.c.workspace_id == int(alert.workspace_id)) & (alerts.c.id < int(alert.id))
    same = (alerts.c.measure == alert.measure) & (alerts.c.scope_key == scope_key(alert.scope))
    found = connection.execute(select(alerts).where(mine, same).order_by(alerts.c.id.desc()).limit(most)).all()
    ends = select(alert_transitions).where(alert_transitions.c.alert_id.in_([row.id for row in found]))
    ended = {row.alert_id: row for row in connection.execute(ends.order_by(alert_transitions.c.id)) if row.to_state == "resolved"}
    return [
        SimilarAlert(
            id=str(row.id),
            severity=row.severity,
            started_at=row.started_at,
            ended_at=row.ended_at,
            observed=row.observed,
            expected=row.expected,
            ended_by=ended[row.id].actor if row.id in ended and row.state == "resolved" else None,
            reason=ended[row.id].reason if row.id in ended and row.state == "resolved" else None,
        )
        for row in found
    ]


def why_of(connection: Connection, workspace_id: str, alert_id: str) -> dict[str, Any]:
    """The arithmetic of an alert as it was stored; empty for one that an older version opened. Raises NotFound."""
    return dict(_row(connection, select(alerts.c.why), workspace_id, alert_id).why)


def transitions(connection: Connection, workspace_id: str, alert_id: str) -> list[Transition]:
    """What became of an alert, oldest first. Raises NotFound."""
    alert = get_alert(connection, workspace_id, alert_id)
    return transitions_of(connection, alert.id)


def transitions_after(connection: Connection, seen: Mapping[str, int], *, limit: int) -> list[tuple[Transition, Alert]]:
    """What became of alerts since, in order, each with its alert as it is now. `seen`: workspace -> the last transition that was read."""
    newer = [(alert_transitions.c.workspace_id == row_id(one, "workspace")) & (alert_transitions.c.id > last) for one, last in seen.items()]
    if not newer:
        return []
    query = select(alerts, *(column.label(f"step_{column.name}") for column in alert_transitions.c))
    query = query.join(alert_transitions, alert_transitions.c.alert_id == alerts.c.id).where(or_(*newer))
    rows = connection.execute(query.order_by(alert_transitions.c.id).limit(limit)).all()
    return [(to_transition(row, "step_"), to_alert(row)) for row in rows]


def last_transition(connection: Connection, workspace_id: str) -> int:
    """The number of the latest change in a workspace; 0 where there was none."""
    mine = alert_transitions.c.workspace_id == row_id(workspace_id, "workspace")
    number: int = connection.scalar(select(func.max(alert_transitions.c.id)).where(mine)) or 0
    return number


def next_event(connection: Connection, alert: Alert) -> int:
    """The number of the next change that is told to channels; numbered in the transaction that makes the change."""
    row = connection.execute(update(alerts).where(_is(alert)).values(events=alerts.c.events + 1).returning(alerts.c.events)).one()
    number: int = row.events
    return number


def _seen(figures: AlertFigures, seen_at: datetime) -> dict[str, Any]:
    return {
        "severity": figures.severity,
        "last_seen_at": seen_at,
        "window_minutes": figures.window_minutes,
        "observed": figures.observed,
        "expected": figures.expected,
        "interval_low": figures.interval[0],
        "interval_high": figures.interval[1],
        "p_value": figures.p_value,
        "top_topics": [[share.topic, share.count] for share in figures.top_topics],
        "summary": figures.summary,
    } | ({"why": figures.why} if figures.why else {})


def _move(
    connection: Connection,
    alert: Alert,
    state: AlertState,
    event: AlertEvent,
    *,
    actor: str,
    reason: str,
    now: datetime,
    by: str | None = None,
    until: datetime | None = None,
) -> Alert:
    """Put a locked alert into another state, and keep that."""
    values: dict[str, Any] = {"state": state, "snoozed_until": until} | ({"ended_at": now} if state == "resolved" else {})
    row = connection.execute(update(alerts).where(_is(alert)).values(values).returning(alerts)).one()
    note(connection, row, Step(event, alert.state, state, actor, reason, by), now)
    return to_alert(row)


def _for_hand(connection: Connection, workspace_id: str, alert_id: str, verb: str) -> Alert:
    """The locked alert. Raises NotFound, and Conflict when `verb` is nothing that can be done with it as it is."""
    take_turn(connection, workspace_id)
    alert = _locked(connection, workspace_id, alert_id)
    if alert.state == "resolved" and verb != "resolve":
        there_are = ", ".join(f"{state}: {', '.join(verbs)}" for state, verbs in VALID.items() if verbs)
        raise Conflict(f"the alert is resolved, so there is nothing to {verb}: it opens again when its surge comes back ({there_are})")
    return alert


def _series(rule: Rule, scope: Scope) -> Any:
    mine = (alerts.c.workspace_id == int(rule.workspace_id)) & (alerts.c.rule_id == int(rule.id))
    return mine & (alerts.c.scope_key == scope_key(scope))


def _asked(connection: Connection, query: Select[Any], workspace_id: str, asked: AlertQuery) -> Select[Any]:
    query = query.where(alerts.c.workspace_id == row_id(workspace_id, "workspace"))
    wanted = {"state": asked.state, "severity": asked.severity, "rule_id": None if asked.rule is None else row_id(asked.rule, "rule")}
    for name, value in wanted.items():
        if value is not None:
            query = query.where(alerts.c[name] == value)
    if asked.brand is not None:
        query = query.where(json_has(connection, alerts.c.scope, "brand", asked.brand))
    if asked.since is not None:
        query = query.where(alerts.c.started_at >= asked.since)
    return query if asked.until is None else query.where(alerts.c.started_at < asked.until)


def _locked(connection: Connection, workspace_id: str, alert_id: str) -> Alert:
    return to_alert(_row(connection, select(alerts).with_for_update(), workspace_id, alert_id))


def _row(connection: Connection, query: Select[Any], workspace_id: str, alert_id: str) -> AnyRow:
    """What `query` selects of one alert. Raises NotFound."""
    mine = (alerts.c.workspace_id == row_id(workspace_id, "workspace")) & (alerts.c.id == row_id(alert_id, "alert"))
    row = connection.execute(query.where(mine)).one_or_none()
    if row is None:
        raise NotFound(f"no alert {alert_id[:40]!r} in this workspace")
    return row


def _is(alert: Alert) -> Any:
    return (alerts.c.workspace_id == int(alert.workspace_id)) & (alerts.c.id == int(alert.id))


def to_alert(row: AnyRow) -> Alert:
    return Alert(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        rule_id=str(row.rule_id),
        rule_name=row.rule_name,
        state=row.state,
        severity=row.severity,
        started_at=row.started_at,
        last_seen_at=row.last_seen_at,
        ended_at=row.ended_at,
        measure=row.measure,
        scope=to_scope(row.scope),
        window_minutes=row.window_minutes,
        observed=row.observed,
        expected=row.expected,
        interval=(row.interval_low, row.interval_high),
        p_value=row.p_value,
        top_topics=tuple(TopicShare(topic, count) for topic, count in row.top_topics),
        summary=row.summary,
        snoozed_until=row.snoozed_until,
        total=None if (total := row.why.get("observed", {}).get("total")) is None else round(total),
    )
