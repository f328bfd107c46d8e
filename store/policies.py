"""Escalation policies: whom to tell when nobody acknowledges, how alerts are grouped, and which are redundant beside others."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, NotFound
from store.dialect import AnyRow, row_id
from store.matchers import matcher_values, to_matchers
from store.records import Inhibition, Matcher, Policy, PolicyStep
from store.tables import inhibitions, policies


def save_policy(
    connection: Connection,
    workspace_id: str,
    policy_id: str | None,
    *,
    name: str,
    position: int,
    matchers: Sequence[Matcher],
    steps: Sequence[PolicyStep],
    repeat_minutes: int | None,
    group_by: Sequence[str] | None,
    group_wait_seconds: int,
    group_interval_minutes: int,
    now: datetime,
) -> Policy:
    """A new policy, or all of an old one anew. Raises NotFound, Conflict when the workspace has another of that name."""
    values = {
        "name": name,
        "position": position,
        "matchers": matcher_values(matchers),
        "steps": [{"after_minutes": one.after_minutes, "channels": one.channels, "schedules": one.schedules} for one in steps],
        "repeat_minutes": repeat_minutes,
        "group_by": None if group_by is None else list(group_by),
        "group_wait_seconds": group_wait_seconds,
        "group_interval_minutes": group_interval_minutes,
    }
    return _to_policy(_save(connection, policies, "policy", workspace_id, policy_id, values, now))


def list_policies(connection: Connection, workspace_id: str) -> list[Policy]:
    """Every policy of a workspace, in the order in which they are tried."""
    mine = policies.c.workspace_id == row_id(workspace_id, "workspace")
    return [_to_policy(row) for row in connection.execute(select(policies).where(mine).order_by(policies.c.position, policies.c.id))]


def get_policy(connection: Connection, workspace_id: str, policy_id: str) -> Policy:
    """Raises NotFound."""
    return _to_policy(_row(connection, policies, "policy", workspace_id, policy_id))


def delete_policy(connection: Connection, workspace_id: str, policy_id: str) -> None:
    """Alerts that it was escalating stay with the channels of their rules. Raises NotFound."""
    _delete(connection, policies, "policy", workspace_id, policy_id)


def create_inhibition(
    connection: Connection,
    workspace_id: str,
    *,
    name: str,
    source: Sequence[Matcher],
    target: Sequence[Matcher],
    equal: Sequence[str],
    now: datetime,
) -> Inhibition:
    """A new inhibition. Raises Conflict when the workspace has one of that name."""
    values = {"name": name, "source": matcher_values(source), "target": matcher_values(target), "equal": list(equal)}
    return _to_inhibition(_save(connection, inhibitions, "inhibition", workspace_id, None, values, now))


def list_inhibitions(connection: Connection, workspace_id: str) -> list[Inhibition]:
    """Every inhibition of a workspace, oldest first."""
    mine = inhibitions.c.workspace_id == row_id(workspace_id, "workspace")
    return [_to_inhibition(row) for row in connection.execute(select(inhibitions).where(mine).order_by(inhibitions.c.id))]


def get_inhibition(connection: Connection, workspace_id: str, inhibition_id: str) -> Inhibition:
    """Raises NotFound."""
    return _to_inhibition(_row(connection, inhibitions, "inhibition", workspace_id, inhibition_id))


def delete_inhibition(connection: Connection, workspace_id: str, inhibition_id: str) -> None:
    """What it kept quiet is told from now on. Raises NotFound."""
    _delete(connection, inhibitions, "inhibition", workspace_id, inhibition_id)


def _save(
    connection: Connection, table: Table, noun: str, workspace_id: str, public_id: str | None, values: Mapping[str, Any], now: datetime
) -> AnyRow:
    if public_id is None:
        made = values | {"workspace_id": row_id(workspace_id, "workspace"), "created_at": now}  # type: ignore[operator]
        statement: Any = insert(table).values(made)
    else:
        statement = update(table).where(_mine(table, noun, workspace_id, public_id)).values(dict(values))
    try:
        with connection.begin_nested():
            row: AnyRow | None = connection.execute(statement.returning(table)).one_or_none()
    except IntegrityError:
        raise Conflict(f"there is a {noun} named {values['name']!r} already") from None
    if row is None:
        raise NotFound(f"no {noun} {str(public_id)[:40]!r} in this workspace")
    return row


def _row(connection: Connection, table: Table, noun: str, workspace_id: str, public_id: str) -> AnyRow:
    row = connection.execute(select(table).where(_mine(table, noun, workspace_id, public_id))).one_or_none()
    if row is None:
        raise NotFound(f"no {noun} {public_id[:40]!r} in this workspace")
    return row


def _delete(connection: Connection, table: Table, noun: str, workspace_id: str, public_id: str) -> None:
    if connection.execute(delete(table).where(_mine(table, noun, workspace_id, public_id))).rowcount == 0:
        raise NotFound(f"no {noun} {public_id[:40]!r} in this workspace")


def _mine(table: Table, noun: str, workspace_id: str, public_id: str) -> Any:
    return (table.c.workspace_id == row_id(workspace_id, "workspace")) & (table.c.id == row_id(public_id, noun))


def _to_policy(row: AnyRow) -> Policy:
    return Policy(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        name=row.name,
        position=row.position,
        matchers=to_matchers(row.matchers),
        steps=tuple(PolicyStep(one["after_minutes"], tuple(one["channels"]), tuple(one["schedules"])) for one in row.steps),
        repeat_minutes=row.repeat_minutes,
        group_by=None if row.group_by is None else tuple(row.group_by),
        group_wait_seconds=row.group_wait_seconds,
        group_interval_minutes=row.group_interval_minutes,
        created_at=row.created_at,
    )


def _to_inhibition(row: AnyRow) -> Inhibition:
    return Inhibition(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        name=row.name,
        source=to_matchers(row.source),
        target=to_matchers(row.target),
        equal=tuple(row.equal),
        created_at=row.created_at,
    )
