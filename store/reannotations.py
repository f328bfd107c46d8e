"""Annotations of older models, replaced in the background: whatever dies, a row keeps its old annotation until it has the new one.

The newest feedback goes first, so that all that was written after a moment is of one model, and that moment moves back: from there on
counts can be compared (store/model_changes.py). A portion of rows is marked at a time; marks are claimed as rows without annotation are.
"""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, and_, delete, exists, func, literal, not_, or_, select, tuple_, update

from core.times import BUCKET, floor_to
from store.dialect import EPOCH, AnyRow, RowId, UtcTime, insert_into, row_id, unindexed
from store.feedback import MOST_CLAIMS, SUSPECT_AFTER, ask_again
from store.model_changes import current_model, note_model, strangers_since
from store.records import AnnotatedBy, Feedback, Reannotation, ReannotationProgress
from store.rows import FEEDBACK, to_feedback
from store.tables import annotations, feedback, outdated, reannotations, touched_buckets

PORTION = 1024
"""Marks of one workspace at a time: seconds of work, and what one transaction writes."""
WALK = 5_000
"""Rows that one step looks at: most of them are of the right model already when a workspace is gone through again."""
AGAIN_AFTER = timedelta(minutes=5)
"""So long a workspace is left alone before the answers of a worker with another model are gone after."""
UNDER_WAY = ("running", "counting")
ACTIVE = ("asked", *UNDER_WAY)
GIVEN_UP = f"given up: claimed {MOST_CLAIMS} times and never finished; the text may be what stops the worker"

Versions = tuple[str, str]
"""Model and taxonomy."""


# --- what is wanted --------------------------------------------------------------------------------------------------


def ask_reannotation(connection: Connection, workspace_id: str, *, since: datetime | None, now: datetime) -> None:
    """Have older annotations replaced by those of the workers' model; `since`: of feedback written from then on.

    Goes on where the one before ended, tries again what failed (texts without any annotation, too), never narrows one that is under way.
    """
    workspace = row_id(workspace_id, "workspace")
    row = _asked(connection, workspace, since, now)
    mine = reannotations.c.workspace_id == workspace
    values = {"state": "asked", "since": _reaching(row, since), "asked_at": now, "finished_at": None}
    connection.execute(update(reannotations).where(mine).values(values))
    retried = {"claims": 0, "claimed_until": None, "error": None}
    connection.execute(update(outdated).where(outdated.c.workspace_id == workspace, outdated.c.error.is_not(None)).values(retried))
    ask_again(connection, workspace_id, since)


def begin_reannotation(connection: Connection, workspace_id: str, versions: Versions, *, since: datetime | None, now: datetime) -> None:
    """`versions` is what annotations of the workspace should be of from now on, and whoever calls this makes them so.

    One that is of another model ends, and a new one begins with the newest feedback; it reaches as far back as the unfinished one was to.
    """
    workspace = row_id(workspace_id, "workspace")
    row = _asked(connection, workspace, since, now)
    mine = reannotations.c.workspace_id == workspace
    if (row.model, row.taxonomy) != versions:
        asked_at = row.asked_at if row.state in ACTIVE else now
        values = {"model": versions[0], "taxonomy": versions[1], "since": _reaching(row, since), "asked_at": asked_at}
        connection.execute(update(reannotations).where(mine).values(values))
        _begin(connection, workspace, versions, now)
    elif row.state == "asked":
        counted = {"outdated": _count(connection, workspace, versions), "outdated_at": now}
        connection.execute(update(reannotations).where(mine).values(state="running", **counted))


def stop_reannotation(connection: Connection, workspace_id: str) -> bool:
    """Leave the rest as it is; False when nothing was under way. What a worker is at just now it still finishes."""
    workspace = row_id(workspace_id, "workspace")
    row = _lock(connection, workspace)
    if row is None or row.state not in ACTIVE:
        return False
    left = _marked(workspace).with_only_columns(feedback.c.created_at, feedback.c.id)
    newest = connection.execute(left.order_by(feedback.c.created_at.desc(), feedback.c.id.desc()).limit(1)).one_or_none()
    # What was marked and not done is gone through again, should it go on.
    back = {} if newest is None else {"below_at": newest.created_at, "below_id": newest.id + 1}
    connection.execute(update(reannotations).where(reannotations.c.workspace_id == workspace).values(state="stopped", **back))
    connection.execute(delete(outdated).where(outdated.c.workspace_id == workspace))
    return True


