"""/v1/feedback: stored, found again, read with annotation and history, erased."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Literal

from anyio import to_thread
from fastapi import APIRouter, Query, Request, Response
from pydantic import BaseModel, Field
from sqlalchemy import Connection

from api.auth import Ingester, Manager, Reader
from api.bodies import media_type, read_body, require_json
from api.filters import Brand, Emotions, From, Language, Sentiments, Source, To, Topic, attribute_filters, known_brand
from api.intake import NDJSON, Row, read_rows
from api.languages import known_language
from api.paging import DEFAULT_LIMIT, Cursor, Limit, Page
from api.route import FilterRoute, TextsRoute
from api.schemas import (
    EVERY_CALL,
    AnnotationOut,
    AuthorShape,
    CorrectionOut,
    FeedbackOut,
    Out,
    RatingShape,
    ScoresShape,
    check_topic,
    problems,
    read_stretch,
)
from api.services import Services, With
from core.errors import InvalidInput
from core.logs import get_logger
from nlp.circumstances import input_of
from store.annotations import save_annotations
from store.circumstances import load_circumstances
from store.corrections import corrections_of
from store.feedback import add_new, delete_feedback, get_feedback, history, load_annotated
from store.query import InvalidQuery
from store.records import AnnotatedFeedback, Annotation, Circumstances, Feedback, FeedbackQuery, Kind, NewFeedback, RejectedRow, Stored
from store.search import search_feedback

push = APIRouter(prefix="/v1/feedback", tags=["feedback"], route_class=TextsRoute, responses=problems(*EVERY_CALL, 413, 415))
find = APIRouter(prefix="/v1/feedback", tags=["feedback"], route_class=FilterRoute, responses=problems(*EVERY_CALL))
router = APIRouter()
log = get_logger(__name__)
MOST_WAITING = 256
ERASED = "erased on request earlier; it is kept away"


class FeedbackIn(BaseModel):
    """One feedback on its way in. Checked row by row by the same rules as files and connectors."""

    text: str = Field(min_length=1, max_length=20_000)
    external_id: str | None = Field(default=None, max_length=256, description="Your name for it: sent again, it is the same feedback.")
    source: str | None = Field(default="api", max_length=100)
    created_at: datetime | None = Field(default=None, description="When the customer wrote it; now when left out.")
    title: str | None = Field(default=None, max_length=500)
    author: AuthorShape | None = None
    url: str | None = Field(default=None, max_length=2000)
    language: str | None = None
    country: str | None = Field(default=None, description="Two letters.")
    kind: Kind | None = "other"
    rating: RatingShape | None = None
    scores: ScoresShape | None = None
    question: str | None = Field(default=None, max_length=1000)
    product: str | None = Field(default=None, max_length=256)
    attributes: dict[str, str | float | bool] | None = None
    parent_id: str | None = Field(default=None, max_length=256)


class RowResult(BaseModel):
    status: Literal["created", "updated", "unchanged", "rejected"]
    id: str | None
    reason: str | None = None
    field: str | None = None
    annotation: AnnotationOut | None = Field(default=None, description="Only with `wait=true`.")


class FeedbackResults(BaseModel):
    results: list[RowResult] = Field(description="One for each row, in the order given.")


class RevisionOut(Out):
    revision: int
    text: str
    replaced_at: datetime


class FeedbackWithHistory(FeedbackOut):
    history: list[RevisionOut] = Field(description="Texts that edits replaced, oldest first.")
    corrections: list[CorrectionOut] = Field(description="What humans said against the annotation, oldest first.")


PUSH_BODY = {
    "required": True,
    "content": {
        "application/json": {
            "schema": {
                "anyOf": [
                    {"$ref": "#/components/schemas/FeedbackIn"},
                    {
                        "type": "object",
                        "properties": {
                            "feedback": {
                                "type": "array",
                                "minItems": 1,
                                "maxItems": 1000,
                                "items": {"$ref": "#/components/schemas/FeedbackIn"},
                            }
                        },
                        "required": ["feedback"],
                        "additionalProperties": False,
                    },
                ]
            },
            "example": {
                "text": "The parcel came three days late.",
                "external_id": "order-1204",
                "source": "shop",
                "attributes": {"plan": "pro"},
            },
        },
        "application/x-ndjson": {"schema": {"type": "string", "description": "One feedback a line, up to 10,000 lines."}},
    },
}


@push.post("", status_code=202, summary="Store feedback: one, a list, or lines", openapi_extra={"requestBody": PUSH_BODY})
async def add_feedback(
    request: Request,
    caller: Ingester,
    services: With,
    wait: Annotated[bool, Query(description=f"Annotate before answering; up to {MOST_WAITING} rows.")] = False,  # noqa: FBT002
) -> FeedbackResults:
    lines = media_type(request) in NDJSON
    if not lines:
        require_json(request)
    body = await read_body(request, TextsRoute.body_cap)
    rows = await to_thread.run_sync(lambda: read_rows(body, lines=lines, now=services.clock()))
    if wait and len(rows) > MOST_WAITING:
        raise InvalidInput(f"{len(rows):,} rows; with wait=true at most {MOST_WAITING} are taken", field="wait")
    results = await to_thread.run_sync(store_rows, services, caller.workspace_id, rows)
    if wait:
        annotations = await annotate_now(services, caller.workspace_id, [result.id for result in results if result.id])
        for result in results:
            result.annotation = annotations.get(result.id or "")
    return FeedbackResults(results=results)


def store_rows(services: Services, workspace_id: str, rows: Sequence[Row]) -> list[RowResult]:
    """Store the good rows in one transaction; the answers are in the order of `rows`."""
    good = [row for row in rows if isinstance(row, NewFeedback)]
    stored: list[Stored] = []
    if good:
        with services.database.write() as connection:
            stored = add_new(connection, workspace_id, good, now=services.clock(), live=True)
        services.nudge("annotate")
    answers = iter(stored)
    results = [_rejected(row) if isinstance(row, RejectedRow) else _accepted(next(answers)) for row in rows]
    for result in results:
        services.metrics.feedback_stored.labels(result.status).inc()
    return results


def _rejected(row: RejectedRow) -> RowResult:
    return RowResult(status="rejected", id=None, reason=row.reason, field=row.field)


def _accepted(stored: Stored) -> RowResult:
    if stored.status == "erased":
        return RowResult(status="rejected", id=None, reason=ERASED)
    return RowResult(status=stored.status, id=stored.id)


async def annotate_now(services: Services, workspace_id: str, ids: Sequence[str]) -> dict[str, AnnotationOut]:
    """Annotations of these rows by id. What the model has no room for now is left to the workers: it is stored, and nothing is lost."""
    rows = await to_thread.run_sync(_load, services, workspace_id, ids)
    known = {row.feedback.id: row.annotation for row in rows if row.annotation is not None}
    waiting = [row.feedback for row in rows if row.annotation is None and row.error is None]
    around = await to_thread.run_sync(_load_circumstances, services, waiting)
    inputs = [input_of(*one) for one in zip(waiting, around, strict=True)]
    try:
        fresh = await services.annotate(workspace_id, inputs) if inputs else []
    except Exception as error:  # the edge of a batch: the rows are stored, and whatever befell the model is for the workers to try again
        log.warning("feedback.not_annotated_now", rows=len(inputs), error=type(error).__name__)
        fresh = []
    pairs = list(zip(waiting, fresh, strict=False))
    if pairs:
        await to_thread.run_sync(_save, services, pairs)
        services.metrics.texts_annotated.labels("feedback").inc(len(pairs))
        # As they are stored: somebody may have corrected a text before it was annotated.
        saved = await to_thread.run_sync(_load, services, workspace_id, [row.id for row, _ in pairs])
        known |= {row.feedback.id: row.annotation for row in saved if row.annotation is not None}
    return {one: AnnotationOut.model_validate(annotation) for one, annotation in known.items()}


def _load(services: Services, workspace_id: str, ids: Sequence[str]) -> list[AnnotatedFeedback]:
    with services.database.read() as connection:
        return load_annotated(connection, workspace_id, [int(one) for one in ids])


def _load_circumstances(services: Services, rows: Sequence[Feedback]) -> list[Circumstances]:
    with services.database.read() as connection:
        return load_circumstances(connection, rows)


def _save(services: Services, pairs: Sequence[tuple[Feedback, Annotation]]) -> None:
    with services.database.write() as connection:
        save_annotations(connection, pairs, services.clock())
    services.nudge("roll_up")


@find.get("", summary="Search feedback, newest first")
def list_feedback(
    *,
    request: Request,
    caller: Reader,
    services: With,
    brand: Brand = None,
    q: Annotated[
        str | None,
        Query(max_length=1000, description='Words, "phrases", AND OR NOT, brackets, fields: `late AND NOT attributes.plan:pro`.'),
    ] = None,
    sentiment: Sentiments = None,
    topic: Topic = None,
    theme: Annotated[str | None, Query(max_length=100, description="Id of a theme; themes are topics.")] = None,
    language: Language = None,
    source: Source = None,
    since: From = None,
    until: To = None,
    complaint: Annotated[bool | None, Query(description="Only complaints, or only the others.")] = None,
    emotion: Emotions = None,
    limit: Limit = DEFAULT_LIMIT,
    cursor: Cursor = None,
) -> Page[FeedbackOut]:
    """`attributes.<name>=value` narrows by an attribute."""
    if topic is not None and theme not in {None, topic}:
        raise InvalidInput("themes are topics: give topic or theme, not two different ones", field="theme")
    first, last = read_stretch(since, until)
    with services.database.read() as connection:
        topics = services.topics_of(connection, caller.workspace_id)
        check_topic(topic, topics)
        check_topic(theme, topics, "theme")
        query = FeedbackQuery(
            brand=known_brand(connection, caller.workspace_id, brand),
            q=q,
            sentiment=sentiment,
            topic=topic or theme,
            language=known_language(language),
            source=source,
            since=first,
            until=last,
            complaint=complaint,
            emotion=emotion,
            attributes=attribute_filters(request),
            limit=limit,
            cursor=cursor,
        )
        try:
            page = search_feedback(connection, caller.workspace_id, query)
        except InvalidQuery as error:
            raise InvalidInput(str(error), field="q") from None
    return Page(data=[shown(row) for row in page.rows], next=page.next)


@find.get("/{feedback_id}", summary="One feedback with its annotation and history", responses=problems(404))
def show_feedback(feedback_id: str, caller: Reader, services: With) -> FeedbackWithHistory:
    with services.database.read() as connection:
        return with_history(connection, caller.workspace_id, feedback_id)


@find.delete("/{feedback_id}", status_code=204, response_class=Response, summary="Erase a feedback for good", responses=problems(404))
def erase_feedback(feedback_id: str, caller: Manager, services: With) -> None:
    with services.database.write() as connection:
        delete_feedback(connection, caller.workspace_id, feedback_id, services.clock())
    services.nudge("roll_up")


def with_history(connection: Connection, workspace_id: str, feedback_id: str) -> FeedbackWithHistory:
    """One feedback with what became of it. Raises NotFound."""
    row = get_feedback(connection, workspace_id, feedback_id)
    revisions = history(connection, workspace_id, feedback_id)
    said = corrections_of(connection, workspace_id, feedback_id)
    return FeedbackWithHistory(
        **shown(row).model_dump(),
        history=[RevisionOut.model_validate(revision) for revision in revisions],
        corrections=[CorrectionOut.model_validate(correction) for correction in said],
    )


def shown(row: AnnotatedFeedback) -> FeedbackOut:
    """One stored feedback as the API shows it."""
    annotation = None if row.annotation is None else AnnotationOut.model_validate(row.annotation)
    return FeedbackOut.model_validate(row.feedback).model_copy(update={"annotation": annotation, "error": row.error})


router.include_router(push)
router.include_router(find)
