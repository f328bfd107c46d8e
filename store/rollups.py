"""Counts over time: touched buckets are counted anew, and trends, series and totals are read from the cells."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from sqlalchemy import ColumnElement, Connection, Subquery, delete, func, literal, select, tuple_, union_all

from core.errors import InvalidInput
from core.times import BUCKET, floor_to
from store.cells import Stretch, cells, stretches
from store.counting import GRAINS, MEASURES, recount
from store.dialect import UtcTime, row_id, unindexed
from store.dimensions import check_dimensions, filters_scope, scope_filters
from store.paging import open_cursor, seal_cursor
from store.records import INTERVALS, SENTIMENTS, Counts, Measure, Scope, TrendPage, TrendQuery, TrendRow
from store.tables import touched_buckets, workspaces
from store.workspaces import get_workspace

GRAIN_OF: Final = {"5m": 5, "1h": 60, "1d": 1440}
COLUMN_OF: Final[Mapping[Measure, str]] = {
    "volume": "count", "negative": "negative", "complaint": "complaint", "share": "negative", "silence": "count", "shape": "count",
}  # fmt: skip
FOREVER: Final = (datetime(1970, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
LARGEST_PAGE = 10_000
MOST_SPLITS = 2


# --- counting --------------------------------------------------------------------------------------------------------


def roll_up_touched(connection: Connection, *, limit: int, now: datetime) -> int:
    """Count up to `limit` touched buckets of all workspaces anew, newest first, with their hours and days; how many there were.

    The touches are taken in the same transaction, so what changes meanwhile is counted the next time. A workspace that another process is
    counting is left to it. Each that waits has its share of `limit` and what those with less to count leave of theirs, so that one which is
    counted anew from its first day on holds up nobody else's trends and alerts.
    """
    counted = 0
    waiting = select(touched_buckets.c.workspace_id).group_by(touched_buckets.c.workspace_id)
    found = connection.scalars(waiting.order_by(func.count(), touched_buckets.c.workspace_id)).all()
    for place, workspace in enumerate(found):
        mine = touched_buckets.c.workspace_id == workspace
        free = select(workspaces.c.dimensions).where(workspaces.c.id == workspace).with_for_update(key_share=True, skip_locked=True)
        dimensions = connection.scalar(free) if counted < limit else None
        if dimensions is None:
            continue
        newest = select(touched_buckets.c.bucket).where(mine).distinct().order_by(touched_buckets.c.bucket.desc())
        share = -(-(limit - counted) // (len(found) - place))
        buckets = connection.scalars(newest.limit(share)).all()
        connection.execute(delete(touched_buckets).where(mine, touched_buckets.c.bucket.in_(buckets)))
        recount(connection, workspace, dimensions, buckets)
        counted += len(buckets)
    return counted


def count_touched(connection: Connection) -> int:
    """How many buckets of all workspaces wait for a recount."""
    waiting = select(touched_buckets.c.workspace_id, touched_buckets.c.bucket).distinct().subquery()
    return connection.scalar(select(func.count()).select_from(waiting)) or 0


# --- trends ----------------------------------------------------------------------------------------------------------


def trends(connection: Connection, workspace_id: str, query: TrendQuery, *, in_advance: bool | None = None) -> TrendPage:
    """Counts per bucket and group; of a topic, by the topic's own sentiment.

    Up to two dimensions (sentiment aside) are read from cells that are kept in advance, more are counted from the rows; `in_advance` False
    counts the rows in any case. Raises InvalidInput for an unknown interval, dimension, sentiment or cursor, and for an empty stretch.
    """
    _check(query, get_workspace(connection, workspace_id).dimensions)
    grain = GRAIN_OF[query.interval]
    width = GRAINS[grain]
    since, until = floor_to(query.since, width), floor_to(query.until + width - timedelta(microseconds=1), width)
    after = _after(query)
    part: Stretch = (grain, max(since, after[0]) if after else since, until)
    names = [name for name in query.group if name != "sentiment"]
    filters = {name: value for name, value in query.filters.items() if name != "sentiment"}
    counted = _by_sentiment(cells(connection, row_id(workspace_id, "workspace"), names, filters, [part], in_advance=in_advance), query)
    place = [counted.c.bucket, *(counted.c[name] for name in query.group)]
    page = select(*place, counted.c["count"], counted.c.effective, counted.c.negative).order_by(*place).limit(query.limit + 1)
    if after:
        page = page.where(_beyond(place, after))
    rows = [_to_row(row, query.group) for row in connection.execute(page)]
    if len(rows) <= query.limit:
        return TrendPage(rows=tuple(rows), next=None)
    last = rows[query.limit - 1]
    return TrendPage(rows=tuple(rows[: query.limit]), next=seal_cursor([int(last.start.timestamp()), *last.group.values()]))


def _check(query: TrendQuery, dimensions: Sequence[str]) -> None:
    if query.interval not in INTERVALS:
        raise InvalidInput(f"unknown interval {query.interval!r}; valid are {', '.join(INTERVALS)}", field="interval")
    check_dimensions(query.group, dimensions, field="group", also=["sentiment"])
    check_dimensions(query.filters, dimensions, field="filters", also=["sentiment"])
    if len(set(query.group)) < len(query.group):
        raise InvalidInput("group names a dimension twice", field="group")
    if query.filters.get("sentiment", "negative") not in SENTIMENTS:
        raise InvalidInput(f"unknown sentiment {query.filters['sentiment'][:40]!r}; valid are {', '.join(SENTIMENTS)}", field="sentiment")
    if query.since >= query.until:
        raise InvalidInput("since must be before until", field="since")
    if not 1 <= query.limit <= LARGEST_PAGE:
        raise InvalidInput(f"limit must be 1 to {LARGEST_PAGE}", field="limit")


def _after(query: TrendQuery) -> tuple[datetime, list[str]] | None:
    if query.cursor is None:
        return None
    start, *values = open_cursor(query.cursor, int, *(str for _ in query.group))
    try:
        return datetime.fromtimestamp(int(start), UTC), [str(value) for value in values]
    except (OverflowError, ValueError, OSError):
        raise InvalidInput("cursor is not one of ours; pass `next` of the page before, or leave it out", field="cursor") from None


def _beyond(place: Sequence[ColumnElement[Any]], after: tuple[datetime, list[str]]) -> ColumnElement[bool]:
    start = literal(after[0], UtcTime)
    if not after[1]:
        return place[0] > start
    return tuple_(*place) > tuple_(start, *(literal(value, column.type) for value, column in zip(after[1], place[1:], strict=True)))


def _by_sentiment(counted: Subquery, query: TrendQuery) -> Subquery:
    """The cells; where a trend asks for sentiment, one row for each that occurs."""
    if "sentiment" not in query.group and "sentiment" not in query.filters:
        return counted
    columns = counted.c
    of = {
        "negative": (columns.negative, columns.effective_negative),
        "neutral": (
            columns["count"] - columns.negative - columns.positive,
            columns.effective - columns.effective_negative - columns.effective_positive,
        ),
        "positive": (columns.positive, columns.effective_positive),
    }
    kept = [column for column in columns if column.name not in MEASURES]
    chosen = [query.filters["sentiment"]] if "sentiment" in query.filters else list(of)
    return union_all(
        *(
            select(
                *kept,
                literal(name).label("sentiment"),
                of[name][0].label("count"),
                of[name][1].label("effective"),
                (columns.negative if name == "negative" else literal(0)).label("negative"),
            ).where(of[name][0] > 0)
            for name in chosen
        )
    ).subquery()


def _to_row(row: Any, group: Sequence[str]) -> TrendRow:
    start, *values, count, effective, negative = row
    return TrendRow(start, dict(zip(group, values, strict=True)), int(count), int(effective), int(negative))


# --- totals and series -----------------------------------------------------------------------------------------------


def totals(
    connection: Connection, workspace_id: str, since: datetime, until: datetime, *, by: str | None = None, scope: Scope | None = None
) -> dict[str, Counts]:
    """Counts from the bucket that holds `since` to the last that starts before `until`, per value of the dimension `by`.

    Without `by` under the key "", also when there is nothing. Raises InvalidInput for an unknown dimension.
    """
    filters = scope_filters(scope or Scope())
    check_dimensions([by] if by else [], get_workspace(connection, workspace_id).dimensions, field="by")
    parts = stretches(since, until)
    if not parts:
        return {} if by else {"": Counts()}
    counted = cells(connection, row_id(workspace_id, "workspace"), [by] if by else [], filters, parts)
    key: ColumnElement[str] = counted.c[by] if by else literal("")
    sums = select(key, *(func.sum(counted.c[name]) for name in MEASURES)).group_by(key).order_by(key)
    found = {row[0]: _to_counts([int(number) for number in row[1:]]) for row in connection.execute(sums)}
    return found if by else found or {"": Counts()}


def live_totals(
    connection: Connection, workspace_id: str, scope: Scope, measure: Measure, stretch: tuple[datetime, datetime], *, by: str | None = None
) -> dict[str, int]:
    """What `measure` counts of the rows that came as they were written, in the buckets of `totals`, per value of the dimension `by`.

    Without `by` under the key "". Raises InvalidInput for an unknown dimension.
    """
    check_dimensions([by] if by else [], get_workspace(connection, workspace_id).dimensions, field="by")
    parts = stretches(*stretch)
    if not parts:
        return {} if by else {"": 0}
    counted = cells(connection, row_id(workspace_id, "workspace"), [by] if by else [], scope_filters(scope), parts)
    key: ColumnElement[str] = counted.c[by] if by else literal("")
    found = connection.execute(select(key, func.sum(_live(measure, counted))).group_by(key).order_by(key))
    values = {value: int(number) for value, number in found}
    return values if by else values or {"": 0}


def _to_counts(sums: Sequence[int]) -> Counts:
    of = dict(zip(MEASURES, sums, strict=True))
    return Counts(
        count=of["count"],
        effective=of["effective"],
        negative=of["negative"],
        neutral=of["count"] - of["negative"] - of["positive"],
        positive=of["positive"],
        complaint=of["complaint"],
    )


def series(
    connection: Connection, workspace_id: str, scope: Scope, measure: Measure, since: datetime, until: datetime, width: timedelta
) -> list[tuple[datetime, int]]:
    """Start and count of every whole window of `width` that ends at `until`, one `width` before it, and so on; none begins before `since`.

    Zeros included, oldest first. Raises InvalidInput when `until` or `width` is no multiple of five minutes.
    """
    if floor_to(until, BUCKET) != until or width < BUCKET or width % BUCKET:
        raise InvalidInput("a series needs windows of whole five-minute buckets", field="width")
    first = until - max((until - since) // width, 0) * width
    found = grid(connection, workspace_id, scope, (), measure, (first, until), width).get((), {})
    return [(first + place * width, found.get(place, (0, 0))[0]) for place in range((until - first) // width)]


Sparse = dict[int, tuple[int, int]]
"""Number of a window -> what a measure counts in it, and all; empty windows left out."""


def grid(
    connection: Connection,
    workspace_id: str,
    scope: Scope,
    split_by: Sequence[str],
    measure: Measure,
    stretch: tuple[datetime, datetime],
    width: timedelta,
    *,
    live: bool = False,
) -> dict[tuple[str, ...], Sparse]:
    """The windows of all series that `split_by` makes of `scope`, by their values; without `split_by` of the one series ().

    `stretch`: whole windows of whole buckets. `live`: only rows that came as they were written. Raises InvalidInput for other stretches,
    and for an unknown dimension.
    """
    since, until = stretch
    if floor_to(until, BUCKET) != until or width < BUCKET or width % BUCKET or (until - since) % width:
        raise InvalidInput("a series needs windows of whole five-minute buckets", field="width")
    filters = scope_filters(scope)
    split = [name for name in dict.fromkeys(split_by) if name not in filters]
    check_dimensions(split, get_workspace(connection, workspace_id).dimensions, field="split_by")
    if until <= since:
        return {}
    grain = next(grain for grain in (1440, 60, 5) if width % GRAINS[grain] == timedelta() and floor_to(until, GRAINS[grain]) == until)
    counted = cells(connection, row_id(workspace_id, "workspace"), split, filters, [(grain, since, until)])
    number: ColumnElement[int] = _live(measure, counted) if live else counted.c[COLUMN_OF[measure]]
    every: ColumnElement[int] = _live("volume", counted) if live else counted.c["count"]
    found: dict[tuple[str, ...], Sparse] = {} if split else {(): {}}
    for start, own, total, *values in connection.execute(select(counted.c.bucket, number, every, *(counted.c[name] for name in split))):
        windows = found.setdefault(tuple(values), {})
        place = (start - since) // width
        before = windows.get(place, (0, 0))
        windows[place] = (before[0] + int(own), before[1] + int(total))
    return found


def sums(
    connection: Connection, workspace_id: str, scope: Scope, split_by: Sequence[str], measure: Measure, stretch: tuple[datetime, datetime]
) -> dict[tuple[str, ...], int]:
    """What `grid` adds up to, of both numbers: cheap enough to see whether a past has become another one."""
    parts = stretches(*stretch)
    if not parts:
        return {}
    filters = scope_filters(scope)
    split = [name for name in dict.fromkeys(split_by) if name not in filters]
    counted = cells(connection, row_id(workspace_id, "workspace"), split, filters, parts)
    values = [unindexed(connection, counted.c[name]) for name in split]
    total = func.coalesce(func.sum(counted.c[COLUMN_OF[measure]] + counted.c["count"]), 0)
    return {tuple(row): int(number) for number, *row in connection.execute(select(total, *values).group_by(*values))}


def first_seen(connection: Connection, workspace_id: str, scope: Scope, stretch: tuple[datetime, datetime] = FOREVER) -> datetime | None:
    """Start of the oldest bucket in `stretch` that holds feedback of this scope; None when there is none."""
    counted = cells(connection, row_id(workspace_id, "workspace"), [], scope_filters(scope), [(5, *stretch)])
    found: datetime | None = connection.scalar(select(func.min(counted.c.bucket, type_=UtcTime)))
    return found


def scopes(
    connection: Connection, workspace_id: str, split_by: Iterable[str], base: Scope, since: datetime, until: datetime
) -> list[Scope]:
    """`base` with every combination of values of the dimensions `split_by` that occurs in [since, until), in order.

    At most two dimensions; one that `base` fixes stays fixed. Raises InvalidInput for more, and for an unknown one.
    """
    filters = scope_filters(base)
    split = [name for name in dict.fromkeys(split_by) if name not in filters]
    check_dimensions(split, get_workspace(connection, workspace_id).dimensions, field="split_by")
    if len(split) > MOST_SPLITS:
        raise InvalidInput(f"split by at most {MOST_SPLITS} dimensions", field="split_by")
    parts = stretches(since, until)
    if not split:
        return [base]
    if not parts:
        return []
    counted = cells(connection, row_id(workspace_id, "workspace"), split, filters, parts)
    values = [unindexed(connection, counted.c[name]) for name in split]
    found = connection.execute(select(*(counted.c[name] for name in split)).group_by(*values).order_by(*values))
    return [filters_scope(filters | dict(zip(split, row, strict=True))) for row in found]


def _live(measure: Measure, counted: Subquery) -> ColumnElement[int]:
    name = COLUMN_OF[measure]
    return counted.c[name] - counted.c[f"late_{name}"]
