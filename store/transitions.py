"""Transitions of alerts: every change with who, when and why, numbered in the order in which a workspace's changes are committed."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, insert, select

from store.dialect import AnyRow, row_id
from store.locks import lock_workspace
from store.records import AlertEvent, AlertState, Transition
from store.tables import alert_transitions

DETECTOR = "detector"
"""The actor of what nobody did by hand."""
RULE = "rule"
"""The actor of what follows from a change of a rule."""
CLOCK = "clock"
"""The actor of what came with time: the end of a snooze."""


@dataclass(frozen=True, slots=True)
class Step:
    """What is about to be noted. `by`: the name that the caller gave, `actor`: who it was beyond doubt (a key, the detector)."""

    event: AlertEvent
    before: AlertState | None
    after: AlertState
    actor: str
    reason: str
    by: str | None = None


def take_turn(connection: Connection, workspace_id: str) -> None:
    """Wait until nobody else changes alerts of this workspace, and be the one who does until this transaction ends.

    So there is one lock to take and no order to get wrong, and the number of a transition says when it was committed: whoever has read up
    to a number has missed nothing below it.
    """
    lock_workspace(connection, row_id(workspace_id, "workspace"))


def note(connection: Connection, alert: AnyRow, step: Step, now: datetime) -> None:
    """Keep one change of an alert; call it in the transaction that makes it."""
    values = {
        "workspace_id": alert.workspace_id,
        "alert_id": alert.id,
        "at": now,
        "event": step.event,
        "from_state": step.before,
        "to_state": step.after,
        "actor": step.actor,
        "by": step.by,
        "reason": step.reason,
    }
    connection.execute(insert(alert_transitions), values)


def transitions_of(connection: Connection, alert_id: str) -> list[Transition]:
    """What became of an alert, oldest first; the caller has checked whose it is."""
    query = select(alert_transitions).where(alert_transitions.c.alert_id == row_id(alert_id, "alert")).order_by(alert_transitions.c.id)
    return [to_transition(row) for row in connection.execute(query)]


def to_transition(row: AnyRow, prefix: str = "") -> Transition:
    """From columns that bear the names of the table, after `prefix`."""
    values = row._mapping
    names = ("at", "event", "from_state", "to_state", "actor", "by", "reason")
    return Transition(str(values[f"{prefix}id"]), str(values[f"{prefix}alert_id"]), *(values[prefix + name] for name in names))


VALID: Mapping[AlertState, tuple[str, ...]] = {
    "open": ("acknowledge", "snooze", "resolve"),
    "acknowledged": ("unacknowledge", "snooze", "resolve"),
    "snoozed": ("acknowledge", "unacknowledge", "snooze", "resolve"),
    "resolved": (),
}
"""What a hand may do with an alert in each state. Asking again for what is so already changes nothing and is no mistake."""
