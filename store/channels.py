"""Channels: where alerts go; the address and the signing secret are sealed and never shown again."""

from datetime import datetime
from typing import Any, Literal
from urllib.parse import urlsplit

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, NotFound
from store.dialect import AnyRow, row_id
from store.records import Channel
from store.secrets import Vault
from store.tables import channels


def create_channel(
    connection: Connection,
    workspace_id: str,
    *,
    name: str,
    kind: Literal["webhook"],
    url: str,
    signing_secret: str,
    now: datetime,
    vault: Vault,
) -> Channel:
    """A new channel. Raises Conflict when the workspace has one of that name."""
    values = {
        "workspace_id": row_id(workspace_id, "workspace"),
        "name": name,
        "kind": kind,
        "target": shown_target(url),
        "sealed_url": vault.seal(url),
        "sealed_signing_secret": vault.seal(signing_secret),
        "enabled": True,
        "created_at": now,
    }
    try:
        with connection.begin_nested():
            row = connection.execute(insert(channels).returning(channels), values).one()
    except IntegrityError:
        raise Conflict(f"there is a channel named {name!r} already") from None
    return _to_channel(row)


def list_channels(connection: Connection, workspace_id: str) -> list[Channel]:
    """Every channel of a workspace, oldest first."""
    query = select(channels).where(channels.c.workspace_id == row_id(workspace_id, "workspace")).order_by(channels.c.id)
    return [_to_channel(row) for row in connection.execute(query)]


def get_channel(connection: Connection, workspace_id: str, channel_id: str) -> Channel:
    """Raises NotFound."""
    row = connection.execute(select(channels).where(_mine(workspace_id, channel_id))).one_or_none()
    if row is None:
        raise NotFound(f"no channel {channel_id[:40]!r} in this workspace")
    return _to_channel(row)


def delete_channel(connection: Connection, workspace_id: str, channel_id: str) -> None:
    """Delete a channel and what waits to be delivered to it. Raises NotFound."""
    if connection.execute(delete(channels).where(_mine(workspace_id, channel_id))).rowcount == 0:
        raise NotFound(f"no channel {channel_id[:40]!r} in this workspace")


def secret_of(connection: Connection, channel_id: str, vault: Vault) -> tuple[str, str]:
    """The address and the signing secret, for the delivering worker alone. Raises NotFound; Misconfigured under another KOE_SECRET."""
    query = select(channels.c.sealed_url, channels.c.sealed_signing_secret).where(channels.c.id == row_id(channel_id, "channel"))
    row = connection.execute(query).one_or_none()
    if row is None:
        raise NotFound(f"no channel {channel_id[:40]!r}")
    return vault.open(row.sealed_url), vault.open(row.sealed_signing_secret)


def note_error(connection: Connection, channel_id: str, error: str | None) -> None:
    """What went wrong with the last delivery; None = nothing."""
    connection.execute(update(channels).where(channels.c.id == row_id(channel_id, "channel")).values(last_error=error))


def shown_target(url: str) -> str:
    """The part of an address that is no secret: scheme, host and port. Paths and queries of webhooks are passwords."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}" + ("/…" if parts.path.strip("/") or parts.query else "")


def _mine(workspace_id: str, channel_id: str) -> Any:
    return (channels.c.workspace_id == row_id(workspace_id, "workspace")) & (channels.c.id == row_id(channel_id, "channel"))


def _to_channel(row: AnyRow) -> Channel:
    return Channel(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        name=row.name,
        kind=row.kind,
        target=row.target,
        enabled=row.enabled,
        created_at=row.created_at,
        last_error=row.last_error,
    )
