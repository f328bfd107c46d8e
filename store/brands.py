"""Brands: saved queries. Which feedback speaks of one is decided when its bucket is counted."""

from datetime import datetime

from sqlalchemy import Connection, case, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, InvalidInput, NotFound
from core.times import BUCKET
from store.buckets import touch_all
from store.dialect import AnyRow, UtcTime, row_id
from store.query import parse_query
from store.records import Brand, BrandCounts
from store.tables import brands, touched_buckets

MOST_BRANDS = 50
"""Each is asked of every feedback, and makes counts for every pair of dimensions."""


def create_brand(connection: Connection, workspace_id: str, *, name: str, query: str, now: datetime) -> Brand:
    """Save a brand; everything is recounted. Raises InvalidQuery, InvalidInput beyond fifty brands, Conflict when the name is taken."""
    workspace = row_id(workspace_id, "workspace")
    parse_query(query)
    if (connection.scalar(select(func.count()).select_from(brands).where(brands.c.workspace_id == workspace)) or 0) >= MOST_BRANDS:
        raise InvalidInput(f"a workspace has at most {MOST_BRANDS} brands")
    values = {"workspace_id": workspace, "name": name, "query": query, "created_at": now}
    try:
        with connection.begin_nested():
            row = connection.execute(insert(brands).returning(brands), values).one()
    except IntegrityError:
        raise Conflict(f"there is a brand named {name!r} already") from None
    _recount(connection, workspace, row.id, now)
    return _to_brand(row)


def list_brands(connection: Connection, workspace_id: str) -> list[Brand]:
    """All brands of a workspace, oldest first."""
    query = select(brands).where(brands.c.workspace_id == row_id(workspace_id, "workspace")).order_by(brands.c.id)
    return [_to_brand(row) for row in connection.execute(query)]


def get_brand(connection: Connection, workspace_id: str, brand_id: str) -> Brand:
    """Raises NotFound."""
    mine = (brands.c.workspace_id == row_id(workspace_id, "workspace")) & (brands.c.id == row_id(brand_id, "brand"))
    row = connection.execute(select(brands).where(mine)).one_or_none()
    if row is None:
        raise NotFound(f"no brand {brand_id!r} in this workspace")
    return _to_brand(row)


def update_brand(
    connection: Connection, workspace_id: str, brand_id: str, *, now: datetime, name: str | None = None, query: str | None = None
) -> Brand:
    """Rename a brand or change its query; a changed query recounts everything. Raises NotFound, InvalidQuery, Conflict."""
    before = get_brand(connection, workspace_id, brand_id)
    if query is not None and query != before.query:
        parse_query(query)
        _recount(connection, row_id(workspace_id, "workspace"), row_id(brand_id, "brand"), now)
    values = {"name": before.name if name is None else name, "query": before.query if query is None else query}
    try:
        with connection.begin_nested():
            connection.execute(update(brands).where(brands.c.id == row_id(brand_id, "brand")).values(values))
    except IntegrityError:
        raise Conflict(f"there is a brand named {name!r} already") from None
    return get_brand(connection, workspace_id, brand_id)


def delete_brand(connection: Connection, workspace_id: str, brand_id: str) -> None:
    """Forget a brand; everything is recounted. Raises NotFound."""
    get_brand(connection, workspace_id, brand_id)
    connection.execute(delete(brands).where(brands.c.id == row_id(brand_id, "brand")))
    touch_all(connection, row_id(workspace_id, "workspace"))


def counts_of_brands(connection: Connection, workspace_id: str, brand_id: str | None = None) -> dict[str, BrandCounts]:
    """Brand -> which of its counts the query made that it has now: recounting goes newest first, so the old ones are older.

    `brand_id`: of this one alone, of none where it is gone.
    """
    workspace = row_id(workspace_id, "workspace")
    waiting = (touched_buckets.c.workspace_id == workspace) & (touched_buckets.c.id <= brands.c.last_touch)
    newest = select(func.max(touched_buckets.c.bucket, type_=UtcTime)).where(waiting).scalar_subquery()
    # Of a brand that is counted nothing waits, and to find that out the whole backlog of others would be walked, for each brand.
    lowest = connection.scalar(select(func.min(touched_buckets.c.id)).where(touched_buckets.c.workspace_id == workspace))
    since = case((brands.c.last_touch >= (lowest or 0), newest))
    query = select(brands.c.id, brands.c.last_touch, brands.c.changed_at, since).where(brands.c.workspace_id == workspace)
    found = connection.execute(query if brand_id is None else query.where(brands.c.id == row_id(brand_id, "brand")))
    return {str(one): BrandCounts(last, None if bucket is None else bucket + BUCKET, at) for one, last, at, bucket in found}


def _recount(connection: Connection, workspace: int, brand: int, now: datetime) -> None:
    last = touch_all(connection, workspace)
    connection.execute(update(brands).where(brands.c.id == brand).values(last_touch=last, changed_at=now))


def _to_brand(row: AnyRow) -> Brand:
    return Brand(id=str(row.id), name=row.name, query=row.query, created_at=row.created_at)
