"""A human's word against an annotation: given below its feedback, and listed under /v1/corrections for review and for `koe adapt`."""

import json

from fastapi import APIRouter, Response
from pydantic import Field

from api.alerts import actor_of
from api.auth import Manager, Reader
from api.feedback import FeedbackWithHistory, with_history
from api.languages import known_language
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from api.route import Route
from api.schemas import EVERY_CALL, Body, CorrectionOut, check_topic, problems
from api.services import With
from core.errors import InvalidInput
from nlp.topics import Taxonomy
from store.annotations import correct_feedback
from store.corrections import corrected_texts, labels_values, list_corrections
from store.records import CorrectedText, Labels, Sentiment, TopicCorrection

router = APIRouter(tags=["corrections"], route_class=Route, responses=problems(*EVERY_CALL))
MOST_TOPICS = 100


class TopicCorrectionIn(Body):
    id: str = Field(max_length=100, description="Of GET /v1/taxonomy.")
    present: bool = Field(default=True, description="false: the text does not speak of it.")
    sentiment: Sentiment | None = Field(
        default=None, description="What is said of this topic; when left out, as the model or else the text has it."
    )


class CorrectionIn(Body):
    """At least one of them; what is left out stays as it is."""

    sentiment: Sentiment | None = None
    complaint: bool | None = None
    language: str | None = Field(default=None, max_length=35)
    topics: list[TopicCorrectionIn] = Field(
        default_factory=list,
        max_length=MOST_TOPICS,
        examples=[[{"id": "price", "sentiment": "negative"}, {"id": "support", "present": False}]],
    )


class CorrectedTextOut(CorrectionOut):
    text: str = Field(description="As it is now.")


@router.post(
    "/v1/feedback/{feedback_id}/corrections",
    status_code=201,
    summary="Correct what is said of a feedback",
    responses=problems(404, 413, 415),
)
def correct(feedback_id: str, body: CorrectionIn, caller: Manager, services: With) -> FeedbackWithHistory:
    """Holds at once and whenever the text is annotated again, as long as its author does not edit it. It pages nobody."""
    with services.database.write() as connection:
        labels = read_labels(body, services.topics_of(connection, caller.workspace_id))
        correct_feedback(connection, caller.workspace_id, feedback_id, labels, actor=actor_of(caller), now=services.clock())
        answer = with_history(connection, caller.workspace_id, feedback_id)
    services.nudge("roll_up")
    return answer


@router.get("/v1/corrections", summary="Corrections, newest first")
def list_all(caller: Reader, services: With, limit: Limit = DEFAULT_LIMIT, cursor: Cursor = None) -> Page[CorrectedTextOut]:
    with services.database.read() as connection:
        page = list_corrections(connection, caller.workspace_id, limit=limit, cursor=cursor)
    return Page(data=[shown(row) for row in page.rows], next=page.next)


@router.get(
    "/v1/corrections/export",
    summary="Corrected texts with their labels, as JSONL for koe adapt",
    response_class=Response,
    responses={200: {"content": {"application/x-ndjson": {"schema": {"type": "string"}}}, "description": "One text a line."}},
)
def export(caller: Reader, services: With) -> Response:
    """Of several corrections of one text the latest word on each thing; those of a text that was edited since are left out."""
    with services.database.read() as connection:
        rows = [
            {"feedback_id": one, "text": text, **labels_values(labels)}
            for one, text, labels in corrected_texts(connection, caller.workspace_id)
        ]
    lines = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    return Response(lines, media_type="application/x-ndjson")


def read_labels(body: CorrectionIn, taxonomy: Taxonomy) -> Labels:
    """Raises InvalidInput for a correction of nothing, an unknown topic or language, and one that contradicts itself."""
    if not body.model_dump(exclude_none=True, exclude_defaults=True):
        raise InvalidInput(
            'nothing is corrected; give one or more of sentiment, complaint, language, topics, such as {"sentiment": "neutral"}'
        )
    for number, topic in enumerate(body.topics):
        check_topic(topic.id, taxonomy, f"topics.{number}.id")
        if not topic.present and topic.sentiment is not None:
            raise InvalidInput("a topic that is not there has no sentiment; leave one of the two out", field=f"topics.{number}.sentiment")
        if topic.id in {other.id for other in body.topics[:number]}:
            raise InvalidInput(f"topic {topic.id!r} is named twice; name it once", field=f"topics.{number}.id")
    topics = tuple(TopicCorrection(topic.id, topic.present, topic.sentiment) for topic in body.topics)
    return Labels(body.sentiment, body.complaint, known_language(body.language), topics)


def shown(row: CorrectedText) -> CorrectedTextOut:
    """One correction as the list shows it."""
    return CorrectedTextOut(text=row.text, **CorrectionOut.model_validate(row.correction).model_dump())
