"""Sources: configured connectors, when each is due, and how far it has read."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, NotFound
from store.dialect import AnyRow, locked, row_id
from store.feedback import add_new
from store.records import NewFeedback, Source, SourceStatus, Stored
from store.secrets import Vault
from store.tables import rollups, sources

DAYS = 1440
"""Minutes of the widest cells: few hold every source."""
LONGEST_BACKOFF = timedelta(hours=6)


def create_source(
    connection: Connection,
    workspace_id: str,
    *,
    name: str,
    connector: str,
    options: Mapping[str, str],
    every_seconds: int,
    now: datetime,
    vault: Vault,
    secrets: Collection[str] = (),
) -> Source:
    """A new source, due at once. Options named in `secrets` are sealed and never shown. Raises Conflict when the name is taken."""
    values = {
        "workspace_id": row_id(workspace_id, "workspace"),
        "name": name,
        "connector": connector,
        "options": {key: value for key, value in options.items() if key not in secrets},
        "sealed_options": {key: vault.seal(value) for key, value in options.items() if key in secrets},
        "every_seconds": every_seconds,
        "enabled": True,
        "next_pull_at": now,
        "created_at": now,
        "failures": 0,
        "stored": 0,
    }
    try:
        with connection.begin_nested():
            row = connection.execute(insert(sources).returning(sources), values).one()
    except IntegrityError:
        raise Conflict(f"there is a source named {name!r} already") from None
    return _to_source(row)


def list_sources(connection: Connection, workspace_id: str) -> list[Source]:
    """Every source of a workspace, oldest first."""
    query = select(sources).where(sources.c.workspace_id == row_id(workspace_id, "workspace")).order_by(sources.c.id)
    return [_to_source(row) for row in connection.execute(query)]


def known_sources(connection: Connection, workspace_id: str) -> list[str]:
    """Names of the configured sources, and of all that feedback was pushed or imported under, in order."""
    workspace = row_id(workspace_id, "workspace")
    configured = connection.scalars(select(sources.c.name).where(sources.c.workspace_id == workspace)).all()
    mine = (rollups.c.workspace_id == workspace) & (rollups.c.grain == DAYS) & (rollups.c.dims == "source")
    return sorted({*configured, *connection.scalars(select(rollups.c.first).where(mine).distinct())})


def get_source(connection: Connection, workspace_id: str, source_id: str) -> Source:
    """Raises NotFound."""
    row = connection.execute(select(sources).where(_mine(workspace_id, source_id))).one_or_none()
    if row is None:
        raise NotFound(f"no source {source_id[:40]!r} in this workspace")
    return _to_source(row)


def update_source(
    connection: Connection,
    workspace_id: str,
    source_id: str,
    *,
    now: datetime,
    vault: Vault,
    name: str | None = None,
    options: Mapping[str, str] | None = None,
    secrets: Collection[str] = (),
    every_seconds: int | None = None,
    enabled: bool | None = None,
) -> Source:
    """Change what is given, keep the rest. New options replace all shown ones, and the secret ones that are named; the cursor starts anew.

    Raises NotFound; Conflict when another source has the name, and for a new name of one that was pulled: feedback is known by
    it, what was erased, too, and would come again under another.
    """
    if name is not None:
        _check_rename(connection, workspace_id, source_id, name, now)
    values: dict[str, Any] = {"name": name, "every_seconds": every_seconds, "enabled": enabled}
    if options is not None:
        sealed = connection.scalar(select(sources.c.sealed_options).where(_mine(workspace_id, source_id))) or {}
        values["options"] = {key: value for key, value in options.items() if key not in secrets}
        values["sealed_options"] = sealed | {key: vault.seal(value) for key, value in options.items() if key in secrets}
    given = {column: value for column, value in values.items() if value is not None} | {"next_pull_at": now, "failures": 0}
    if options is not None:
        given["cursor"] = None
    try:
        with connection.begin_nested():
            connection.execute(update(sources).where(_mine(workspace_id, source_id)).values(given))
    except IntegrityError:
        raise Conflict(f"there is a source named {name!r} already") from None
    return get_source(connection, workspace_id, source_id)


def _check_rename(connection: Connection, workspace_id: str, source_id: str, name: str, now: datetime) -> None:
    known = (sources.c.name, sources.c.stored, sources.c.cursor, sources.c.last_success_at, ~_free(now))
    row = connection.execute(select(*known).where(_mine(workspace_id, source_id)).with_for_update()).one_or_none()
    if row is not None and row[0] != name and any(row[1:]):
        raise Conflict(
            f"{row[0]!r} was pulled, and what came is filed under this name: under another it would all come again, what was erased, too"
        )


def delete_source(connection: Connection, workspace_id: str, source_id: str) -> None:
    """Delete a source; its feedback stays. Raises NotFound."""
    if connection.execute(delete(sources).where(_mine(workspace_id, source_id))).rowcount == 0:
        raise NotFound(f"no source {source_id[:40]!r} in this workspace")


def run_source_now(connection: Connection, workspace_id: str, source_id: str, now: datetime) -> Source:
    """Make a source due at once. Raises NotFound."""
    connection.execute(update(sources).where(_mine(workspace_id, source_id)).values(next_pull_at=now))
    return get_source(connection, workspace_id, source_id)


def claim_due_sources(connection: Connection, *, limit: int, now: datetime, lease: timedelta) -> list[Source]:
    """Take sources of any workspace that are due and that nobody holds."""
    due = select(sources.c.id).where(sources.c.enabled, sources.c.next_pull_at <= now, _free(now))
    picked = due.order_by(sources.c.next_pull_at, sources.c.id).limit(limit)
    return _claim(connection, sources.c.id.in_(locked(picked)), now, lease)


def claim_source(connection: Connection, workspace_id: str, source_id: str, *, now: datetime, lease: timedelta) -> Source | None:
    """Take one source whether it is due or not; None while somebody else pulls it. Raises NotFound."""
    get_source(connection, workspace_id, source_id)
    taken = _claim(connection, _mine(workspace_id, source_id) & _free(now), now, lease)
    return taken[0] if taken else None


def options_of(connection: Connection, source: Source, vault: Vault) -> dict[str, str]:
    """All options of a source with the secret ones opened, for the pull alone. Raises Misconfigured under another KOE_SECRET."""
    sealed = connection.scalar(select(sources.c.sealed_options).where(sources.c.id == int(source.id))) or {}
    return dict(source.options) | {key: vault.open(value) for key, value in sealed.items()}


def save_page(
    connection: Connection, source: Source, rows: Sequence[NewFeedback], cursor: str | None, now: datetime, lease: timedelta
) -> list[Stored]:
    """Rows and cursor in one transaction, so that neither is ever ahead of the other; the claim is renewed."""
    stored = add_new(connection, source.workspace_id, rows, now=now, live=True)
    created = sum(one.status == "created" for one in stored)
    values = {"cursor": cursor, "stored": sources.c.stored + created, "claimed_until": now + lease}
    connection.execute(update(sources).where(sources.c.id == int(source.id)).values(values))
    return stored


def finish_pull(connection: Connection, source: Source, *, now: datetime, error: str | None, again_at: datetime | None = None) -> None:
    """End a claim and set when the source is due next: as scheduled, `again_at`, or later with every failure in a row."""
    every = timedelta(seconds=source.every_seconds)
    values: dict[str, Any] = {"claimed_until": None, "last_pull_at": now, "last_error": error}
    if error is None:
        values |= {"last_success_at": now, "failures": 0, "next_pull_at": again_at or now + every}
    else:
        pause = max(every, min(LONGEST_BACKOFF, every * 2 ** min(source.status.failures, 10)))
        values |= {"failures": sources.c.failures + 1, "next_pull_at": again_at or now + pause}
    connection.execute(update(sources).where(sources.c.id == int(source.id)).values(values))


def _claim(connection: Connection, condition: Any, now: datetime, lease: timedelta) -> list[Source]:
    taken = update(sources).where(condition).values(claimed_until=now + lease).returning(sources)
    return sorted((_to_source(row) for row in connection.execute(taken)), key=lambda source: source.next_pull_at)


def _free(now: datetime) -> Any:
    return sources.c.claimed_until.is_(None) | (sources.c.claimed_until <= now)


def _mine(workspace_id: str, source_id: str) -> Any:
    return (sources.c.workspace_id == row_id(workspace_id, "workspace")) & (sources.c.id == row_id(source_id, "source"))


def _to_source(row: AnyRow) -> Source:
    return Source(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        name=row.name,
        connector=row.connector,
        options=row.options,
        every_seconds=row.every_seconds,
        enabled=row.enabled,
        cursor=row.cursor,
        next_pull_at=row.next_pull_at,
        created_at=row.created_at,
        status=SourceStatus(
            last_pull_at=row.last_pull_at,
            last_success_at=row.last_success_at,
            last_error=row.last_error,
            failures=row.failures,
            stored=row.stored,
        ),
    )
