"""What the model said: saved once per revision of a text; an answer to an older text is dropped."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from store.buckets import touch, touch_later_reposts
from store.dialect import AnyRow, insert_all, row_id, upsert
from store.feedback import load_annotated
from store.model_changes import note_model
from store.records import Annotation, Feedback
from store.rows import annotation_values, topic_values
from store.tables import annotation_topics, annotations, feedback


def save_annotations(connection: Connection, annotated: Sequence[tuple[Feedback, Annotation]], now: datetime) -> int:
    """Save answers for claimed texts of any workspace and end their claims; how many changed anything.

    An answer for a text that was edited or erased meanwhile is dropped; saving the same answer again changes nothing. Counts are made of
    these answers from now on, so in the same transaction it is noted which model gave them.
    """
    rows = _lock(connection, [one for one, _ in annotated])
    current = {row.id: answer for one, answer in annotated if (row := rows.get(int(one.id))) and row.revision == one.revision}
    news = {key: answer for key, answer in current.items() if rows[key].waiting or not _is_saved(connection, rows[key], answer)}
    if not news:
        return 0
    ids = sorted(news)
    done = {"waiting": False, "claims": 0, "claimed_until": None, "error": None}
    connection.execute(update(feedback).where(feedback.c.id.in_(ids)).values(done))
    again = [key for key in ids if not rows[key].waiting]
    if again:
        # Another answer to a text that had one: a new model rewrites history, and history never pages.
        connection.execute(update(feedback).where(feedback.c.id.in_(again)).values(live=False))
    values = [_values(rows[key], news[key], now) for key in ids]
    upsert(connection, annotations, values, key=["feedback_id"])
    connection.execute(delete(annotation_topics).where(annotation_topics.c.feedback_id.in_(ids)))
    topics = [{"feedback_id": key, "workspace_id": rows[key].workspace_id} | topic for key in ids for topic in topic_values(news[key])]
    if topics:
        connection.execute(*insert_all(connection, annotation_topics, topics))
    _touch(connection, [rows[key] for key in ids])
    for workspace, model, taxonomy in sorted({(rows[key].workspace_id, news[key].model, news[key].taxonomy) for key in ids}):
        note_model(connection, str(workspace), model, taxonomy, now)
    return len(ids)


def save_failure(connection: Connection, failed: Feedback, error: str, now: datetime) -> None:
    """Set a text aside that the model cannot take; `error` is shown with it. Dropped when the text was edited meanwhile."""
    mine = (feedback.c.id == row_id(failed.id, "feedback")) & (feedback.c.revision == failed.revision) & feedback.c.waiting
    connection.execute(update(feedback).where(mine).values(waiting=False, claimed_until=None, error=error))


def _lock(connection: Connection, asked: Sequence[Feedback]) -> dict[int, AnyRow]:
    wanted = ("id", "workspace_id", "revision", "waiting", "bucket", "fingerprint", "created_at")
    query = select(*(feedback.c[name] for name in wanted)).where(feedback.c.id.in_([int(one.id) for one in asked]))
    # In the order of ids: two savers of the same rows wait for each other instead of deadlocking.
    return {row.id: row for row in connection.execute(query.order_by(feedback.c.id).with_for_update())}


def _is_saved(connection: Connection, row: AnyRow, answer: Annotation) -> bool:
    stored = load_annotated(connection, str(row.workspace_id), [row.id])[0].annotation
    return stored is not None and annotation_values(stored) == annotation_values(answer) and topic_values(stored) == topic_values(answer)


def _values(row: AnyRow, answer: Annotation, now: datetime) -> dict[str, Any]:
    return {
        "feedback_id": row.id,
        "workspace_id": row.workspace_id,
        "revision": row.revision,
        **annotation_values(answer),
        "annotated_at": now,
    }


def _touch(connection: Connection, rows: Sequence[AnyRow]) -> None:
    for workspace in sorted({row.workspace_id for row in rows}):
        mine = [row for row in rows if row.workspace_id == workspace]
        touch(connection, workspace, [row.bucket for row in mine])
        touch_later_reposts(connection, workspace, [(row.fingerprint, row.created_at) for row in mine])
