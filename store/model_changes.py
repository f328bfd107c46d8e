"""Which model annotates a workspace since when: counts that two models made are not one series, so a new model starts a new past."""

from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection, delete, insert, select

from store.dialect import row_id
from store.tables import model_changes

MOST_CHANGES = 20
"""Of one workspace. Two machines with different models take turns for ever; what is long past is of no use."""


def note_model(connection: Connection, workspace_id: str, model: str, taxonomy: str, now: datetime) -> None:
    """This model annotates the workspace from now on; nothing changes while it is the one that was noted last."""
    if current_model(connection, workspace_id) == (model, taxonomy):
        return
    workspace = row_id(workspace_id, "workspace")
    connection.execute(insert(model_changes), {"workspace_id": workspace, "model": model, "taxonomy": taxonomy, "since": now})
    mine = model_changes.c.workspace_id == workspace
    kept = select(model_changes.c.id).where(mine).order_by(model_changes.c.id.desc()).limit(MOST_CHANGES)
    connection.execute(delete(model_changes).where(mine, model_changes.c.id.not_in(connection.scalars(kept).all())))


def current_model(connection: Connection, workspace_id: str) -> tuple[str, str] | None:
    """The model and the taxonomy that were noted last; None before the first annotation."""
    mine = model_changes.c.workspace_id == row_id(workspace_id, "workspace")
    newest = select(model_changes.c.model, model_changes.c.taxonomy).where(mine).order_by(model_changes.c.id.desc()).limit(1)
    row = connection.execute(newest).one_or_none()
    return None if row is None else (row.model, row.taxonomy)


def comparable_since(connection: Connection, workspace_id: str) -> datetime | None:
    """From when on annotations of the workspace are those of its present model; None when there never was another."""
    mine = model_changes.c.workspace_id == row_id(workspace_id, "workspace")
    changes = connection.execute(select(model_changes).where(mine).order_by(model_changes.c.id.desc())).all()
    present = list(takewhile(lambda row: (row.model, row.taxonomy) == (changes[0].model, changes[0].taxonomy), changes))
    return present[-1].since if len(present) < len(changes) else None
