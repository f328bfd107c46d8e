"""/v1/taxonomy: the topics people speak of; a workspace adds its own, hides others, and tries a topic before it keeps it."""

import re
from collections.abc import Mapping
from typing import Annotated

from anyio import to_thread
from fastapi import APIRouter, Response
from pydantic import Field, StringConstraints
from sqlalchemy import Connection

from api.auth import Manager, Reader
from api.route import Route, TextsRoute
from api.schemas import EVERY_CALL, Body, Name, Out, TopicMentionOut, problems
from api.services import Services, With
from core.errors import Conflict, InvalidInput
from nlp.annotator import TextInput
from nlp.topics import Topic, described
from store.intake import is_blank
from store.records import LONGEST_TEXT, CustomTopic, FeedbackQuery, WorkspaceTaxonomy
from store.search import search_feedback
from store.topics import add_topic, change_topic, delete_topic, hide_topics, workspace_taxonomy

keeping = APIRouter(prefix="/v1/taxonomy", tags=["taxonomy"], route_class=Route, responses=problems(*EVERY_CALL))
trying = APIRouter(prefix="/v1/taxonomy", tags=["taxonomy"], route_class=TextsRoute, responses=problems(*EVERY_CALL, 409, 413, 415, 429))
router = APIRouter()
MOST_EXAMPLES, LONGEST_EXAMPLE, MOST_TRIED = 64, 1000, 256
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Za-z0-9]{2,8})*")
Words = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Slug = Annotated[str, StringConstraints(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


class TopicOut(Out):
    id: str
    parent: str | None
    name: dict[str, str] = Field(description="By language: en, ja.")
    description: dict[str, str]
    examples: list[str] | None = Field(default=None, description="Of the workspace's own topics; null for the built-in ones.")
    hidden: bool = Field(default=False, description="Built-in, and not looked for in this workspace.")


class TaxonomyOut(Out):
    version: str
    topics: list[TopicOut]


class TopicFields(Body):
    name: dict[str, Name] = Field(
        min_length=1, max_length=30, description="By language; one is enough for texts in any language.", examples=[{"en": "Loyalty card"}]
    )
    description: dict[str, Words] = Field(default_factory=dict, max_length=30, description="What belongs to it, by language.")
    examples: list[Annotated[str, Field(min_length=1, max_length=LONGEST_EXAMPLE)]] = Field(
        default_factory=list, max_length=MOST_EXAMPLES, description="Texts that speak of it, in any language; four help much, sixteen more."
    )
    parent: str | None = Field(default=None, max_length=40, description="Id of a wider topic.")


class NewTopic(TopicFields):
    id: Slug = Field(description="A small letter, then up to 39 of a-z, 0-9, _.")


class HiddenTopics(Body):
    hidden: list[str] = Field(max_length=200, description="Ids of built-in topics that are not looked for from now on; the others are.")


class Trial(Body):
    topic: NewTopic
    texts: list[Annotated[str, Field(min_length=1, max_length=LONGEST_TEXT)]] | None = Field(
        default=None, min_length=1, max_length=MOST_TRIED, description="The newest stored feedback when left out."
    )
    newest: int = Field(default=100, ge=1, le=MOST_TRIED, description="How many of the stored ones, without `texts`.")


class TriedText(Out):
    text: str
    feedback_id: str | None
    mention: TopicMentionOut | None = Field(description="Null where the text does not speak of the topic.")


class TrialOut(Out):
    matched: int
    results: list[TriedText] = Field(description="Those that speak of it first, the surest at the top.")


@keeping.get("", summary="The topics")
def get_taxonomy(caller: Reader, services: With) -> TaxonomyOut:
    with services.database.read() as connection:
        return _shown(services, connection, caller.workspace_id)


@keeping.post("/topics", status_code=201, summary="Add a topic of your own", responses=problems(409, 413, 415))
def make_topic(body: NewTopic, caller: Manager, services: With) -> TopicOut:
    """Found from now on in what is classified and stored; what is annotated already keeps its answer until it is annotated again."""
    with services.database.write() as connection:
        topic = _checked(services, connection, caller.workspace_id, body.id, body)
        add_topic(connection, caller.workspace_id, topic, services.clock())
    services.workspace_models.forget()
    return _own(topic)


@keeping.put("/topics/{topic_id}", summary="Change a topic of your own", responses=problems(404, 409, 413, 415))
def replace_topic(topic_id: str, body: TopicFields, caller: Manager, services: With) -> TopicOut:
    with services.database.write() as connection:
        topic = _checked(services, connection, caller.workspace_id, topic_id, body)
        change_topic(connection, caller.workspace_id, topic)
    services.workspace_models.forget()
    return _own(topic)


@keeping.delete(
    "/topics/{topic_id}", status_code=204, response_class=Response, summary="Delete a topic of your own", responses=problems(404, 409)
)
def remove_topic(topic_id: str, caller: Manager, services: With) -> None:
    if topic_id in services.taxonomy.ids:
        raise Conflict(f"{topic_id!r} is built in: PUT /v1/taxonomy/hidden hides it")
    with services.database.write() as connection:
        delete_topic(connection, caller.workspace_id, topic_id)
    services.workspace_models.forget()


@keeping.put("/hidden", summary="Say which built-in topics to hide", responses=problems(413, 415))
def hide_built_in(body: HiddenTopics, caller: Manager, services: With) -> TaxonomyOut:
    hidden = services.taxonomy.check(frozenset(body.hidden), field="hidden")
    with services.database.write() as connection:
        present = workspace_taxonomy(connection, caller.workspace_id)
        if hidden != (present.hidden if present else frozenset()):
            hide_topics(connection, caller.workspace_id, hidden)
        shown = _shown(services, connection, caller.workspace_id)
    services.workspace_models.forget()
    return shown


@trying.post("/preview", summary="See what a topic would match before you add it")
async def try_topic(body: Trial, caller: Manager, services: With) -> TrialOut:
    """With the workspace's other topics beside it, as it would be once added; nothing is stored."""
    taxonomy, texts = await to_thread.run_sync(_what_to_try, services, caller.workspace_id, body)
    annotations = await services.annotate_with(caller.workspace_id, taxonomy, [TextInput(text) for text, _ in texts])
    mentions = [next((one for one in annotation.topics if one.id == body.topic.id), None) for annotation in annotations]
    results = [
        TriedText(text=text, feedback_id=one, mention=None if mention is None else TopicMentionOut.model_validate(mention))
        for (text, one), mention in zip(texts, mentions, strict=True)
    ]
    results.sort(key=lambda tried: -(tried.mention.confidence if tried.mention else 0.0))
    return TrialOut(matched=sum(mention is not None for mention in mentions), results=results)


def _what_to_try(services: Services, workspace_id: str, body: Trial) -> tuple[WorkspaceTaxonomy, list[tuple[str, str | None]]]:
    """The workspace's topics with the one to try among them, and texts with the ids of those that are stored."""
    with services.database.read() as connection:
        topic = _checked(services, connection, workspace_id, body.topic.id, body.topic)
        present = workspace_taxonomy(connection, workspace_id) or WorkspaceTaxonomy(0)
        if body.texts is not None:
            texts: list[tuple[str, str | None]] = [(text, None) for text in _not_blank(body.texts, "texts")]
        else:
            page = search_feedback(connection, workspace_id, FeedbackQuery(limit=body.newest))
            texts = [(row.feedback.text, row.feedback.id) for row in page.rows]
    others = tuple(one for one in present.topics if one.id != topic.id)
    return WorkspaceTaxonomy(present.number, (*others, topic), present.hidden), texts


def _checked(services: Services, connection: Connection, workspace_id: str, topic_id: str, fields: TopicFields) -> CustomTopic:
    """The topic as it is stored. Raises InvalidInput or Conflict naming what would be valid."""
    if not services.model.batcher.finds_topics:
        raise Conflict("the model in use cannot find topics of your own: use the bundled model")
    if topic_id in services.taxonomy.ids:
        raise Conflict(f"{topic_id!r} is built in: choose another id, or hide it with PUT /v1/taxonomy/hidden")
    known = services.topics_of(connection, workspace_id).ids - {topic_id}
    if fields.parent is not None and fields.parent not in known:
        raise InvalidInput(f"no topic {fields.parent!r}; valid are {', '.join(sorted(known))}", field="parent")
    for field, words in (("name", fields.name), ("description", fields.description)):
        _check_languages(words, field)
    examples = tuple(dict.fromkeys(_not_blank(fields.examples, "examples")))
    return CustomTopic(topic_id, fields.parent, tuple(sorted(fields.name.items())), tuple(sorted(fields.description.items())), examples)


def _check_languages(words: Mapping[str, str], field: str) -> None:
    for language, said in words.items():
        if not _LANGUAGE.fullmatch(language):
            raise InvalidInput(f"{language[:40]!r} is no code of a language; such as en, ja, pt-BR", field=field)
        if is_blank(said):
            raise InvalidInput("empty or only white space; leave the language out instead", field=f"{field}.{language}")


def _not_blank(texts: list[str], field: str) -> list[str]:
    for number, text in enumerate(texts):
        if is_blank(text):
            raise InvalidInput("empty or only white space; give at least one visible character", field=f"{field}.{number}")
    return texts


def _shown(services: Services, connection: Connection, workspace_id: str) -> TaxonomyOut:
    own = workspace_taxonomy(connection, workspace_id) or WorkspaceTaxonomy(0)
    built_in = [_built_in(topic, topic.id in own.hidden) for topic in services.taxonomy.topics]
    return TaxonomyOut(version=described(services.taxonomy, own).version, topics=[*built_in, *map(_own, own.topics)])


def _built_in(topic: Topic, hidden: bool) -> TopicOut:  # noqa: FBT001
    return TopicOut.model_validate(topic).model_copy(update={"hidden": hidden})


def _own(topic: CustomTopic) -> TopicOut:
    return TopicOut(
        id=topic.id, parent=topic.parent, name=dict(topic.name), description=dict(topic.description), examples=list(topic.examples)
    )


router.include_router(keeping)
router.include_router(trying)
