"""Tenants, and the names of the attributes that each wants its trends grouped by."""

import re
from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, InvalidInput, NotFound
from store.buckets import touch_all
from store.counting import GRAINS
from store.dialect import AnyRow, row_id
from store.dimensions import facet_names
from store.locks import lock_workspace
from store.records import Workspace
from store.tables import rollups, workspaces

MOST_DIMENSIONS = 8
"""Every pair of dimensions is counted in advance, so their number is bounded."""
LEAST_BUDGET, MOST_BUDGET = 0.01, 100
_DIMENSION = re.compile(r"[a-z][a-z0-9_]{0,39}", re.ASCII)


def create_workspace(connection: Connection, name: str, now: datetime) -> Workspace:
    """A new tenant. Raises Conflict when the name is taken, InvalidInput when it is empty."""
    if not name.strip():
        raise InvalidInput("a workspace needs a name", field="name")
    values = {"name": name, "dimensions": [], "created_at": now}
    try:
        with connection.begin_nested():
            row = connection.execute(insert(workspaces).returning(workspaces), values).one()
    except IntegrityError:
        raise Conflict(f"there is a workspace named {name!r} already") from None
    return _to_workspace(row)


def get_workspace(connection: Connection, workspace_id: str) -> Workspace:
    """Raises NotFound."""
    row = connection.execute(select(workspaces).where(workspaces.c.id == row_id(workspace_id, "workspace"))).one_or_none()
    if row is None:
        raise NotFound(f"no workspace {workspace_id!r}")
    return _to_workspace(row)


def find_workspace(connection: Connection, name: str) -> Workspace | None:
    """By its exact name."""
    row = connection.execute(select(workspaces).where(workspaces.c.name == name)).one_or_none()
    return None if row is None else _to_workspace(row)


def list_workspaces(connection: Connection) -> list[Workspace]:
    """Every tenant, oldest first."""
    return [_to_workspace(row) for row in connection.execute(select(workspaces).order_by(workspaces.c.id))]


def set_dimensions(connection: Connection, workspace_id: str, names: Sequence[str], now: datetime) -> Workspace:
    """Say which attributes trends can be grouped by; everything is recounted, and what was counted by others is gone at once: nobody would
    take it out of them when feedback is erased.

    Raises InvalidInput for a name that is not `[a-z][a-z0-9_]{0,39}`, a name given twice, or more than eight; NotFound.
    """
    for name in names:
        if not _DIMENSION.fullmatch(name):
            raise InvalidInput(f"{name[:60]!r} is no dimension: a small letter, then up to 39 of a-z, 0-9, _", field="dimensions")
    if len(names) > MOST_DIMENSIONS or len(set(names)) < len(names):
        raise InvalidInput(f"{len(names)} dimensions: at most {MOST_DIMENSIONS}, each once", field="dimensions")
    lock_workspace(connection, row_id(workspace_id, "workspace"))  # what is gone depends on what was there
    before = get_workspace(connection, workspace_id)
    if before.dimensions != tuple(names):
        key = row_id(workspace_id, "workspace")
        connection.execute(update(workspaces).where(workspaces.c.id == key).values(dimensions=list(names)))
        touch_all(connection, key)
        gone = sorted({*facet_names(before.dimensions)} - {*facet_names(names)})
        if gone:
            mine = (rollups.c.workspace_id == key) & rollups.c.grain.in_(GRAINS)  # all there are: the primary key begins with them
            connection.execute(delete(rollups).where(mine, rollups.c.dims.in_(gone)))
    return get_workspace(connection, workspace_id)


def set_customs(connection: Connection, workspace_id: str, *, timezone: str, country: str | None, budget: float) -> Workspace:
    """Say whose days and holidays count, and how many false pages a week the rules may cost. The caller checks the names.

    Raises InvalidInput for a budget that is none, NotFound.
    """
    if not LEAST_BUDGET <= budget <= MOST_BUDGET:
        raise InvalidInput(f"budget is {budget}; valid are {LEAST_BUDGET} to {MOST_BUDGET} pages a week", field="budget")
    values = {"timezone": timezone, "country": country, "budget": budget}
    connection.execute(update(workspaces).where(workspaces.c.id == row_id(workspace_id, "workspace")).values(values))
    return get_workspace(connection, workspace_id)


def _to_workspace(row: AnyRow) -> Workspace:
    return Workspace(
        id=str(row.id),
        name=row.name,
        dimensions=tuple(row.dimensions),
        created_at=row.created_at,
        timezone=row.timezone,
        country=row.country,
        budget=row.budget,
    )
