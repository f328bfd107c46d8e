"""POST /v1/classify: texts in, annotations out, now; it stores nothing and touches neither database nor broker."""

import asyncio
from collections.abc import Coroutine
from typing import Annotated, Any

from fastapi import APIRouter, Request
from pydantic import BaseModel, Field

from api.auth import Classifier
from api.errors import ClientGone
from api.languages import known_language
from api.route import TextsRoute
from api.schemas import EVERY_CALL, AnnotationOut, Body, check_topic, problems
from api.services import With
from core.errors import InvalidInput
from nlp.annotator import TextInput
from nlp.embedding import numbers_of
from store.intake import is_blank
from store.records import LONGEST_TEXT, Annotation

router = APIRouter(prefix="/v1/classify", tags=["classify"], route_class=TextsRoute, responses=problems(*EVERY_CALL, 413, 415, 429))
MOST_TEXTS = 256


class ClassifyIn(Body):
    texts: list[Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]] = Field(
        min_length=1,
        max_length=MOST_TEXTS,
        description=f"Up to {MOST_TEXTS} texts of 1 to {LONGEST_TEXT:,} characters (Unicode code points).",
    )
    language: str | None = Field(default=None, max_length=35, description="Of all texts, where it is known: en, ja, pt-BR, deu.")
    question: str | None = Field(default=None, max_length=1000, description="What the texts answer.")
    topics: list[str] | None = Field(
        default=None, min_length=1, max_length=200, description="Look for these topics only; ids of GET /v1/taxonomy."
    )
    embedding: bool = Field(default=False, description="Answer the embedding of each text, too.")


class AnnotationWithEmbedding(AnnotationOut):
    embedding: list[float] | None = Field(
        description="A vector of length one: the cosine with another's tells how alike two texts are in meaning. Null where the model "
        "makes none."
    )


class ClassifyOut(BaseModel):
    model: str
    results: list[AnnotationWithEmbedding | AnnotationOut] = Field(description="One for each text, in the order given.")


@router.post(
    "",
    summary="Sentiment, topics, complaint and language of texts, now",
    openapi_extra={
        "requestBody": {
            "content": {"application/json": {"example": {"texts": ["The parcel came three days late, but support was lovely."]}}}
        }
    },
)
async def classify_texts(body: ClassifyIn, request: Request, caller: Classifier, services: With) -> ClassifyOut:
    for number, text in enumerate(body.texts):
        if is_blank(text):
            raise InvalidInput("empty or only white space; give at least one visible character", field=f"texts.{number}")
    if body.topics is not None:
        own = await services.own_topics(caller.workspace_id)
        for topic in body.topics:
            check_topic(None if topic in own else topic, services.taxonomy, "topics")
    language = known_language(body.language)
    inputs = [TextInput(text, language, body.question) for text in body.texts]
    topics = None if body.topics is None else frozenset(body.topics)
    annotations = await while_connected(request, services.annotate(caller.workspace_id, inputs, topics))
    services.metrics.texts_annotated.labels("classify").inc(len(annotations))
    shown = _with_embedding if body.embedding else AnnotationOut.model_validate
    return ClassifyOut(model=annotations[0].model, results=[shown(annotation) for annotation in annotations])


def _with_embedding(annotation: Annotation) -> AnnotationWithEmbedding:
    embedding = None if annotation.embedding is None else numbers_of(annotation.embedding.direction)
    return AnnotationWithEmbedding(**AnnotationOut.model_validate(annotation).model_dump(), embedding=embedding)


async def while_connected(request: Request, work: Coroutine[Any, Any, list[Annotation]]) -> list[Annotation]:
    """What `work` gives; cancelled, with ClientGone, as soon as the client hangs up: nobody waits for the answer."""
    working = asyncio.ensure_future(work)
    gone = asyncio.ensure_future(_hang_up(request))
    try:
        await asyncio.wait({working, gone}, return_when=asyncio.FIRST_COMPLETED)
        if not working.done():
            raise ClientGone("the client hung up")
        return working.result()
    finally:
        working.cancel()
        gone.cancel()


async def _hang_up(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
