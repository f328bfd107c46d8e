"""GET /v1/themes: what customers speak of, how large it is, how it changes, and in whose words."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from fastapi import APIRouter
from pydantic import Field
from sqlalchemy import Connection

from api.auth import Reader
from api.filters import Brand, From, Language, To, known_brand
from api.languages import known_language
from api.paging import Cursor, Limit, Page
from api.route import Route
from api.schemas import EVERY_CALL, Out, problems, read_stretch
from api.services import With
from core.errors import InvalidInput, NotFound
from insights.themes import Quote, Theme, ThemeCounts, build_themes
from nlp.topics import Topic, name_of
from store.paging import open_cursor, seal_cursor
from store.records import AnnotatedFeedback, Counts, FeedbackQuery, Scope, Sentiment, Span, TopicMention
from store.rollups import totals
from store.search import search_feedback

router = APIRouter(prefix="/v1/themes", tags=["themes"], route_class=Route, responses=problems(*EVERY_CALL))
USUAL_STRETCH = timedelta(days=7)
CANDIDATES = 60
"""Newest feedback of a topic that quotes and keyphrases are chosen from."""
LARGEST_PAGE = 1000


class ChangeOut(Out):
    count: float | None = Field(description="Relative to the period before: 0.5 is half as much again. Null when there was nothing.")
    negative_share: float | None = Field(description="Difference to the period before.")


class QuoteOut(Out):
    feedback_id: str
    text: str
    language: str
    sentiment: Sentiment


class ThemeOut(Out):
    id: str
    label: str
    topic: str
    count: int
    effective: int = Field(description="Reposts counted once.")
    sentiment: dict[Sentiment, int] = Field(description="By what is said of this very theme.")
    negative_share: float
    change: ChangeOut
    languages: dict[str, int]
    keyphrases: list[str]
    quotes: list[QuoteOut]


@router.get("", summary="What customers speak of, the largest theme first")
def list_themes(
    caller: Reader,
    services: With,
    brand: Brand = None,
    since: From = None,
    until: To = None,
    language: Language = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Page[ThemeOut]:
    """Of [from, to), beside the period of equal length before it. Without `to` it ends now; without `from` it is seven days."""
    first, last = period(since, until, services.clock())
    with services.database.read() as connection:
        scope = Scope(brand=known_brand(connection, caller.workspace_id, brand), language=known_language(language))
        themes = find_themes(
            connection, caller.workspace_id, services.topics_of(connection, caller.workspace_id).topics, scope, (first, last)
        )
    skip = 0 if cursor is None else max(0, int(open_cursor(cursor, int)[0]))
    following = seal_cursor([skip + limit]) if len(themes) > skip + limit else None
    return Page(data=[ThemeOut.model_validate(theme) for theme in themes[skip : skip + limit]], next=following)


@router.get("/{theme_id}", summary="One theme", responses=problems(404))
def show_theme(
    theme_id: str,
    caller: Reader,
    services: With,
    brand: Brand = None,
    since: From = None,
    until: To = None,
    language: Language = None,
) -> ThemeOut:
    """As in the list; 404 when nobody speaks of it in the period."""
    page = list_themes(caller, services, brand, since, until, language, limit=LARGEST_PAGE)
    for theme in page.data:
        if theme.id == theme_id:
            return theme
    raise NotFound(f"no theme {theme_id[:40]!r} in this period; GET /v1/themes lists them")


def period(since: str | None, until: str | None, now: datetime) -> tuple[datetime, datetime]:
    """The stretch asked for. Raises InvalidInput for one that ends before it begins."""
    first, last = read_stretch(since, until)
    last = last or now
    first = first or last - USUAL_STRETCH
    if first >= last:
        raise InvalidInput("from must be before to, which is now when left out", field="from")
    return first, last


def find_themes(
    connection: Connection, workspace_id: str, topics: Sequence[Topic], scope: Scope, stretch: tuple[datetime, datetime]
) -> list[Theme]:
    """The topics of the taxonomy that occur in the stretch, as themes."""
    since, until = stretch
    earlier = max(since - (until - since), datetime.fromtimestamp(0, since.tzinfo))
    now = totals(connection, workspace_id, since, until, by="topic", scope=scope)
    before = totals(connection, workspace_id, earlier, since, by="topic", scope=scope) if earlier < since else {}
    return build_themes(
        [
            ThemeCounts(
                id=topic.id,
                label=name_of(topic),
                topic=topic.id,
                now=now[topic.id],
                before=before.get(topic.id, Counts()),
                languages=count_languages(connection, workspace_id, replace(scope, topic=topic.id), stretch),
                candidates=find_quotes(connection, workspace_id, replace(scope, topic=topic.id), stretch),
            )
            for topic in topics
            if topic.id in now
        ]
    )


def count_languages(connection: Connection, workspace_id: str, scope: Scope, stretch: tuple[datetime, datetime]) -> dict[str, int]:
    """Language -> count, of one topic."""
    return {language: counts.count for language, counts in totals(connection, workspace_id, *stretch, by="language", scope=scope).items()}


def find_quotes(connection: Connection, workspace_id: str, scope: Scope, stretch: tuple[datetime, datetime]) -> list[Quote]:
    """The newest sentences about a topic."""
    query = FeedbackQuery(
        brand=scope.brand, topic=scope.topic, language=scope.language, since=stretch[0], until=stretch[1], limit=CANDIDATES
    )
    page = search_feedback(connection, workspace_id, query)
    return [quote for row in page.rows if (quote := quote_of(row, scope.topic)) is not None]


def quote_of(row: AnnotatedFeedback, topic: str | None) -> Quote | None:
    """What one text says about a topic: its evidence, or all of it where there is none."""
    mention = next((one for one in row.annotation.topics if one.id == topic), None) if row.annotation else None
    if row.annotation is None or mention is None:
        return None
    return Quote(
        feedback_id=row.feedback.id,
        text=said_about(row.feedback.text, mention),
        language=row.annotation.language.code,
        sentiment=mention.sentiment,
        confidence=mention.confidence,
    )


def said_about(text: str, mention: TopicMention) -> str:
    """The sentences that a mention rests on, in their order, with … where something is left out between them."""
    spans: tuple[Span, ...] = tuple(sorted(mention.evidence, key=lambda span: span.start)) or (Span(0, len(text)),)
    return " … ".join(text[span.start : span.end].strip() for span in spans)
