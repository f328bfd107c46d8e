"""Imports: uploaded files in chunks, read by a worker that can die and be followed by another at the very row."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, delete, func, insert, select, update

from core.errors import NotFound
from store.dialect import AnyRow, locked, row_id
from store.records import Import, RejectedRow, Stored
from store.tables import import_chunks, import_rejects, imports

MOST_REJECTS = 1000
"""So many rejected rows are kept with their reasons; all are counted."""
MOST_CLAIMS = 5
"""An import that kills its worker so often is given up."""


def create_import(
    connection: Connection, workspace_id: str, *, filename: str, source: str, mapping: Mapping[str, str], now: datetime
) -> Import:
    """A new import whose bytes are still to come; `mapping` may be empty, then it is guessed."""
    numbers = dict.fromkeys(("bytes_total", "rows_read", "created", "updated", "unchanged", "erased", "rejected", "claims"), 0)
    values = {"workspace_id": row_id(workspace_id, "workspace"), "filename": filename, "source": source, "state": "uploading"}
    values |= {"mapping": dict(mapping), "created_at": now, **numbers}
    return _to_import(connection.execute(insert(imports).returning(imports), values).one(), ())


def append_bytes(connection: Connection, import_id: str, number: int, content: bytes) -> None:
    """Chunk `number` (0, 1, 2, ...) of the file."""
    mine = imports.c.id == row_id(import_id, "import")
    workspace = connection.scalar(select(imports.c.workspace_id).where(mine))
    if workspace is None:
        raise NotFound(f"no import {import_id[:40]!r}")
    chunk = {"import_id": int(import_id), "number": number, "workspace_id": workspace, "content": content}
    connection.execute(insert(import_chunks), chunk)
    connection.execute(update(imports).where(mine).values(bytes_total=imports.c.bytes_total + len(content)))


def complete_upload(connection: Connection, workspace_id: str, import_id: str) -> None:
    """All bytes are here: a worker may take it."""
    mine = _mine(workspace_id, import_id) & (imports.c.state == "uploading")
    connection.execute(update(imports).where(mine).values(state="queued"))


def read_bytes(connection: Connection, import_id: str) -> Iterator[bytes]:
    """The chunks in order, one in memory at a time."""
    mine = import_chunks.c.import_id == row_id(import_id, "import")
    for number in connection.scalars(select(import_chunks.c.number).where(mine).order_by(import_chunks.c.number)).all():
        yield connection.scalars(select(import_chunks.c.content).where(mine, import_chunks.c.number == number)).one()


def claim_import(connection: Connection, *, now: datetime, lease: timedelta) -> Import | None:
    """Take the oldest import of any workspace that is uploaded and that nobody holds; one that killed five workers is failed."""
    free = imports.c.claimed_until.is_(None) | (imports.c.claimed_until <= now)
    waiting = imports.c.state.in_(("queued", "running")) & free
    hopeless = update(imports).where(waiting, imports.c.claims >= MOST_CLAIMS)
    reason = f"given up: the worker that read it died {MOST_CLAIMS} times; its log says why"
    given_up = hopeless.values(state="failed", error=reason, finished_at=now, claimed_until=None).returning(imports.c.id)
    dead = connection.scalars(given_up).all()
    connection.execute(delete(import_chunks).where(import_chunks.c.import_id.in_(dead)))
    picked = locked(select(imports.c.id).where(waiting).order_by(imports.c.id).limit(1))
    taken = update(imports).where(imports.c.id.in_(picked)).values(state="running", claimed_until=now + lease, claims=imports.c.claims + 1)
    row = connection.execute(taken.returning(imports)).one_or_none()
    return None if row is None else _to_import(row, ())


def save_progress(
    connection: Connection,
    import_: Import,
    *,
    rows_read: int,
    stored: Sequence[Stored],
    rejects: Sequence[RejectedRow],
    mapping: Mapping[str, str],
    now: datetime,
    lease: timedelta,
) -> None:
    """`rows_read` rows from the start are dealt with; call it in the transaction that stored them. Renews the claim."""
    new = Counter(one.status for one in stored)
    counts: dict[str, Any] = {status: imports.c[status] + new[status] for status in ("created", "updated", "unchanged", "erased")}
    counts |= {"rejected": imports.c.rejected + len(rejects), "rows_read": rows_read, "mapping": dict(mapping)}
    # The import goes on, so whoever died over it before did not die of its content.
    counts |= {"claimed_until": now + lease, "claims": 1}
    connection.execute(update(imports).where(imports.c.id == int(import_.id)).values(counts))
    mine = import_rejects.c.import_id == int(import_.id)
    kept = connection.scalar(select(func.count()).select_from(import_rejects).where(mine)) or 0
    owner: dict[str, Any] = {"workspace_id": int(import_.workspace_id), "import_id": int(import_.id)}
    rows = [owner | {"line": one.line, "reason": one.reason, "field": one.field} for one in rejects[: MOST_REJECTS - kept]]
    if rows:
        connection.execute(insert(import_rejects), rows)


def release_import(connection: Connection, import_: Import) -> None:
    """Give a claim back before its end, because this worker stops: another goes on at once."""
    connection.execute(update(imports).where(imports.c.id == int(import_.id)).values(claimed_until=None))


def finish_import(connection: Connection, import_: Import, *, now: datetime, error: str | None = None) -> None:
    """The file is read to its end, or cannot be read (`error`); its bytes are not needed any more."""
    values = {"state": "failed" if error else "done", "error": error, "finished_at": now, "claimed_until": None}
    connection.execute(update(imports).where(imports.c.id == int(import_.id)).values(values))
    connection.execute(delete(import_chunks).where(import_chunks.c.import_id == int(import_.id)))


def delete_import(connection: Connection, workspace_id: str, import_id: str) -> None:
    """Forget an upload that was broken off; feedback that was stored stays. Raises NotFound."""
    if connection.execute(delete(imports).where(_mine(workspace_id, import_id))).rowcount == 0:
        raise NotFound(f"no import {import_id[:40]!r} in this workspace")


def get_import(connection: Connection, workspace_id: str, import_id: str) -> Import:
    """With its rejected rows. Raises NotFound."""
    row = connection.execute(select(imports).where(_mine(workspace_id, import_id))).one_or_none()
    if row is None:
        raise NotFound(f"no import {import_id[:40]!r} in this workspace")
    query = select(import_rejects).where(import_rejects.c.import_id == row.id).order_by(import_rejects.c.id)
    rejects = tuple(RejectedRow(reject.line, reject.reason, reject.field) for reject in connection.execute(query))
    return _to_import(row, rejects)


def list_imports(connection: Connection, workspace_id: str) -> list[Import]:
    """Every import of a workspace, oldest first, without their rejected rows."""
    query = select(imports).where(imports.c.workspace_id == row_id(workspace_id, "workspace")).order_by(imports.c.id)
    return [_to_import(row, ()) for row in connection.execute(query)]


def _mine(workspace_id: str, import_id: str) -> Any:
    return (imports.c.workspace_id == row_id(workspace_id, "workspace")) & (imports.c.id == row_id(import_id, "import"))


def _to_import(row: AnyRow, rejects: tuple[RejectedRow, ...]) -> Import:
    return Import(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        filename=row.filename,
        source=row.source,
        state=row.state,
        mapping=row.mapping,
        bytes_total=row.bytes_total,
        rows_read=row.rows_read,
        created=row.created,
        updated=row.updated,
        unchanged=row.unchanged,
        erased=row.erased,
        rejected=row.rejected,
        rejects=rejects,
        error=row.error,
        created_at=row.created_at,
        finished_at=row.finished_at,
    )
