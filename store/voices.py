"""Who said what is counted: the rows behind a count, with what makes two of them one voice."""

from collections.abc import Iterable
from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection, select, true

from store.cells import joined, value_of
from store.counting import MOST_TOPICS
from store.dialect import row_id
from store.dimensions import scope_filters
from store.records import Measure, Scope
from store.tables import annotation_topics, annotations, feedback

MOST_VOICES = 5_000


class Voice(NamedTuple):
    """One row that counts. `fingerprint`: of its words; `author`: within its source; None where not known."""

    feedback_id: str
    bucket: datetime
    fingerprint: int | None
    author: tuple[str, str] | None


def voices(
    connection: Connection, workspace_id: str, scope: Scope, measure: Measure, since: datetime, until: datetime, *, live: bool
) -> list[Voice]:
    """The rows that a measure counts in [since, until), oldest first; at most the newest MOST_VOICES. `live`: without history."""
    filters = scope_filters(scope)
    columns = {name: value_of(connection, name) for name in filters}
    negative = (annotation_topics.c.sentiment if scope.topic is not None else annotations.c.sentiment) == "negative"
    counts = {"negative": negative, "share": negative, "complaint": annotations.c.complaint}.get(measure, true())
    query = (
        select(feedback.c.id, feedback.c.bucket, feedback.c.fingerprint, feedback.c.source, feedback.c.author_id)
        .select_from(joined(list(filters)))
        .where(feedback.c.workspace_id == row_id(workspace_id, "workspace"), feedback.c.bucket >= since, feedback.c.bucket < until)
        .where(annotation_topics.c.position < MOST_TOPICS if scope.topic is not None else true())
        .where(*(columns[name] == value for name, value in filters.items()), counts)
        .where(feedback.c.live if live else true())
        .order_by(feedback.c.created_at.desc(), feedback.c.id.desc())
        .limit(MOST_VOICES)
    )
    rows = [
        Voice(str(row.id), row.bucket, row.fingerprint, None if row.author_id is None else (row.source, row.author_id))
        for row in connection.execute(query)
    ]
    return rows[::-1]


def texts_of(connection: Connection, workspace_id: str, ids: Iterable[str]) -> dict[str, str]:
    """The texts of these rows."""
    chosen = [int(one) for one in ids]
    mine = (feedback.c.workspace_id == row_id(workspace_id, "workspace")) & feedback.c.id.in_(chosen)
    return {str(row.id): row.text for row in connection.execute(select(feedback.c.id, feedback.c.text).where(mine))}
