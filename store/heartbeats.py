"""Signs of life: each process says every few seconds that it works."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, func, select

from store.dialect import upsert
from store.tables import heartbeats

FORGOTTEN = timedelta(days=1)


def beat(connection: Connection, process: str, kind: str, now: datetime) -> None:
    """`process` (a host and a pid, say) of a `kind` (annotate, stages, beat) is alive; the long dead are forgotten."""
    upsert(connection, heartbeats, [{"process": process, "kind": kind, "at": now}], key=["process"])
    connection.execute(delete(heartbeats).where(heartbeats.c.at < now - FORGOTTEN))


def alive(connection: Connection, kind: str, since: datetime) -> int:
    """How many processes of a kind were heard of since then."""
    query = select(func.count()).select_from(heartbeats).where(heartbeats.c.kind == kind, heartbeats.c.at >= since)
    return connection.scalar(query) or 0
