"""Silences: alerts that are opened and shown, and tell nobody until an end that somebody has set."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, insert, select, update

from core.errors import Conflict, NotFound
from store.dialect import AnyRow, row_id
from store.matchers import matcher_values, to_matchers
from store.records import Matcher, Silence
from store.tables import silences


def create_silence(
    connection: Connection,
    workspace_id: str,
    *,
    matchers: Sequence[Matcher],
    starts_at: datetime,
    ends_at: datetime,
    author: str,
    comment: str,
    now: datetime,
) -> Silence:
    """A new silence."""
    values = {
        "workspace_id": row_id(workspace_id, "workspace"),
        "matchers": matcher_values(matchers),
        "starts_at": starts_at,
        "ends_at": ends_at,
        "author": author,
        "comment": comment,
        "created_at": now,
    }
    return _to_silence(connection.execute(insert(silences).returning(silences), values).one())


def list_silences(connection: Connection, workspace_id: str) -> list[Silence]:
    """Every silence of a workspace, those that are over too, oldest first."""
    query = select(silences).where(silences.c.workspace_id == row_id(workspace_id, "workspace")).order_by(silences.c.id)
    return [_to_silence(row) for row in connection.execute(query)]


def silences_in_force(connection: Connection, workspace_id: str, now: datetime) -> list[Silence]:
    """Those that lie over `now`."""
    mine = (silences.c.workspace_id == row_id(workspace_id, "workspace")) & (silences.c.starts_at <= now) & (silences.c.ends_at > now)
    return [_to_silence(row) for row in connection.execute(select(silences).where(mine).order_by(silences.c.id))]


def get_silence(connection: Connection, workspace_id: str, silence_id: str) -> Silence:
    """Raises NotFound."""
    row = connection.execute(select(silences).where(_mine(workspace_id, silence_id))).one_or_none()
    if row is None:
        raise NotFound(f"no silence {silence_id[:40]!r} in this workspace")
    return _to_silence(row)


def end_silence(connection: Connection, workspace_id: str, silence_id: str, now: datetime) -> Silence:
    """End it early: at `now`, or, before it began, never begun. It stays in the list. Raises NotFound; twice changes nothing."""
    silence = get_silence(connection, workspace_id, silence_id)
    if silence.ends_at > now:
        values = {"ends_at": now, "starts_at": min(silence.starts_at, now)}
        connection.execute(update(silences).where(_mine(workspace_id, silence_id)).values(values))
    return get_silence(connection, workspace_id, silence_id)


def prolong_silence(connection: Connection, workspace_id: str, silence_id: str, *, ends_at: datetime, now: datetime) -> Silence:
    """Give it another end. Raises NotFound, Conflict when it is over: what was told since cannot be taken back."""
    if get_silence(connection, workspace_id, silence_id).ends_at <= now:
        raise Conflict("the silence is over; make a new one (POST /v1/silences)")
    connection.execute(update(silences).where(_mine(workspace_id, silence_id)).values(ends_at=ends_at))
    return get_silence(connection, workspace_id, silence_id)


def _mine(workspace_id: str, silence_id: str) -> Any:
    return (silences.c.workspace_id == row_id(workspace_id, "workspace")) & (silences.c.id == row_id(silence_id, "silence"))


def _to_silence(row: AnyRow) -> Silence:
    return Silence(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        matchers=to_matchers(row.matchers),
        starts_at=row.starts_at,
        ends_at=row.ends_at,
        author=row.author,
        comment=row.comment,
        created_at=row.created_at,
    )
