"""Alerts: one unresolved alert per rule and scope, and every change of state kept with who, when and why."""

from dataclasses import replace
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, insert, select, update

from core.errors import Conflict, NotFound
from store.dialect import AnyRow, insert_into, row_id
from store.paging import open_cursor, seal_cursor
from store.records import Alert, AlertFigures, AlertPage, AlertState, Rule, Scope, TopicShare, Transition
from store.scope import scope_key, scope_values, to_scope
from store.tables import alert_transitions, alerts

DETECTOR = "detector"
"""The actor of what nobody did by hand."""


def open_alert(
    connection: Connection, rule: Rule, scope: Scope, figures: AlertFigures, *, started_at: datetime, seen_at: datetime, now: datetime
) -> Alert | None:
    """Open an alert; None when one of this rule and scope is unresolved already: of two detectors one opens it."""
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
    _note(connection, row, None, "open", DETECTOR, "a surge began", now)
    return _to_alert(row)


def extend_alert(connection: Connection, alert: Alert, figures: AlertFigures, *, seen_at: datetime) -> Alert | None:
    """Save what the surge looks like now; None when the alert was resolved meanwhile."""
    statement = update(alerts).where(_is(alert), alerts.c.state != "resolved")
    row = connection.execute(statement.values(_seen(figures, seen_at)).returning(alerts)).one_or_none()
    return None if row is None else _to_alert(row)


def end_alert(connection: Connection, alert: Alert, *, reason: str, now: datetime) -> Alert | None:
    """The surge is over; None when somebody resolved the alert before."""
    return _resolve(connection, alert, actor=DETECTOR, reason=reason, now=now)


def acknowledge_alert(connection: Connection, workspace_id: str, alert_id: str, *, actor: str, now: datetime) -> Alert:
    """Somebody looks at it. Raises NotFound, Conflict when it is resolved; twice changes nothing."""
    alert = _locked(connection, workspace_id, alert_id)
    if alert.state == "resolved":
        raise Conflict("the alert is resolved; only an unresolved one can be acknowledged")
    if alert.state == "acknowledged":
        return alert
    row = connection.execute(update(alerts).where(_is(alert)).values(state="acknowledged").returning(alerts)).one()
    _note(connection, row, alert.state, "acknowledged", actor, "acknowledged by hand", now)
    return _to_alert(row)


def resolve_alert(connection: Connection, workspace_id: str, alert_id: str, *, actor: str, now: datetime) -> Alert:
    """End it by hand. Raises NotFound, Conflict when it is resolved already."""
    ended = _resolve(connection, _locked(connection, workspace_id, alert_id), actor=actor, reason="resolved by hand", now=now)
    if ended is None:
        raise Conflict("the alert is resolved already")
    return ended


def resolve_alerts_of_rule(connection: Connection, workspace_id: str, rule_id: str, *, reason: str, now: datetime) -> None:
    """End what a rule had opened, because it watches something else now, or nothing."""
    for alert in open_alerts(connection, workspace_id, rule_id):
        _resolve(connection, alert, actor="rule", reason=reason, now=now)


def lock_alert(connection: Connection, alert: Alert) -> Alert:
    """The alert as it is now; nobody else changes it until this transaction ends. Raises NotFound."""
    return _locked(connection, alert.workspace_id, alert.id)


def open_alerts(connection: Connection, workspace_id: str, rule_id: str) -> list[Alert]:
    """The unresolved alerts of a rule, oldest first."""
    mine = (alerts.c.workspace_id == row_id(workspace_id, "workspace")) & (alerts.c.rule_id == row_id(rule_id, "rule"))
    query = select(alerts).where(mine, alerts.c.state != "resolved").order_by(alerts.c.id)
    return [_to_alert(row) for row in connection.execute(query)]


def last_ended(connection: Connection, rule: Rule, scope: Scope) -> datetime | None:
    """When the last alert of this rule and scope ended: what was paged for once never pages again."""
    mine = (alerts.c.workspace_id == int(rule.workspace_id)) & (alerts.c.rule_id == int(rule.id)) & (alerts.c.scope_key == scope_key(scope))
    ended: datetime | None = connection.scalar(select(func.max(alerts.c.ended_at)).where(mine))
    return ended


def list_alerts(connection: Connection, workspace_id: str, *, state: AlertState | None, limit: int, cursor: str | None) -> AlertPage:
    """Newest first. Raises InvalidInput for a cursor that is not ours."""
    query = select(alerts).where(alerts.c.workspace_id == row_id(workspace_id, "workspace"))
    if state is not None:
        query = query.where(alerts.c.state == state)
    if cursor is not None:
        query = query.where(alerts.c.id < open_cursor(cursor, int)[0])
    found = [_to_alert(row) for row in connection.execute(query.order_by(alerts.c.id.desc()).limit(limit + 1))]
    return AlertPage(tuple(found[:limit]), seal_cursor([int(found[limit - 1].id)]) if len(found) > limit else None)


def get_alert(connection: Connection, workspace_id: str, alert_id: str) -> Alert:
    """Raises NotFound."""
    mine = (alerts.c.workspace_id == row_id(workspace_id, "workspace")) & (alerts.c.id == row_id(alert_id, "alert"))
    row = connection.execute(select(alerts).where(mine)).one_or_none()
    if row is None:
        raise NotFound(f"no alert {alert_id[:40]!r} in this workspace")
    return _to_alert(row)


def transitions(connection: Connection, workspace_id: str, alert_id: str) -> list[Transition]:
    """What became of an alert, oldest first. Raises NotFound."""
    alert = get_alert(connection, workspace_id, alert_id)
    query = select(alert_transitions).where(alert_transitions.c.alert_id == int(alert.id)).order_by(alert_transitions.c.id)
    return [Transition(row.at, row.from_state, row.to_state, row.actor, row.reason) for row in connection.execute(query)]


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
    }


def _resolve(connection: Connection, alert: Alert, *, actor: str, reason: str, now: datetime) -> Alert | None:
    statement = update(alerts).where(_is(alert), alerts.c.state != "resolved").values(state="resolved", ended_at=now)
    row = connection.execute(statement.returning(alerts)).one_or_none()
    if row is None:
        return None
    _note(connection, row, alert.state, "resolved", actor, reason, now)
    return replace(alert, state="resolved", ended_at=now)


def _locked(connection: Connection, workspace_id: str, alert_id: str) -> Alert:
    mine = (alerts.c.workspace_id == row_id(workspace_id, "workspace")) & (alerts.c.id == row_id(alert_id, "alert"))
    row = connection.execute(select(alerts).where(mine).with_for_update()).one_or_none()
    if row is None:
        raise NotFound(f"no alert {alert_id[:40]!r} in this workspace")
    return _to_alert(row)


def _is(alert: Alert) -> Any:
    return (alerts.c.workspace_id == int(alert.workspace_id)) & (alerts.c.id == int(alert.id))


def _note(
    connection: Connection, row: AnyRow, before: AlertState | None, after: AlertState, actor: str, reason: str, now: datetime
) -> None:
    step = {"at": now, "from_state": before, "to_state": after, "actor": actor, "reason": reason}
    connection.execute(insert(alert_transitions), {"workspace_id": row.workspace_id, "alert_id": row.id} | step)


def _to_alert(row: AnyRow) -> Alert:
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
    )
