"""Feedback, the table that is also the queue: stored once per (workspace, source, external id), claimed with a lease, erased for good."""

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any
from uuid import uuid4

from sqlalchemy import ColumnElement, Connection, Select, and_, bindparam, delete, func, insert, or_, select, text, update

from core.errors import NotFound
from store.buckets import bucket_of, touch, touch_later_reposts
from store.dialect import EPOCH, AnyRow, insert_all, insert_into, locked, row_id, unindexed
from store.fingerprint import fingerprint
from store.intake import storable
from store.records import AnnotatedFeedback, Feedback, NewFeedback, Revision, Stored, TopicMention
from store.rows import ANNOTATION, FEEDBACK, content_of, to_annotated, to_feedback, to_mention
from store.tables import annotation_topics, annotations, erased, feedback, feedback_revisions, outdated

LIVE_WITHIN = timedelta(hours=2)
"""Older than this on arrival it is history, whoever sent it: history never pages."""
MOST_CLAIMS = 5
SUSPECT_AFTER = 3
"""A row whose claims keep running out may be what kills its worker: it is handed out alone, so that it takes no neighbour along."""
CHUNK = 1000
"""Rows per statement: 26 values each stay below the 32,766 parameters that SQLite takes."""
CONTENT = tuple(content_of(NewFeedback(text="", created_at=EPOCH)))

Key = tuple[str, str]
Draft = dict[str, Any]


def fresh_external_id() -> str:
    """For feedback whose sender gave it no name."""
    return uuid4().hex


def add_new(
    connection: Connection,
    workspace_id: str,
    rows: Sequence[NewFeedback],
    *,
    now: datetime,
    live: bool,
    fresh_id: Callable[[], str] = fresh_external_id,
) -> list[Stored]:
    """Store what came in; the answers are in the order of `rows`.

    A known (source, external id) whose text differs becomes a new revision and waits for a new annotation; one that differs elsewhere is
    updated; one that was erased stays away (status `erased`, no id). `live` asks that the rows may page: it holds for those not older than
    two hours. A row that is not dated keeps the time of its first coming. Calls that run at once never store a row twice.
    """
    workspace = row_id(workspace_id, "workspace")
    answers: dict[int, Stored] = {}
    waiting = [(place, _draft(workspace, row, now, live, fresh_id)) for place, row in enumerate(rows)]
    undated = {_key(draft) for (_, draft), row in zip(waiting, rows, strict=True) if not row.dated}
    while waiting:
        batch = dict[Key, tuple[int, Draft]]()
        for place, draft in waiting:
            if len(batch) < CHUNK:
                batch.setdefault(_key(draft), (place, draft))
        found = _add_batch(connection, workspace, {key: draft for key, (_, draft) in batch.items()}, undated, now)
        answers |= {batch[key][0]: stored for key, stored in found.items()}
        waiting = [(place, draft) for place, draft in waiting if place not in answers]
    return [answers[place] for place in range(len(rows))]


def claim_unannotated(connection: Connection, *, limit: int, now: datetime, lease: timedelta) -> list[Feedback]:
    """Take up to `limit` texts of all workspaces that nobody holds, live ones first, until `now + lease`.

    A row claimed five times without success is set aside with an error instead. Two callers never get the same row.
    """
    free = feedback.c.waiting & or_(feedback.c.claimed_until.is_(None), feedback.c.claimed_until <= now)
    given_up = f"given up: claimed {MOST_CLAIMS} times and never finished; the text may be what stops the worker"
    # A literal, so that both databases see that the index of suspects answers.
    suspect = and_(free, text(f"claims >= {SUSPECT_AFTER}"))
    worn_out = _pick(suspect & (feedback.c.claims >= MOST_CLAIMS), CHUNK)
    connection.execute(update(feedback).where(feedback.c.id.in_(worn_out)).values(waiting=False, claimed_until=None, error=given_up))
    claimed: list[AnyRow] = _claim(connection, suspect, 1, now + lease)
    for is_live in (True, False):
        if len(claimed) < limit and not (claimed and claimed[0].claims > SUSPECT_AFTER):
            claimed += _claim(connection, free & feedback.c.live.is_(is_live), limit - len(claimed), now + lease)
    return [to_feedback(row) for row in sorted(claimed, key=lambda row: (not row.live, row.id))]