def list_reannotations(connection: Connection) -> list[Reannotation]:
    """The newest of every workspace that has one."""
    return [_to_reannotation(row) for row in connection.execute(select(reannotations).order_by(reannotations.c.workspace_id))]


def reannotations_at_work(connection: Connection) -> tuple[int, int]:
    """How many workspaces have one under way, and how many texts of all workspaces the model could not take; cheap at any size."""
    active = connection.scalar(select(func.count()).select_from(reannotations).where(reannotations.c.state.in_(ACTIVE))) or 0
    failed = connection.scalar(select(func.count()).select_from(outdated).where(outdated.c.error.is_not(None))) or 0
    return active, failed


def any_outdated(connection: Connection, workspace_id: str, versions: Versions) -> bool:
    """Whether a workspace has an annotation of another model or taxonomy."""
    others = select(annotations.c.feedback_id).where(_of_others(row_id(workspace_id, "workspace"), versions)).limit(1)
    return connection.scalar(others) is not None


# --- the work --------------------------------------------------------------------------------------------------------


def claim_outdated(
    connection: Connection, workspace_ids: Collection[str], *, limit: int, characters: int, now: datetime, lease: timedelta
) -> list[Feedback]:
    """Take up to `limit` marked texts of these workspaces that nobody holds, until `now + lease`, the newest first.

    They have `characters` code points together, or are one: whoever has a text that cannot wait waits no longer than for them. A text whose
    claims keep running out is handed out alone, and set aside after five. Two callers never get the same one.
    """
    mine = outdated.c.workspace_id.in_([row_id(one, "workspace") for one in workspace_ids])
    free = and_(mine, outdated.c.error.is_(None), or_(outdated.c.claimed_until.is_(None), outdated.c.claimed_until <= now))
    worn_out = free & (outdated.c.claims >= MOST_CLAIMS)
    connection.execute(update(outdated).where(worn_out).values(claimed_until=None, error=GIVEN_UP))
    picked = connection.execute(_pick(free & (outdated.c.claims >= SUSPECT_AFTER), 1)).all()
    if not picked:
        picked = connection.execute(_pick(free, limit)).all()
    ids, total = list[int](), 0
    for one, length in picked:
        total += length
        if ids and total > characters:
            break
        ids.append(one)
    if not ids:
        return []
    taken = {"claimed_until": now + lease, "claims": outdated.c.claims + 1}
    connection.execute(update(outdated).where(outdated.c.feedback_id.in_(ids)).values(taken))
    return [to_feedback(row) for row in connection.execute(select(*FEEDBACK).where(feedback.c.id.in_(ids)).order_by(feedback.c.id.desc()))]


def advance_reannotation(connection: Connection, workspace_id: str, versions: Versions, *, now: datetime, walk: int = WALK) -> bool:
    """Mark the next portion, or finish; whether there may be more to do at once. `versions`: what the caller's model is."""
    workspace = row_id(workspace_id, "workspace")
    row = _lock(connection, workspace)
    if row is None or (row.model, row.taxonomy) != versions or row.state not in {"running", "counting", "done"}:
        return False
    if row.state == "done":
        return strangers_since(connection, workspace_id, versions, row.begun_at) and _again(connection, row, versions, now)
    marked = connection.scalar(select(func.count()).select_from(_marked(workspace).subquery())) or 0
    if marked >= PORTION:
        return False
    if not _is_through(row):
        return _mark(connection, row, versions, walk)
    if marked:
        return False
    return _finish(connection, row, versions, now)


