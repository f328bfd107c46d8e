"""Groups of alerts that channels hear of as one, and what each channel knows: all that escalation has to remember over a restart."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, func, select, update

from store.alerts import to_alert
from store.dialect import AnyRow, insert_into, row_id, upsert
from store.records import Alert, AlertGroup, Heard, Transition
from store.tables import alert_group_channels, alert_group_members, alert_groups, alert_transitions, alerts
from store.transitions import to_transition

groups, members, listeners = alert_groups, alert_group_members, alert_group_channels


def workspaces_to_tell(connection: Connection) -> list[str]:
    """Ids of the workspaces that have an unresolved alert, or one whose end was not told."""
    open_groups = select(groups.c.workspace_id).where(groups.c.closed_at.is_(None))
    unresolved = select(alerts.c.workspace_id).where(alerts.c.state != "resolved")
    return [str(one) for one in connection.scalars(open_groups.union(unresolved).order_by("workspace_id"))]


def ungrouped_alerts(connection: Connection, workspace_id: str) -> list[Alert]:
    """Unresolved alerts that belong to no group that is open, oldest first."""
    inside = select(members.c.alert_id).join(groups, groups.c.id == members.c.group_id)
    inside = inside.where(members.c.alert_id == alerts.c.id, groups.c.closed_at.is_(None))
    mine = alerts.c.workspace_id == row_id(workspace_id, "workspace")
    query = select(alerts).where(mine, alerts.c.state != "resolved", ~inside.exists()).order_by(alerts.c.id)
    return [to_alert(row) for row in connection.execute(query)]


def join_group(connection: Connection, alert: Alert, *, key: str, policy: str | None, now: datetime) -> None:
    """Put an alert into the open group of this key, which is made if there is none. What was told of the alert before is not told again."""
    told = connection.scalar(select(func.max(members.c.told)).where(members.c.alert_id == int(alert.id))) or 0
    group = {
        "workspace_id": int(alert.workspace_id),
        "policy_id": None if policy is None else int(policy),
        "key": key,
        "lead_id": int(alert.id),
        "event": "alert.reopened" if told else "alert.opened",
        "opened_at": now,
        "step": 0,
    }
    connection.execute(insert_into(connection, groups).values(group).on_conflict_do_nothing())
    mine = (groups.c.workspace_id == int(alert.workspace_id)) & (groups.c.key == key) & groups.c.closed_at.is_(None)
    group_id = connection.scalars(select(groups.c.id).where(mine)).one()
    member = {"workspace_id": int(alert.workspace_id), "group_id": group_id, "alert_id": int(alert.id), "told": told}
    connection.execute(insert_into(connection, members).values(member).on_conflict_do_nothing())


def open_groups(connection: Connection, workspace_id: str) -> list[AlertGroup]:
    """Groups that have an unresolved alert, or whose end was not told; oldest first."""
    mine = (groups.c.workspace_id == row_id(workspace_id, "workspace")) & groups.c.closed_at.is_(None)
    return [_to_group(row) for row in connection.execute(select(groups).where(mine).order_by(groups.c.id))]


def companions(connection: Connection, workspace_id: str, alert_id: str) -> list[str]:
    """Ids of the other unresolved alerts that channels hear of together with this one, oldest first."""
    mine = members.alias()
    query = select(alerts.c.id).join(members, members.c.alert_id == alerts.c.id).join(groups, groups.c.id == members.c.group_id)
    query = query.join(mine, mine.c.group_id == members.c.group_id).where(mine.c.alert_id == row_id(alert_id, "alert"))
    query = query.where(groups.c.workspace_id == row_id(workspace_id, "workspace"), groups.c.closed_at.is_(None))
    query = query.where(alerts.c.id != mine.c.alert_id, alerts.c.state != "resolved")
    return [str(one) for one in connection.scalars(query.order_by(alerts.c.id))]


def alerts_of_groups(connection: Connection, group_ids: Sequence[str]) -> Mapping[str, list[tuple[Alert, list[Transition]]]]:
    """Group -> its alerts, each with the changes that were not told yet."""
    ids = [int(one) for one in group_ids]
    untold = select(members.c.group_id, *(column.label(f"step_{column.name}") for column in alert_transitions.c))
    untold = untold.join(members, (members.c.alert_id == alert_transitions.c.alert_id) & (alert_transitions.c.id > members.c.told))
    pending: dict[tuple[int, str], list[Transition]] = {}
    for row in connection.execute(untold.where(members.c.group_id.in_(ids)).order_by(alert_transitions.c.id)):
        step = to_transition(row, "step_")
        pending.setdefault((row.group_id, step.alert_id), []).append(step)
    query = select(members.c.group_id, alerts).join(members, members.c.alert_id == alerts.c.id)
    found: dict[str, list[tuple[Alert, list[Transition]]]] = {}
    for row in connection.execute(query.where(members.c.group_id.in_(ids)).order_by(alerts.c.id)):
        alert = to_alert(row)
        found.setdefault(str(row.group_id), []).append((alert, pending.get((row.group_id, alert.id), [])))
    return found


def listeners_of_groups(connection: Connection, group_ids: Sequence[str]) -> Mapping[str, list[Heard]]:
    """Group -> what its channels know."""
    query = select(listeners).where(listeners.c.group_id.in_([int(one) for one in group_ids])).order_by(listeners.c.channel_id)
    found: dict[str, list[Heard]] = {}
    for row in connection.execute(query):
        found.setdefault(str(row.group_id), []).append(Heard(str(row.channel_id), row.heard_at, row.waits_until))
    return found


def save_group(connection: Connection, group: AlertGroup) -> None:
    """Keep how far telling a group has come."""
    values = {name: getattr(group, name) for name in ("step", "step_due_at", "told_at", "closed_at", "news_at")}
    connection.execute(update(groups).where(groups.c.id == int(group.id)).values(values))


def mark_told(connection: Connection, group: AlertGroup, told: Mapping[str, str]) -> None:
    """`told`: alert -> its last change that was told, or needs not be told any more."""
    for alert_id, step_id in told.items():
        mine = (members.c.group_id == int(group.id)) & (members.c.alert_id == int(alert_id))
        connection.execute(update(members).where(mine).values(told=int(step_id)))


def mark_heard(connection: Connection, group: AlertGroup, channel_ids: Sequence[str], now: datetime) -> None:
    """These channels were told; nothing waits for them any more."""
    rows = [_listener(group, one) | {"heard_at": now, "waits_until": None} for one in channel_ids]
    upsert(connection, listeners, rows, key=("group_id", "channel_id"))


def mark_waiting(connection: Connection, group: AlertGroup, waits: Mapping[str, datetime | None]) -> None:
    """Until when a page waits for each channel; None = none does."""
    for channel_id, until in waits.items():
        upsert(connection, listeners, [_listener(group, channel_id) | {"waits_until": until}], key=("group_id", "channel_id"))


def _listener(group: AlertGroup, channel_id: str) -> dict[str, Any]:
    return {"group_id": int(group.id), "channel_id": int(channel_id), "workspace_id": int(group.workspace_id)}


def _to_group(row: AnyRow) -> AlertGroup:
    return AlertGroup(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        policy=None if row.policy_id is None else str(row.policy_id),
        lead=str(row.lead_id),
        event=row.event,
        opened_at=row.opened_at,
        step=row.step,
        step_due_at=row.step_due_at,
        told_at=row.told_at,
        closed_at=row.closed_at,
        news_at=row.news_at,
    )
