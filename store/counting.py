"""Counts one bucket anew from its feedback: brands, reposts, and a cell for every facet. Counting again gives the same."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from functools import cache
from itertools import combinations, pairwise
from typing import Any

from sqlalchemy import ColumnElement, Connection, case, delete, exists, func, insert, literal, or_, select, tuple_, update

from core.times import BUCKET, DAY, HOUR, floor_to
from store.buckets import REPOST_WITHIN
from store.dialect import AnyRow, add_rows, before, unindexed
from store.dimensions import ATTRIBUTE, LENGTH, facet_name, facet_names
from store.query import Folded, InvalidQuery, Query, parse_query
from store.rows import FEEDBACK, to_feedback
from store.tables import annotation_topics, annotations, brands, feedback, feedback_brands, rollups

MOST_TOPICS = 10
"""Topics of one feedback that count, surest first. With b brands and d dimensions set, a feedback makes at most
1 + s + s(s-1)/2 cells, s = b + 10 + d: what it says decides, not its length."""
MEASURES = (
    "count", "effective", "negative", "positive", "effective_negative", "effective_positive", "complaint", "late_count", "late_negative",
    "late_complaint",
)  # fmt: skip
CELL = ("workspace_id", "grain", "dims", "bucket", "first", "second", *MEASURES)
GRAINS = {5: BUCKET, 60: HOUR, 1440: DAY}
"""Minutes -> width."""
ROWS_AT_ONCE = 2000
LENGTHS = tuple(2**power for power in range(3, 13))
"""Characters from which a text counts as longer: 8, 16, 32, ... 4,096."""

LENGTHS_OF_SOURCES = facet_name(["source", LENGTH])

Voice = tuple[str, bool, bool, bool]
"""What of a feedback is measured: sentiment, effective, complaint, late."""
Place = tuple[datetime, str, str, str]
"""Bucket, facet and its two values."""


def recount(connection: Connection, workspace_id: int, attributes: Sequence[str], buckets: Sequence[datetime]) -> None:
    """Rewrite the cells of these buckets, and of the hours and days around them, from what is stored now.

    The caller keeps others from counting the same workspace meanwhile.
    """
    facets = facet_names(attributes)
    cells = _count(connection, workspace_id, attributes, buckets)
    _delete_cells(connection, workspace_id, 5, facets, buckets)
    add_rows(
        connection,
        rollups,
        CELL,
        ((workspace_id, 5, facet, bucket, first, second, *sums) for (bucket, facet, first, second), sums in cells),
    )
    for grain, finer in ((60, 5), (1440, 60)):
        stretches = sorted({floor_to(bucket, GRAINS[grain]) for bucket in buckets})
        _delete_cells(connection, workspace_id, grain, facets, stretches)
        for start in stretches:
            _sum_cells(connection, workspace_id, facets, (grain, finer), start)


def _count(
    connection: Connection, workspace_id: int, attributes: Sequence[str], buckets: Sequence[datetime]
) -> Iterator[tuple[Place, list[int]]]:
    queries = _brand_queries(connection, workspace_id)
    voices = Counter[tuple[Place, Voice]]()
    changed = dict[int, bool]()
    for rows in connection.execute(_rows_of(connection, workspace_id, buckets, bool(queries))).partitions(ROWS_AT_ONCE):
        topics = _topics_of(connection, [row.id for row in rows])
        spoken_of = _match_brands(connection, workspace_id, rows, queries) if queries else {}
        changed |= {row.id: row.reposted for row in rows if row.reposted != row.repost}
        for row in rows:
            voices.update(_voices_of(row, attributes, spoken_of.get(row.id, ()), topics.get(row.id, ())))
    for reposted in (True, False):
        _mark(connection, [one for one, value in changed.items() if value is reposted], reposted=reposted)
    return _measure(voices)


def _rows_of(connection: Connection, workspace_id: int, buckets: Sequence[datetime], with_texts: bool) -> Any:  # noqa: FBT001
    earlier, said = feedback.alias(), annotations.alias()
    reposted = exists().where(
        earlier.c.workspace_id == workspace_id,
        earlier.c.fingerprint == feedback.c.fingerprint,
        earlier.c.created_at >= before(connection, feedback.c.created_at, REPOST_WITHIN),
        earlier.c.created_at <= feedback.c.created_at,
        or_(earlier.c.created_at < feedback.c.created_at, earlier.c.id < feedback.c.id),
        said.c.feedback_id == earlier.c.id,
    )
    texts = FEEDBACK if with_texts else [feedback.c.id, feedback.c.source, feedback.c.attributes, feedback.c.live]
    spoken = [annotations.c.language.label("spoken"), annotations.c.sentiment, annotations.c.complaint]
    length = length_of(feedback.c.text).label(LENGTH)
    return (
        select(*texts, feedback.c.bucket, feedback.c.repost, *spoken, reposted.label("reposted"), length)
        .join_from(feedback, annotations, annotations.c.feedback_id == feedback.c.id)
        .where(feedback.c.workspace_id == workspace_id, feedback.c.bucket.in_(buckets))
        .execution_options(yield_per=ROWS_AT_ONCE)
    )


def length_of(text: ColumnElement[str]) -> ColumnElement[str]:
    """The least length, in characters, of texts that count as this one does."""
    longer = func.length(text)
    return case(*((longer < limit, str(least)) for least, limit in pairwise((0, *LENGTHS))), else_=str(LENGTHS[-1]))


def _topics_of(connection: Connection, ids: Sequence[int]) -> dict[int, list[tuple[str, str]]]:
    topics = dict[int, list[tuple[str, str]]]()
    columns = (annotation_topics.c.feedback_id, annotation_topics.c.topic, annotation_topics.c.sentiment)
    query = select(*columns).where(annotation_topics.c.feedback_id.in_(ids), annotation_topics.c.position < MOST_TOPICS)
    for one, topic, sentiment in connection.execute(query):
        topics.setdefault(one, []).append((topic, sentiment))
    return topics


def _brand_queries(connection: Connection, workspace_id: int) -> dict[int, Query]:
    queries = dict[int, Query]()
    for brand, text in connection.execute(select(brands.c.id, brands.c.query).where(brands.c.workspace_id == workspace_id)):
        try:
            queries[brand] = parse_query(text)
        except InvalidQuery:
            # Saved by a version that understood more: it matches nothing until somebody rewrites it, and the others count on.
            continue
    return queries


def _match_brands(connection: Connection, workspace_id: int, rows: Sequence[AnyRow], queries: dict[int, Query]) -> dict[int, list[int]]:
    """Which brands each row speaks of; what is stored about it is put right."""
    spoken_of = dict[int, list[int]]()
    for row in rows:
        folded = Folded(to_feedback(row))
        spoken_of[row.id] = [brand for brand, query in queries.items() if query.matches_folded(folded)]
    pair = (feedback_brands.c.feedback_id, feedback_brands.c.brand_id)
    stored = {tuple(one) for one in connection.execute(select(*pair).where(pair[0].in_([row.id for row in rows])))}
    wanted = {(row, brand) for row, found in spoken_of.items() for brand in found}
    gone, new = sorted(stored - wanted), sorted(wanted - stored)
    if gone:
        connection.execute(delete(feedback_brands).where(tuple_(*pair).in_(gone)))
    if new:
        connection.execute(
            insert(feedback_brands), [{"feedback_id": one, "brand_id": brand, "workspace_id": workspace_id} for one, brand in new]
        )
    return spoken_of


def _voices_of(
    row: AnyRow, attributes: Sequence[str], spoken_of: Iterable[int], topics: Iterable[tuple[str, str]]
) -> Iterator[tuple[Place, Voice]]:
    """Every cell this feedback counts in, and how; beside a topic with the topic's own sentiment."""
    whole: Voice = (row.sentiment, not row.reposted, row.complaint, not row.live)
    values: list[tuple[str, str, Voice]] = [("brand", str(brand), whole) for brand in spoken_of]
    values += [("topic", topic, (sentiment, *whole[1:])) for topic, sentiment in topics]
    values += [("source", row.source, whole), ("language", row.spoken, whole)]
    values += [(ATTRIBUTE + name, row.attributes[name], whole) for name in sorted(attributes) if name in row.attributes]
    values = [one for one in values if one[1]]
    yield (row.bucket, "", "", ""), whole
    yield (row.bucket, LENGTHS_OF_SOURCES, row.source, row.length), whole
    for name, value, voice in values:
        yield (row.bucket, name, value, ""), voice
    for (name, value, voice), (other, second, other_voice) in combinations(values, 2):
        if name != other:
            yield (row.bucket, f"{name},{other}", value, second), other_voice if other == "topic" else voice