def give_back(connection: Connection, rows: Sequence[Feedback], until: datetime) -> None:
    """Return what was claimed until that moment and is still to be done, as if it had not been claimed: nothing was the texts' fault."""
    for table, key in ((feedback, feedback.c.id), (outdated, outdated.c.feedback_id)):
        # Locked in the order of ids, as whoever saves or erases does.
        mine = (
            select(key)
            .where(key.in_([row_id(one.id, "feedback") for one in rows]), table.c.claimed_until == until)
            .order_by(key)
            .with_for_update()
        )
        values = {"claimed_until": None, "claims": table.c.claims - 1}
        connection.execute(update(table).where(key.in_(connection.scalars(mine).all())).values(values))


def ask_again(connection: Connection, workspace_id: str, since: datetime | None) -> int:
    """Have the model asked again for texts that were set aside without an annotation; how many there are."""
    mine = [feedback.c.workspace_id == row_id(workspace_id, "workspace"), ~feedback.c.waiting, feedback.c.error.is_not(None)]
    if since is not None:
        mine.append(feedback.c.created_at >= since)
    values = {"waiting": True, "claims": 0, "claimed_until": None, "error": None}
    return connection.execute(update(feedback).where(*mine).values(values)).rowcount


def count_unannotated(connection: Connection, workspace_id: str | None = None) -> int:
    """How many texts wait for the model, in one workspace or in all."""
    query = select(func.count()).select_from(feedback).where(feedback.c.waiting)
    if workspace_id is not None:
        query = query.where(feedback.c.workspace_id == row_id(workspace_id, "workspace"))
    return connection.scalar(query) or 0


def get_feedback(connection: Connection, workspace_id: str, feedback_id: str) -> AnnotatedFeedback:
    """One feedback with its annotation. Raises NotFound."""
    key = row_id(feedback_id, "feedback")
    found = load_annotated(connection, workspace_id, [key])
    if not found:
        raise NotFound(f"no feedback {feedback_id!r} in this workspace")
    return found[0]


def history(connection: Connection, workspace_id: str, feedback_id: str) -> list[Revision]:
    """The texts that edits replaced, oldest first; empty when it was never edited. Raises NotFound."""
    get_feedback(connection, workspace_id, feedback_id)
    query = (
        select(feedback_revisions.c.revision, feedback_revisions.c.text, feedback_revisions.c.replaced_at)
        .where(feedback_revisions.c.feedback_id == row_id(feedback_id, "feedback"))
        .where(feedback_revisions.c.workspace_id == row_id(workspace_id, "workspace"))
        .order_by(feedback_revisions.c.revision)
    )
    return [Revision(*row) for row in connection.execute(query)]


def delete_feedback(connection: Connection, workspace_id: str, feedback_id: str, now: datetime) -> None:
    """Erase a feedback with its revisions, annotation and brands. What stays is a digest that keeps it from coming back.

    Raises NotFound.
    """
    workspace = row_id(workspace_id, "workspace")
    mine = (feedback.c.workspace_id == workspace) & (feedback.c.id == row_id(feedback_id, "feedback"))
    gone = delete(feedback).where(mine).returning(*(feedback.c[name] for name in _COUNTED), feedback.c.source, feedback.c.external_id)
    row = connection.execute(gone).one_or_none()
    if row is None:
        raise NotFound(f"no feedback {feedback_id!r} in this workspace")
    tombstone = {"workspace_id": workspace, "digest": _digest((row.source, row.external_id)), "erased_at": now}
    connection.execute(insert_into(connection, erased).on_conflict_do_nothing(), tombstone)
    touch(connection, workspace, [row.bucket])
    touch_later_reposts(connection, workspace, [(row.fingerprint, row.created_at)])


