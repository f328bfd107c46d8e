"""Which model annotates a workspace since when: counts that two models made are not one series, so a new model starts a new past."""

from datetime import datetime
from itertools import takewhile

from sqlalchemy import Connection, delete, func, insert, select

from core.times import BUCKET, floor_to
from store.dialect import EPOCH, MICROSECOND, AnyRow, UtcTime, row_id
from store.tables import feedback, model_changes, outdated, reannotations, touched_buckets

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


def strangers_since(connection: Connection, workspace_id: str, versions: tuple[str, str], since: datetime) -> bool:
    """Whether another model annotated after `since`, when it was noted that this one does: two of them take turns, or took."""
    mine = model_changes.c.workspace_id == row_id(workspace_id, "workspace")
    newest = connection.execute(select(model_changes).where(mine).order_by(model_changes.c.id.desc()).limit(1)).one_or_none()
    return newest is not None and ((newest.model, newest.taxonomy) != versions or newest.since > since)


def comparable_since(connection: Connection, workspace_id: str) -> datetime | None:
    """From when on all feedback is annotated, and counted, by the present model; None when all there is is.

    That is since the model changed, and as far back from there as older annotations were replaced: the newest first, so that what is newer
    than the newest that waits is of one model.
    """
    workspace = row_id(workspace_id, "workspace")
    newest_first = select(model_changes).where(model_changes.c.workspace_id == workspace).order_by(model_changes.c.id.desc())
    changes = connection.execute(newest_first).all()
    present = list(takewhile(lambda row: (row.model, row.taxonomy) == (changes[0].model, changes[0].taxonomy), changes))
    if len(present) == len(changes):
        return None
    changed: datetime = present[-1].since
    versions = changes[0].model, changes[0].taxonomy
    row = connection.execute(select(reannotations).where(reannotations.c.workspace_id == workspace)).one_or_none()
    if row is None or (row.model, row.taxonomy) != versions or row.below_at is None or changed > row.begun_at:
        return changed
    waiting, uncounted = _newest_waiting(connection, workspace), _newest_uncounted(connection, row, changed)
    ends = [moment + BUCKET for moment in (waiting, uncounted) if moment is not None]
    # Of the moment where it is some rows are still to come, unless it is the end.
    edge = row.below_at + (BUCKET if row.below_id else BUCKET - MICROSECOND)
    reached = floor_to(max([edge, *ends]), BUCKET)
    return None if reached == EPOCH else min(changed, reached)


def _newest_waiting(connection: Connection, workspace: int) -> datetime | None:
    """The bucket of the newest feedback that is still to be annotated again."""
    both = outdated.join(feedback, feedback.c.id == outdated.c.feedback_id)
    marked = (outdated.c.workspace_id == workspace) & outdated.c.error.is_(None)
    newest: datetime | None = connection.scalar(select(func.max(feedback.c.bucket, type_=UtcTime)).select_from(both).where(marked))
    return newest


def _newest_uncounted(connection: Connection, row: AnyRow, changed: datetime) -> datetime | None:
    """The newest bucket from before the change that may still hold counts of the model before; None once all are counted."""
    if row.state == "done":
        return None
    old = (touched_buckets.c.workspace_id == row.workspace_id) & (touched_buckets.c.bucket < changed)
    newest: datetime | None = connection.scalar(select(func.max(touched_buckets.c.bucket, type_=UtcTime)).where(old))
    return newest