def _mark(connection: Connection, row: AnyRow, versions: Versions, walk: int) -> bool:
    """Mark what is outdated among the next rows; always leaves something more to do."""
    mine = [feedback.c.workspace_id == row.workspace_id]
    if row.since is not None:
        mine.append(feedback.c.created_at >= row.since)
    place = (feedback.c.created_at, feedback.c.id)
    if row.below_at is not None:
        mine.append(tuple_(*place) < tuple_(literal(row.below_at, UtcTime), literal(row.below_id, RowId)))
    seen = (
        select(*place, annotations.c.model, annotations.c.taxonomy)
        .join_from(feedback, annotations, annotations.c.feedback_id == feedback.c.id)
        .where(*mine)
        .order_by(*(column.desc() for column in place))
        .limit(walk)
    )
    ids, number, below = list[int](), 0, (row.since or EPOCH, 0)
    for number, (written, one, *found) in enumerate(connection.execute(seen), start=1):
        if tuple(found) != versions:
            ids.append(one)
        if len(ids) == PORTION or number == walk:
            below = (written, one)
            break
    _add_marks(connection, row.workspace_id, ids)
    moved = {"below_at": below[0], "below_id": below[1]}
    connection.execute(update(reannotations).where(reannotations.c.workspace_id == row.workspace_id).values(moved))
    return True


def _add_marks(connection: Connection, workspace: int, ids: Sequence[int]) -> None:
    # Locked in the order of ids, as whoever saves or erases does; one that was erased meanwhile is not there any more.
    there = select(feedback.c.id).where(feedback.c.id.in_(ids)).order_by(feedback.c.id).with_for_update(read=True, key_share=True)
    marks = [{"feedback_id": one, "workspace_id": workspace, "claims": 0} for one in connection.scalars(there).all()] if ids else []
    if marks:
        connection.execute(insert_into(connection, outdated).on_conflict_do_nothing(), marks)


def _finish(connection: Connection, row: AnyRow, versions: Versions, now: datetime) -> bool:
    """Done once all is counted, unless something was annotated by another model meanwhile."""
    workspace = row.workspace_id
    mine, touches = reannotations.c.workspace_id == workspace, touched_buckets.c.workspace_id == workspace
    if row.state == "running":
        last = connection.scalar(select(func.max(touched_buckets.c.id)).where(touches)) or 0
        connection.execute(update(reannotations).where(mine).values(state="counting", last_touch=last))
        return True
    if connection.scalar(select(touched_buckets.c.id).where(touches, touched_buckets.c.id <= row.last_touch).limit(1)) is not None:
        return False
    strangers = strangers_since(connection, str(workspace), versions, row.begun_at)
    if strangers or (row.since is None and _leftover(connection, workspace, versions)):
        return _again(connection, row, versions, now)
    connection.execute(update(reannotations).where(mine).values(state="done", finished_at=now))
    return False


def _again(connection: Connection, row: AnyRow, versions: Versions, now: datetime) -> bool:
    if now - row.begun_at < AGAIN_AFTER:
        return False
    _begin(connection, row.workspace_id, versions, now)
    return True


def _begin(connection: Connection, workspace: int, versions: Versions, now: datetime) -> None:
    """From the newest on, without what was marked or failed."""
    connection.execute(delete(outdated).where(outdated.c.workspace_id == workspace))
    values = {"state": "running", "begun_at": now, "below_at": None, "below_id": None, "last_touch": None, "finished_at": None}
    values |= {"outdated": _count(connection, workspace, versions), "outdated_at": now}
    connection.execute(update(reannotations).where(reannotations.c.workspace_id == workspace).values(values))
    note_model(connection, str(workspace), *versions, now)


def _leftover(connection: Connection, workspace: int, versions: Versions) -> bool:
    """Whether something has another annotation that neither failed nor waits anyway: it was moved to another time, say."""
    failed = exists().where(outdated.c.feedback_id == annotations.c.feedback_id)
    return connection.scalar(select(annotations.c.feedback_id).where(_of_others(workspace, versions), ~failed).limit(1)) is not None


# --- how far it is ---------------------------------------------------------------------------------------------------


