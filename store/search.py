"""Search over stored feedback, newest first: filters by index, `q` by the same queries that brands are made of."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import ColumnElement, Connection, Select, exists, literal, select, tuple_

from core.errors import InvalidInput
from store.dialect import EPOCH, MICROSECOND, AnyRow, UtcTime, json_has, row_id
from store.feedback import load_annotated
from store.paging import open_cursor, seal_cursor
from store.query import Query, parse_query
from store.records import SENTIMENTS, FeedbackPage, FeedbackQuery
from store.rows import FEEDBACK, to_feedback
from store.tables import annotation_topics, annotations, feedback, feedback_brands

LARGEST_PAGE = 1000
MOST_READ = 10_000
"""Rows that one call reads for `q`; a page may then be short, and `next` goes on from there."""
READ_AT_ONCE = 1000
NEVER = datetime(9999, 1, 1, tzinfo=UTC)


def search_feedback(connection: Connection, workspace_id: str, query: FeedbackQuery) -> FeedbackPage:
    """Feedback that fits everything that is asked. With a topic, `sentiment` is the topic's own.

    `brand` was decided when the feedback was last counted. Raises InvalidInput for a bad limit, sentiment, cursor or stretch, InvalidQuery
    for a bad `q`, NotFound for a brand that can be none.
    """
    if not 1 <= query.limit <= LARGEST_PAGE:
        raise InvalidInput(f"limit must be 1 to {LARGEST_PAGE}", field="limit")
    if query.sentiment is not None and query.sentiment not in SENTIMENTS:
        raise InvalidInput(f"unknown sentiment {query.sentiment[:40]!r}; valid are {', '.join(SENTIMENTS)}", field="sentiment")
    wanted = None if query.q is None else parse_query(query.q)
    found, following = _find(connection, _select(connection, workspace_id, query, wanted), query, wanted)
    return FeedbackPage(rows=tuple(load_annotated(connection, workspace_id, [row.id for row in found])), next=following)


def _find(
    connection: Connection, asked: Select[*tuple[Any, ...]], query: FeedbackQuery, wanted: Query | None
) -> tuple[list[AnyRow], str | None]:
    """The rows of a page, and the cursor of the next."""
    size = query.limit + 1 if wanted is None else READ_AT_ONCE
    found: list[AnyRow] = []
    read = 0
    last = None if query.cursor is None else _place(query.cursor)
    while True:
        page = asked.limit(size)
        if last is not None:
            page = page.where(tuple_(feedback.c.created_at, feedback.c.id) < tuple_(literal(last[0], UtcTime), literal(last[1])))
        rows = connection.execute(page).all()
        found += rows if wanted is None else [row for row in rows if wanted.matches(to_feedback(row))]
        read += len(rows)
        if len(found) > query.limit:
            return found[: query.limit], _cursor(found[query.limit - 1])
        if len(rows) < size:
            return found, None
        last = (rows[-1].created_at, rows[-1].id)
        if read >= MOST_READ:
            return found, _cursor(rows[-1])


def _select(connection: Connection, workspace_id: str, query: FeedbackQuery, wanted: Query | None) -> Select[*tuple[Any, ...]]:
    workspace = row_id(workspace_id, "workspace")
    columns: Sequence[ColumnElement[Any]] = [feedback.c.id, feedback.c.created_at] if wanted is None else FEEDBACK
    return (
        select(*columns)
        .outerjoin_from(feedback, annotations, annotations.c.feedback_id == feedback.c.id)
        .where(feedback.c.workspace_id == workspace, *_conditions(connection, workspace, query))
        .order_by(feedback.c.created_at.desc(), feedback.c.id.desc())
    )


def _conditions(connection: Connection, workspace: int, query: FeedbackQuery) -> list[ColumnElement[bool]]:
    by_topic = exists().where(annotation_topics.c.feedback_id == feedback.c.id, annotation_topics.c.topic == query.topic)
    if query.topic is not None and query.sentiment is not None:
        by_topic = by_topic.where(annotation_topics.c.sentiment == query.sentiment)
    asked = {
        "topic": by_topic,
        "sentiment": annotations.c.sentiment == query.sentiment if query.topic is None else None,
        "language": annotations.c.language == query.language,
        "source": feedback.c.source == query.source,
        "complaint": annotations.c.complaint.is_(query.complaint),
        "emotion": annotations.c.emotion == query.emotion,
    }
    conditions = [feedback.c.created_at >= (query.since or EPOCH), feedback.c.created_at < (query.until or NEVER)]
    conditions += [condition for name, condition in asked.items() if getattr(query, name) is not None and condition is not None]
    if query.brand is not None:
        conditions.append(_of_brand(connection, workspace, query.brand))
    return conditions + [json_has(connection, feedback.c.attributes, name, value) for name, value in query.attributes.items()]


def _of_brand(connection: Connection, workspace: int, brand: str) -> ColumnElement[bool]:
    pair = (feedback_brands.c.feedback_id == feedback.c.id) & (feedback_brands.c.brand_id == row_id(brand, "brand"))
    return exists().where(pair, feedback_brands.c.workspace_id == workspace)


def _cursor(row: AnyRow) -> str:
    return seal_cursor([(row.created_at - EPOCH) // MICROSECOND, row.id])


def _place(cursor: str) -> tuple[datetime, int]:
    moment, one = open_cursor(cursor, int, int)
    try:
        return EPOCH + int(moment) * MICROSECOND, int(one)
    except OverflowError:
        raise InvalidInput("cursor is not one of ours; pass `next` of the page before, or leave it out", field="cursor") from None
