"""Shapes of sources: how many live rows each brought in an hour, in which languages and lengths, and how many of them repeat others."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection, select

from core.errors import InvalidInput
from core.times import BUCKET, HOUR, floor_to
from store.cells import Stretch, cells
from store.dialect import row_id
from store.dimensions import LENGTH
from store.records import Shape

Hour = tuple[str, datetime]
"""A source, and when its hour begins."""


def hourly_shapes(
    connection: Connection, workspace_id: str, since: datetime, until: datetime, *, source: str | None = None
) -> dict[str, dict[datetime, Shape]]:
    """Source -> hour -> what came in it up to `until`; empty hours left out. Of live rows alone: imports and late rows have no shape.

    Raises InvalidInput unless `since` begins an hour and `until` a bucket.
    """
    if floor_to(since, HOUR) != since or floor_to(until, BUCKET) != until:
        raise InvalidInput("shapes are those of whole hours, and of the whole buckets of the last one", field="since")
    whole = max(since, floor_to(until, HOUR))
    parts = [part for part in ((60, since, whole), (5, whole, until)) if part[1] < part[2]]
    if not parts:
        return {}
    workspace, filters = row_id(workspace_id, "workspace"), {} if source is None else {"source": source}
    languages = _divided(connection, workspace, "language", filters, parts)
    lengths = _divided(connection, workspace, LENGTH, filters, parts)
    shaped: dict[str, dict[datetime, Shape]] = {}
    for (one, hour), (rows, repeats) in _counted(connection, workspace, filters, parts).items():
        shape = Shape(rows, repeats, languages.get((one, hour), {}), lengths.get((one, hour), {}))
        shaped.setdefault(one, {})[hour] = shape
    return shaped


def _divided(
    connection: Connection, workspace: int, name: str, filters: Mapping[str, str], parts: Sequence[Stretch]
) -> dict[Hour, dict[str, int]]:
    columns = cells(connection, workspace, ["source", name], filters, parts).c
    live = columns["count"] - columns.late_count
    found: dict[Hour, dict[str, int]] = {}
    for start, source, value, rows in connection.execute(select(columns.bucket, columns.source, columns[name], live).where(live > 0)):
        values = found.setdefault((source, floor_to(start, HOUR)), {})
        values[value] = values.get(value, 0) + int(rows)
    return found


def _counted(connection: Connection, workspace: int, filters: Mapping[str, str], parts: Sequence[Stretch]) -> dict[Hour, tuple[int, int]]:
    """Live rows, and how many of them are surely reposts: late ones may be the others."""
    columns = cells(connection, workspace, ["source"], filters, parts).c
    query = select(columns.bucket, columns.source, columns["count"], columns.effective, columns.late_count)
    found: dict[Hour, tuple[int, int]] = {}
    for start, source, *counts in connection.execute(query.where(columns["count"] > columns.late_count)):
        count, effective, late = map(int, counts)
        hour = (source, floor_to(start, HOUR))
        rows, repeats = found.get(hour, (0, 0))
        found[hour] = rows + count - late, repeats + max(0, count - effective - late)
    return found