def period(connection: Connection, workspace_id: str) -> tuple[datetime, datetime] | None:
    """When the oldest and the newest feedback was written; None for an empty workspace."""
    mine = feedback.c.workspace_id == row_id(workspace_id, "workspace")
    oldest = connection.scalar(select(feedback.c.created_at).where(mine).order_by(feedback.c.created_at).limit(1))
    newest = connection.scalar(select(feedback.c.created_at).where(mine).order_by(feedback.c.created_at.desc()).limit(1))
    return None if oldest is None or newest is None else (oldest, newest)


def load_annotated(connection: Connection, workspace_id: str, ids: Sequence[int]) -> list[AnnotatedFeedback]:
    """The rows of a workspace with these ids, in the order of `ids`; unknown ones are left out."""
    if not ids:
        return []
    workspace = row_id(workspace_id, "workspace")
    topics = dict[int, list[TopicMention]]()
    # Found by id, not by workspace: SQLite would read all rows of the workspace.
    mentions = (
        select(annotation_topics)
        .where(annotation_topics.c.feedback_id.in_(ids), unindexed(connection, annotation_topics.c.workspace_id) == workspace)
        .order_by(annotation_topics.c.feedback_id, annotation_topics.c.position)
    )
    for row in connection.execute(mentions):
        topics.setdefault(row.feedback_id, []).append(to_mention(row))
    query = (
        select(*FEEDBACK, *ANNOTATION, feedback.c.error)
        .outerjoin_from(feedback, annotations, annotations.c.feedback_id == feedback.c.id)
        .where(feedback.c.id.in_(ids), unindexed(connection, feedback.c.workspace_id) == workspace)
    )
    found = {row.id: to_annotated(row, topics.get(row.id, ()), row.error) for row in connection.execute(query)}
    return [found[one] for one in ids if one in found]


_COUNTED = ("bucket", "fingerprint", "created_at")
"""What decides where a row is counted, and whether others are reposts of it."""


def _draft(workspace: int, new: NewFeedback, now: datetime, live: bool, fresh_id: Callable[[], str]) -> Draft:  # noqa: FBT001
    content = content_of(new)
    return content | {
        "workspace_id": workspace,
        "source": storable(new.source),
        "external_id": storable(new.external_id) if new.external_id is not None else fresh_id(),
        "revision": 1,
        "received_at": now,
        "live": live and now - new.created_at <= LIVE_WITHIN,
        "bucket": bucket_of(new.created_at),
        "fingerprint": fingerprint(content["text"]),
        "waiting": True,
        "claims": 0,
    }


def _key(draft: Draft) -> Key:
    return draft["source"], draft["external_id"]


def _digest(key: Key) -> str:
    return sha256("\x00".join(key).encode()).hexdigest()


def _add_batch(connection: Connection, workspace: int, batch: dict[Key, Draft], undated: set[Key], now: datetime) -> dict[Key, Stored]:
    """The answers for rows of different keys; a row that another process stored at this moment has none yet."""
    known = _find(connection, workspace, list(batch))
    for key in undated & known.keys():
        batch[key] |= {"created_at": known[key].created_at, "bucket": bucket_of(known[key].created_at)}
    answers = {key: Stored(str(row.id), "unchanged") for key, row in known.items() if not _differs(batch[key], row)}
    changed = sorted(row.id for key, row in known.items() if key not in answers)
    answers |= _update(connection, workspace, batch, changed, now)
    fresh = {key: draft for key, draft in batch.items() if key not in known}
    for key in _find_erased(connection, workspace, list(fresh)):
        answers[key] = Stored("", "erased")
        del fresh[key]
    if fresh:
        statement, values = insert_all(connection, feedback, list(fresh.values()))
        wanted = statement.on_conflict_do_nothing().returning(feedback.c.id, feedback.c.source, feedback.c.external_id)
        created = connection.execute(wanted, values)
        answers |= {(source, external_id): Stored(str(one), "created") for one, source, external_id in created}
    return answers


