"""Buckets that have to be recounted: whoever changes what is counted touches them in the same transaction."""

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, func, insert, literal, select

from core.times import BUCKET, floor_to
from store.dialect import unindexed
from store.locks import lock_workspace
from store.tables import feedback, touched_buckets

REPOST_WITHIN = timedelta(hours=24)
"""A text that comes again within a day is a repost; the same words a week later are a new voice."""


def bucket_of(moment: datetime) -> datetime:
    """Start of the five minutes that hold `moment`."""
    return floor_to(moment, BUCKET)


def touch(connection: Connection, workspace_id: int, buckets: Iterable[datetime]) -> None:
    """Ask for a recount of `buckets` of one workspace."""
    rows = [{"workspace_id": workspace_id, "bucket": bucket} for bucket in sorted(set(buckets))]
    if rows:
        connection.execute(insert(touched_buckets), rows)


def touch_all(connection: Connection, workspace_id: int) -> int | None:
    """Ask for a recount of everything a workspace has: its brands or dimensions changed. Everything is counted anew once no touch is left
    up to the one whose id this returns; None when there is nothing to count.

    Until the transaction ends nobody counts the workspace: a bucket that is filled meanwhile is then counted by the new brands too.
    """
    lock_workspace(connection, workspace_id)
    every = select(literal(workspace_id), feedback.c.bucket).where(feedback.c.workspace_id == workspace_id).distinct()
    connection.execute(insert(touched_buckets).from_select(["workspace_id", "bucket"], every))
    last: int | None = connection.scalar(select(func.max(touched_buckets.c.id)).where(touched_buckets.c.workspace_id == workspace_id))
    return last


def touch_later_reposts(connection: Connection, workspace_id: int, changed: Sequence[tuple[int | None, datetime]]) -> None:
    """Ask for a recount of the buckets where a (fingerprint, created_at) that came, went or moved may decide what is a repost."""
    prints = sorted({print_ for print_, _ in changed if print_ is not None})
    if not prints:
        return
    moments = [moment for print_, moment in changed if print_ is not None]
    later = (
        select(unindexed(connection, feedback.c.bucket))
        .where(feedback.c.workspace_id == workspace_id, feedback.c.fingerprint.in_(prints))
        .where(feedback.c.created_at >= min(moments), feedback.c.created_at <= max(moments) + REPOST_WITHIN)
        .distinct()
    )
    touch(connection, workspace_id, connection.scalars(later))
