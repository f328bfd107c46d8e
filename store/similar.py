"""Feedback that means alike: the embeddings of a workspace's newest feedback, to be compared by whoever asks."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from core.errors import Conflict
from store.dialect import EPOCH, row_id
from store.feedback import get_feedback
from store.records import Embedding
from store.search import NEVER
from store.tables import embeddings, feedback


def get_embedding(connection: Connection, workspace_id: str, feedback_id: str) -> Embedding:
    """Of one feedback. Raises NotFound; Conflict while the model has given it none."""
    get_feedback(connection, workspace_id, feedback_id)
    row = connection.execute(select(embeddings).where(embeddings.c.feedback_id == row_id(feedback_id, "feedback"))).one_or_none()
    if row is None:
        raise Conflict(f"feedback {feedback_id} has no embedding: it waits for the model, or its model makes none")
    return Embedding(row.space, bytes(row.direction))


def load_directions(
    connection: Connection, workspace_id: str, space: str, *, since: datetime | None, until: datetime | None, most: int
) -> tuple[Sequence[int], Sequence[bytes]]:
    """Ids and directions in `space` of the newest `most` feedback written in [since, until), newest first."""
    query = (
        select(feedback.c.id, embeddings.c.direction)
        .join_from(feedback, embeddings, embeddings.c.feedback_id == feedback.c.id)
        .where(feedback.c.workspace_id == row_id(workspace_id, "workspace"), embeddings.c.space == space)
        .where(feedback.c.created_at >= (since or EPOCH), feedback.c.created_at < (until or NEVER))
        .order_by(feedback.c.created_at.desc(), feedback.c.id.desc())
        .limit(most)
    )
    rows = connection.execute(query).all()
    return [row.id for row in rows], [bytes(row.direction) for row in rows]