def _find(connection: Connection, workspace: int, keys: Sequence[Key]) -> dict[Key, AnyRow]:
    by_source = dict[str, list[str]]()
    for source, external_id in keys:
        by_source.setdefault(source, []).append(external_id)
    columns = [feedback.c.id, feedback.c.source, feedback.c.external_id, *(feedback.c[name] for name in CONTENT)]
    found = dict[Key, AnyRow]()
    for source, external_ids in by_source.items():
        query = select(*columns).where(feedback.c.workspace_id == workspace, feedback.c.source == source)
        for row in connection.execute(query.where(feedback.c.external_id.in_(external_ids))):
            found[source, row.external_id] = row
    return found


def _differs(draft: Draft, row: AnyRow) -> bool:
    stored = row._mapping
    return any(draft[name] != stored[name] for name in CONTENT)


def _find_erased(connection: Connection, workspace: int, keys: Sequence[Key]) -> list[Key]:
    if not keys or connection.scalar(select(erased.c.digest).where(erased.c.workspace_id == workspace).limit(1)) is None:
        return []
    digests = {_digest(key): key for key in keys}
    query = select(erased.c.digest).where(erased.c.workspace_id == workspace, erased.c.digest.in_(list(digests)))
    return [digests[digest] for digest in connection.scalars(query)]


def _update(connection: Connection, workspace: int, batch: dict[Key, Draft], ids: Sequence[int], now: datetime) -> dict[Key, Stored]:
    if not ids:
        return {}
    # Locked in the order of ids, so that two processes that update the same rows wait for each other instead of deadlocking.
    rows = connection.execute(select(feedback).where(feedback.c.id.in_(ids)).order_by(feedback.c.id).with_for_update()).all()
    drafts = {row.id: batch[row.source, row.external_id] for row in rows}
    edited = [row for row in rows if drafts[row.id]["text"] != row.text]
    old_texts = [
        {"feedback_id": row.id, "revision": row.revision, "workspace_id": workspace, "text": row.text, "replaced_at": now} for row in edited
    ]
    if edited:
        connection.execute(insert(feedback_revisions), old_texts)
        connection.execute(delete(annotations).where(annotations.c.feedback_id.in_([row.id for row in edited])))
        wait = {"revision": feedback.c.revision + 1, "waiting": True, "claims": 0, "claimed_until": None, "error": None}
        connection.execute(update(feedback).where(feedback.c.id.in_([row.id for row in edited])).values(wait))
    changed = (*CONTENT, "bucket", "fingerprint")
    statement = update(feedback).where(feedback.c.id == bindparam("row_id")).values({name: bindparam(f"new_{name}") for name in changed})
    connection.execute(statement, [{"row_id": row.id} | {f"new_{name}": drafts[row.id][name] for name in changed} for row in rows])
    touch(connection, workspace, [bucket for row in rows for bucket in (row.bucket, drafts[row.id]["bucket"])])
    moved = [(one["fingerprint"], one["created_at"]) for row in rows for one in (row._mapping, drafts[row.id])]
    touch_later_reposts(connection, workspace, moved)
    return {(row.source, row.external_id): Stored(str(row.id), "updated") for row in rows}


def _pick(condition: ColumnElement[bool], limit: int) -> Select[int]:
    return locked(select(feedback.c.id).where(condition).order_by(feedback.c.id).limit(limit))


def _claim(connection: Connection, condition: ColumnElement[bool], limit: int, until: datetime) -> list[AnyRow]:
    statement = update(feedback).where(feedback.c.id.in_(_pick(condition, limit)))
    taken = statement.values(claimed_until=until, claims=feedback.c.claims + 1).returning(*FEEDBACK, feedback.c.claims)
    return list(connection.execute(taken))