def reannotation_progress(connection: Connection, workspace_id: str, now: datetime) -> ReannotationProgress:
    """How far a workspace is, counted from its rows."""
    workspace = row_id(workspace_id, "workspace")
    row = connection.execute(select(reannotations).where(reannotations.c.workspace_id == workspace)).one_or_none()
    latest = None if row is None else _to_reannotation(row)
    under_way = latest is not None and latest.state in UNDER_WAY
    versions = latest.versions if latest is not None and under_way else current_model(connection, workspace_id)
    annotated = _annotated(connection, workspace)
    left = sum(one.texts for one in annotated if (one.model, one.taxonomy) != versions)
    failed = connection.scalar(select(func.count()).where(outdated.c.workspace_id == workspace, outdated.c.error.is_not(None))) or 0
    waiting = done = 0
    rate = None
    if row is not None and under_way and versions is not None:
        waiting = max(0, (left if row.since is None else _count_since(connection, workspace, versions, row.since)) - failed)
        done = max(0, row.outdated - left)
        seconds = (now - row.outdated_at).total_seconds()
        rate = done / seconds if row.state == "running" and seconds > 0 else None
    return ReannotationProgress(latest, versions, annotated, left, waiting, done, failed, rate)


def _annotated(connection: Connection, workspace: int) -> tuple[AnnotatedBy, ...]:
    pair = (annotations.c.model, annotations.c.taxonomy)
    counted = (
        select(*pair, func.count()).where(annotations.c.workspace_id == workspace).group_by(*pair).order_by(func.count().desc(), *pair)
    )
    return tuple(AnnotatedBy(*row) for row in connection.execute(counted))


def _count(connection: Connection, workspace: int, versions: Versions) -> int:
    return connection.scalar(select(func.count()).select_from(annotations).where(_of_others(workspace, versions))) or 0


def _count_since(connection: Connection, workspace: int, versions: Versions, since: datetime) -> int:
    written = unindexed(connection, feedback.c.created_at) >= since
    both = annotations.join(feedback, feedback.c.id == annotations.c.feedback_id)
    return connection.scalar(select(func.count()).select_from(both).where(_of_others(workspace, versions), written)) or 0


# --- parts -----------------------------------------------------------------------------------------------------------


def _of_others(workspace: int, versions: Versions) -> ColumnElement[bool]:
    same = (annotations.c.model == versions[0]) & (annotations.c.taxonomy == versions[1])
    return (annotations.c.workspace_id == workspace) & not_(same)


def _marked(workspace: int) -> Select[Any]:
    """Marks that are still to be worked off."""
    both = outdated.join(feedback, feedback.c.id == outdated.c.feedback_id)
    return select(outdated.c.feedback_id).select_from(both).where(outdated.c.workspace_id == workspace, outdated.c.error.is_(None))


def _pick(condition: ColumnElement[bool], limit: int) -> Select[int, int]:
    both = outdated.join(feedback, feedback.c.id == outdated.c.feedback_id)
    # One that was edited has no annotation any more, and waits with those that never had one.
    query = select(outdated.c.feedback_id, func.length(feedback.c.text)).select_from(both).where(condition, ~feedback.c.waiting)
    return query.order_by(outdated.c.feedback_id.desc()).limit(limit).with_for_update(of=outdated, skip_locked=True)


def _lock(connection: Connection, workspace: int) -> Any:
    return connection.execute(select(reannotations).where(reannotations.c.workspace_id == workspace).with_for_update()).one_or_none()


def _is_through(row: AnyRow) -> bool:
    return bool(row.below_id == 0 and row.below_at <= (row.since or EPOCH))


def _asked(connection: Connection, workspace: int, since: datetime | None, now: datetime) -> Any:
    """The workspace's row, locked; made where there was none."""
    values = {"workspace_id": workspace, "state": "asked", "since": _start(since), "asked_at": now, "outdated": 0, "outdated_at": now}
    connection.execute(insert_into(connection, reannotations).on_conflict_do_nothing(), values)
    return _lock(connection, workspace)


def _reaching(row: AnyRow, since: datetime | None) -> datetime | None:
    """How far back to go: as far as one that is under way was to go, at least."""
    if row.state in ACTIVE and (row.since is None or since is None):
        return None
    return min(_start(since), row.since) if row.state in ACTIVE else _start(since)


def _start(since: datetime | None) -> datetime | None:
    return None if since is None else floor_to(since, BUCKET)


def _to_reannotation(row: AnyRow) -> Reannotation:
    return Reannotation(
        workspace_id=str(row.workspace_id),
        state=row.state,
        versions=None if row.model is None else (row.model, row.taxonomy),
        since=row.since,
        asked_at=row.asked_at,
        begun_at=row.begun_at,
        finished_at=row.finished_at,
    )
