"""Heads that workspaces fitted: each version is kept, the newest that was not undone is in force for the weights it was fitted on."""

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, func, insert, select, update

from store.dialect import row_id
from store.locks import lock_workspace
from store.records import AdaptationEntry, StoredAdaptation, TaskReport
from store.tables import adaptations


def add_adaptation(
    connection: Connection, workspace_id: str, *, weights: str, content: bytes, reports: Sequence[TaskReport] = (), now: datetime
) -> StoredAdaptation:
    """Put new heads in force. Their number is one more than any before, undone ones too: no two share a version."""
    workspace = row_id(workspace_id, "workspace")
    lock_workspace(connection, workspace)
    last = connection.scalar(select(func.max(adaptations.c.number)).where(adaptations.c.workspace_id == workspace)) or 0
    stored = StoredAdaptation(number=last + 1, weights=weights, content=content, digest=sha256(content).hexdigest())
    values = {"number": stored.number, "weights": weights, "content": content, "digest": stored.digest}
    kept = {"reports": [asdict(report) for report in reports], "created_at": now}
    connection.execute(insert(adaptations), {"workspace_id": workspace, **values, **kept})
    return stored


def present_adaptation(connection: Connection, workspace_id: str, weights: str) -> StoredAdaptation | None:
    """The newest that belongs to these weights and was not undone."""
    mine = (adaptations.c.workspace_id == row_id(workspace_id, "workspace")) & (adaptations.c.weights == weights)
    columns = (adaptations.c.number, adaptations.c.weights, adaptations.c.content, adaptations.c.digest)
    newest = select(*columns).where(mine, adaptations.c.undone_at.is_(None)).order_by(adaptations.c.number.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else StoredAdaptation(row.number, row.weights, bytes(row.content), row.digest)


def list_adaptations(connection: Connection, workspace_id: str) -> list[AdaptationEntry]:
    """All of a workspace, undone ones and those of other weights too, newest first."""
    columns = (adaptations.c[name] for name in ("number", "weights", "created_at", "undone_at", "reports"))
    mine = adaptations.c.workspace_id == row_id(workspace_id, "workspace")
    rows = connection.execute(select(*columns).where(mine).order_by(adaptations.c.number.desc()))
    return [
        AdaptationEntry(row.number, row.weights, row.created_at, row.undone_at, tuple(TaskReport(**report) for report in row.reports))
        for row in rows
    ]


def undo_adaptation(connection: Connection, workspace_id: str, weights: str, now: datetime) -> int | None:
    """Take the heads in force out of force, so that those before them are; their number, None when there are none."""
    present = present_adaptation(connection, workspace_id, weights)
    if present is None:
        return None
    mine = (adaptations.c.workspace_id == row_id(workspace_id, "workspace")) & (adaptations.c.number == present.number)
    connection.execute(update(adaptations).where(mine).values(undone_at=now))
    return present.number
