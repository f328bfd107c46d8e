"""GET /v1/feedback/{id}/similar: stored feedback that means the same, in whatever language it is written."""

from typing import Annotated

from fastapi import APIRouter, Query
from pydantic import BaseModel, Field

from api.auth import Reader
from api.feedback import shown
from api.filters import From, To
from api.route import Route
from api.schemas import EVERY_CALL, FeedbackOut, problems, read_stretch
from api.services import With
from nlp.embedding import nearest
from store.feedback import load_annotated
from store.similar import get_embedding, load_directions

router = APIRouter(prefix="/v1/feedback", tags=["feedback"], route_class=Route, responses=problems(*EVERY_CALL))
MOST_COMPARED = 20_000
"""Embeddings that one call reads: 8 MB."""
MOST_FOUND = 100


class SimilarFeedback(BaseModel):
    similarity: float = Field(description="Cosine of the angle between the embeddings: 1 for the same meaning, around 0 for nothing alike.")
    feedback: FeedbackOut


class SimilarOut(BaseModel):
    data: list[SimilarFeedback] = Field(description="The nearest first.")
    compared: int = Field(description=f"How many were looked at: the newest {MOST_COMPARED:,} of the stretch at most.")


@router.get("/{feedback_id}/similar", summary="Feedback that means alike, across languages", responses=problems(404, 409))
def list_similar(
    *,
    feedback_id: str,
    caller: Reader,
    services: With,
    since: From = None,
    until: To = None,
    limit: Annotated[int, Query(ge=1, le=MOST_FOUND)] = 10,
) -> SimilarOut:
    """Nearest by the model's embedding, among the newest feedback of the workspace written from `from` to `to`."""
    first, last = read_stretch(since, until)
    with services.database.read() as connection:
        asked = get_embedding(connection, caller.workspace_id, feedback_id)
        ids, directions = load_directions(connection, caller.workspace_id, asked.space, since=first, until=last, most=MOST_COMPARED)
        # One more than asked: the nearest of all is the feedback itself.
        found = [(ids[at], cosine) for at, cosine in nearest(asked.direction, directions, most=limit + 1) if str(ids[at]) != feedback_id]
        rows = load_annotated(connection, caller.workspace_id, [one for one, _ in found])
    cosines = dict(found[:limit])
    data = [
        SimilarFeedback(similarity=cosines[int(row.feedback.id)], feedback=shown(row)) for row in rows if int(row.feedback.id) in cosines
    ]
    return SimilarOut(data=data, compared=len(ids))
