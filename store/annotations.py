"""What is said of a text: the model's answer, once per revision, and over it what humans said; an answer to an older text is dropped."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, select, update

from store.buckets import touch, touch_later_reposts
from store.corrections import add_correction, corrected, labels_in_force, said_before
from store.dialect import AnyRow, insert_all, row_id, upsert
from store.feedback import get_feedback, load_annotated
from store.model_changes import note_model
from store.records import AnnotatedFeedback, Annotation, Correction, Feedback, Labels
from store.rows import annotation_values, topic_values
from store.tables import annotation_topics, annotations, embeddings, feedback, outdated


def save_annotations(connection: Connection, annotated: Sequence[tuple[Feedback, Annotation]], now: datetime) -> int:
    """Save answers for claimed texts of any workspace and end their claims; how many changed anything.

    An answer for a text that was edited or erased meanwhile is dropped, what humans said of the text is put over the others, and saving
    the same answer again changes nothing. Counts are made of these answers from now on, so in the same transaction it is noted which
    model gave them.
    """
    rows = _lock(connection, [one for one, _ in annotated])
    current = {row.id: answer for one, answer in annotated if (row := rows.get(int(one.id))) and row.revision == one.revision}
    said = labels_in_force(connection, {key: rows[key].revision for key in current})
    current |= {key: corrected(current[key], labels) for key, labels in said.items()}
    before = _saved(connection, [rows[key] for key in current if not rows[key].waiting])
    news = {key: answer for key, answer in current.items() if key not in before or not _is_same(before[key], answer)}
    connection.execute(delete(outdated).where(outdated.c.feedback_id.in_(sorted(current))))
    if not news:
        return 0
    ids = sorted(news)
    done = {"waiting": False, "claims": 0, "claimed_until": None, "error": None}
    fresh = [key for key in ids if key not in before]
    connection.execute(update(feedback).where(feedback.c.id.in_(fresh)).values(done))
    # Another answer to a text that had one: a new model rewrites history, and history never pages.
    again = [key for key in ids if not rows[key].waiting and rows[key].live]
    connection.execute(update(feedback).where(feedback.c.id.in_(again)).values(live=False))
    _write(connection, rows, news, now, fresh=fresh)
    _save_embeddings(connection, rows, news)
    for workspace, model, taxonomy in sorted({(rows[key].workspace_id, news[key].model, news[key].taxonomy) for key in ids}):
        note_model(connection, str(workspace), model, taxonomy, now)
    return len(ids)


def correct_feedback(
    connection: Connection, workspace_id: str, feedback_id: str, labels: Labels, *, actor: str, now: datetime
) -> Correction:
    """Keep a human's word on a text, and put it over what is said of it now and later, as long as its author does not edit it.

    What was corrected is history, and pages nobody. Raises NotFound.
    """
    stored = get_feedback(connection, workspace_id, feedback_id)
    row = _lock(connection, [stored.feedback])[int(stored.feedback.id)]
    before = get_feedback(connection, workspace_id, feedback_id)  # what it is now that nobody else changes it
    correction = add_correction(connection, before.feedback, labels, said_before(before.annotation, labels), actor=actor, now=now)
    connection.execute(update(feedback).where(feedback.c.id == row.id).values(live=False))
    if before.annotation is not None:
        _write(connection, {row.id: row}, {row.id: corrected(before.annotation, labels)}, now, fresh=[])
    return correction


def save_failure(connection: Connection, failed: Feedback, error: str, now: datetime) -> None:
    """Set a text aside that the model cannot take; `error` is shown with it, unless it has an older annotation, which it keeps.

    Dropped when the text was edited meanwhile.
    """
    key = row_id(failed.id, "feedback")
    mine = (feedback.c.id == key) & (feedback.c.revision == failed.revision) & feedback.c.waiting
    connection.execute(update(feedback).where(mine).values(waiting=False, claimed_until=None, error=error))
    connection.execute(update(outdated).where(outdated.c.feedback_id == key).values(claimed_until=None, error=error))


def newest_annotated(connection: Connection, workspace_id: str, limit: int) -> list[tuple[AnnotatedFeedback, Labels]]:
    """The newest texts whose annotation is of their present wording, each with what humans said of it."""
    query = (
        select(feedback.c.id)
        .join_from(feedback, annotations, annotations.c.feedback_id == feedback.c.id)
        .where(feedback.c.workspace_id == row_id(workspace_id, "workspace"), annotations.c.revision == feedback.c.revision)
        .order_by(feedback.c.created_at.desc(), feedback.c.id.desc())
        .limit(limit)
    )
    rows = load_annotated(connection, workspace_id, connection.scalars(query).all())
    said = labels_in_force(connection, {int(row.feedback.id): row.feedback.revision for row in rows})
    return [(row, said.get(int(row.feedback.id), Labels())) for row in rows]


def _lock(connection: Connection, asked: Sequence[Feedback]) -> dict[int, AnyRow]:
    wanted = ("id", "workspace_id", "revision", "waiting", "live", "bucket", "fingerprint", "created_at")
    query = select(*(feedback.c[name] for name in wanted)).where(feedback.c.id.in_([int(one.id) for one in asked]))
    # In the order of ids: two savers of the same rows wait for each other instead of deadlocking.
    return {row.id: row for row in connection.execute(query.order_by(feedback.c.id).with_for_update())}


def _write(
    connection: Connection, rows: Mapping[int, AnyRow], answers: Mapping[int, Annotation], now: datetime, *, fresh: Sequence[int]
) -> None:
    """Replace what is said of these rows, and have it counted; of the `fresh` ones nothing was said before."""
    ids = sorted(answers)
    values = [_values(rows[key], answers[key], now) for key in ids]
    upsert(connection, annotations, values, key=["feedback_id"])
    connection.execute(delete(annotation_topics).where(annotation_topics.c.feedback_id.in_(ids)))
    topics = [{"feedback_id": key, "workspace_id": rows[key].workspace_id} | topic for key in ids for topic in topic_values(answers[key])]
    if topics:
        connection.execute(*insert_all(connection, annotation_topics, topics))
    _touch(connection, [rows[key] for key in ids], [rows[key] for key in fresh])


def _saved(connection: Connection, rows: Sequence[AnyRow]) -> dict[int, Annotation]:
    """What is said of these rows at present."""
    found = dict[int, Annotation]()
    for workspace in sorted({row.workspace_id for row in rows}):
        ids = [row.id for row in rows if row.workspace_id == workspace]
        stored = load_annotated(connection, str(workspace), ids)
        found |= {int(one.feedback.id): one.annotation for one in stored if one.annotation is not None}
    return found


def _is_same(stored: Annotation, answer: Annotation) -> bool:
    return annotation_values(stored) == annotation_values(answer) and topic_values(stored) == topic_values(answer)


def _values(row: AnyRow, answer: Annotation, now: datetime) -> dict[str, Any]:
    return {
        "feedback_id": row.id,
        "workspace_id": row.workspace_id,
        "revision": row.revision,
        **annotation_values(answer),
        "annotated_at": now,
    }


def _save_embeddings(connection: Connection, rows: Mapping[int, AnyRow], news: Mapping[int, Annotation]) -> None:
    connection.execute(delete(embeddings).where(embeddings.c.feedback_id.in_(sorted(news))))
    values = [
        {"feedback_id": key, "workspace_id": rows[key].workspace_id, "space": one.space, "direction": one.direction}
        for key, answer in sorted(news.items())
        if (one := answer.embedding) is not None
    ]
    if values:
        connection.execute(*insert_all(connection, embeddings, values))


def _touch(connection: Connection, rows: Sequence[AnyRow], fresh: Sequence[AnyRow]) -> None:
    """Have the buckets of rows counted anew; what they are reposts of, or others of them, only the `fresh` ones decide."""
    for workspace in sorted({row.workspace_id for row in rows}):
        touch(connection, workspace, [row.bucket for row in rows if row.workspace_id == workspace])
        mine = [row for row in fresh if row.workspace_id == workspace]
        touch_later_reposts(connection, workspace, [(row.fingerprint, row.created_at) for row in mine])
