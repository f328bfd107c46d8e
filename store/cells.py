"""Cells: counts per bucket and values of some dimensions, kept in advance for up to two, counted from the rows for more."""

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, FromClause, Select, Subquery, and_, case, func, not_, select, true, union_all
from sqlalchemy import cast as sql_cast

from core.times import DAY, HOUR, floor_to
from store.counting import GRAINS, MEASURES, MOST_TOPICS
from store.dialect import Words, bytewise, start_of
from store.dimensions import ATTRIBUTE, MOST_IN_ADVANCE, facet_name, sort_dimensions
from store.tables import annotation_topics, annotations, feedback, feedback_brands, rollups

Stretch = tuple[int, datetime, datetime]
"""Grain in minutes, start, end."""


def stretches(since: datetime, until: datetime) -> list[Stretch]:
    """The days, hours and buckets that together cover [since, until), which is widened to whole buckets."""
    first, last = floor_to(since, GRAINS[5]), floor_to(until + GRAINS[5] - timedelta(microseconds=1), GRAINS[5])
    return [one for one in _split(first, last, ((1440, DAY), (60, HOUR))) if one[1] < one[2]]


def cells(
    connection: Connection,
    workspace: int,
    names: Sequence[str],
    filters: Mapping[str, str],
    parts: Sequence[Stretch],
    *,
    in_advance: bool | None = None,
) -> Subquery:
    """Rows of `bucket`, a column per dimension of `names` and `filters`, and MEASURES; for every part of its grain, empty ones left out.

    `in_advance` False counts from the rows although there are cells.
    """
    dims = sort_dimensions([*names, *filters])
    kept = len(dims) <= MOST_IN_ADVANCE if in_advance is None else in_advance
    selects = [_kept(workspace, dims, filters, part) if kept else _raw(connection, workspace, dims, filters, part) for part in parts]
    return (union_all(*selects) if len(selects) > 1 else selects[0]).subquery()


def _split(first: datetime, last: datetime, grains: Sequence[tuple[int, timedelta]]) -> list[Stretch]:
    if not grains:
        return [(5, first, last)]
    grain, width = grains[0]
    start, end = floor_to(first + width - timedelta(microseconds=1), width), floor_to(last, width)
    if start >= end:
        return _split(first, last, grains[1:])
    return [*_split(first, start, grains[1:]), (grain, start, end), *_split(end, last, grains[1:])]


def _kept(workspace: int, dims: Sequence[str], filters: Mapping[str, str], part: Stretch) -> Select[*tuple[Any, ...]]:
    grain, since, until = part
    columns = dict(zip(dims, (rollups.c.first, rollups.c.second), strict=False))
    query = (
        select(rollups.c.bucket, *(column.label(name) for name, column in columns.items()), *(rollups.c[name] for name in MEASURES))
        .where(rollups.c.workspace_id == workspace, rollups.c.grain == grain, rollups.c.dims == facet_name(dims))
        .where(rollups.c.bucket >= since, rollups.c.bucket < until)
        .where(*(columns[name] == value for name, value in filters.items()))
    )
    # Says nothing new, but lets the index by values reach the bucket.
    return query.where(rollups.c.second == "") if filters and len(dims) == 1 else query


def _raw(
    connection: Connection, workspace: int, dims: Sequence[str], filters: Mapping[str, str], part: Stretch
) -> Select[*tuple[Any, ...]]:
    grain, since, until = part
    columns = {name: value_of(connection, name) for name in dims}
    bucket = start_of(connection, feedback.c.bucket, GRAINS[grain])
    measures = _measures(annotation_topics.c.sentiment if "topic" in dims else annotations.c.sentiment)
    return (
        select(bucket.label("bucket"), *(column.label(name) for name, column in columns.items()), *measures)
        .select_from(joined(dims))
        .where(feedback.c.workspace_id == workspace, feedback.c.bucket >= since, feedback.c.bucket < until)
        .where(annotation_topics.c.position < MOST_TOPICS if "topic" in dims else true())
        .where(*(column != "" for column in columns.values()))
        .where(*(columns[name] == value for name, value in filters.items()))
        .group_by(bucket, *columns.values())
    )


def joined(dims: Sequence[str]) -> FromClause:
    rows: FromClause = feedback.join(annotations, annotations.c.feedback_id == feedback.c.id)
    if "topic" in dims:
        rows = rows.join(annotation_topics, annotation_topics.c.feedback_id == feedback.c.id)
    if "brand" in dims:
        rows = rows.join(feedback_brands, feedback_brands.c.feedback_id == feedback.c.id)
    return rows


def value_of(connection: Connection, name: str) -> ColumnElement[str]:
    if name.startswith(ATTRIBUTE):
        value: ColumnElement[str] = feedback.c.attributes[name.removeprefix(ATTRIBUTE)].as_string()
        return bytewise(connection, value)
    fixed: dict[str, ColumnElement[str]] = {
        "brand": bytewise(connection, sql_cast(feedback_brands.c.brand_id, Words)),
        "topic": annotation_topics.c.topic,
        "source": feedback.c.source,
        "language": annotations.c.language,
    }
    return fixed[name]


def _measures(sentiment: ColumnElement[str]) -> list[ColumnElement[int]]:
    effective, late = not_(feedback.c.repost), not_(feedback.c.live)
    negative, positive = sentiment == "negative", sentiment == "positive"
    counted = (
        true(), effective, negative, positive, and_(effective, negative), and_(effective, positive), annotations.c.complaint, late,
        and_(late, negative), and_(late, annotations.c.complaint),
    )  # fmt: skip
    return [func.sum(case((whether, 1), else_=0)).label(name) for name, whether in zip(MEASURES, counted, strict=True)]