def _measure(voices: Counter[tuple[Place, Voice]]) -> Iterator[tuple[Place, list[int]]]:
    cells = dict[Place, list[int]]()
    for (place, voice), count in voices.items():
        cell = cells.get(place)
        if cell is None:
            cell = cells[place] = [0] * len(MEASURES)
        for index in _counted(*voice):
            cell[index] += count
    yield from cells.items()


@cache
def _counted(sentiment: str, effective: bool, complaint: bool, late: bool) -> list[int]:  # noqa: FBT001
    """Which of MEASURES a voice adds to."""
    negative, positive = sentiment == "negative", sentiment == "positive"
    whether = (
        True, effective, negative, positive, effective and negative, effective and positive, complaint, late, late and negative,
        late and complaint,
    )  # fmt: skip
    return [index for index, counted in enumerate(whether) if counted]


def _mark(connection: Connection, ids: Sequence[int], *, reposted: bool) -> None:
    for start in range(0, len(ids), ROWS_AT_ONCE):
        some = ids[start : start + ROWS_AT_ONCE]
        connection.execute(update(feedback).where(feedback.c.id.in_(some)).values(repost=reposted))


def _delete_cells(connection: Connection, workspace_id: int, grain: int, facets: Sequence[str], starts: Sequence[datetime]) -> None:
    mine = (rollups.c.workspace_id == workspace_id) & (rollups.c.grain == grain)
    connection.execute(delete(rollups).where(mine, rollups.c.dims.in_(facets), rollups.c.bucket.in_(starts)))


def _sum_cells(connection: Connection, workspace_id: int, facets: Sequence[str], grains: tuple[int, int], start: datetime) -> None:
    grain, finer = grains
    cell = (rollups.c.dims, rollups.c.first, rollups.c.second)
    sums = (
        select(literal(workspace_id), literal(grain), cell[0], literal(start, rollups.c.bucket.type), *cell[1:])
        .add_columns(*(func.sum(rollups.c[name]) for name in MEASURES))
        .where(rollups.c.workspace_id == workspace_id, rollups.c.grain == finer, rollups.c.dims.in_(facets))
        .where(rollups.c.bucket >= start, rollups.c.bucket < start + GRAINS[grain])
        .group_by(*(unindexed(connection, column) for column in cell))
    )
    connection.execute(insert(rollups).from_select(list(CELL), sums))
