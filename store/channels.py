"""Channels: where alerts go; their secret options are sealed and never shown again."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update
from sqlalchemy.exc import IntegrityError

from core.errors import Conflict, NotFound
from store.dialect import AnyRow, row_id
from store.records import Channel, ChannelHealth, ChannelKind, ChannelLanguage
from store.secrets import Vault
from store.tables import channels


def create_channel(
    connection: Connection,
    workspace_id: str,
    *,
    name: str,
    kind: ChannelKind,
    target: str,
    secrets: Mapping[str, str],
    now: datetime,
    vault: Vault,
    options: Mapping[str, object] | None = None,
    language: ChannelLanguage = "en",
    time_zone: str = "UTC",
    include_quotes: bool = False,
) -> Channel:
    """A new channel; `secrets` are sealed, `target` is what is shown of its address. Raises Conflict when the name is taken."""
    values = {
        "workspace_id": row_id(workspace_id, "workspace"),
        "name": name,
        "kind": kind,
        "target": target,
        "options": dict(options or {}),
        "sealed_options": {key: vault.seal(value) for key, value in secrets.items()},
        "language": language,
        "time_zone": time_zone,
        "include_quotes": include_quotes,
        "enabled": True,
        "created_at": now,
    }
    try:
        with connection.begin_nested():
            row = connection.execute(insert(channels).returning(channels), values).one()
    except IntegrityError:
        raise Conflict(f"there is a channel named {name!r} already") from None
    return _to_channel(row)


def update_channel(
    connection: Connection,
    channel: Channel,
    *,
    name: str,
    target: str,
    options: Mapping[str, object],
    secrets: Mapping[str, str],
    vault: Vault,
    language: ChannelLanguage,
    time_zone: str,
    include_quotes: bool,
    enabled: bool,
) -> Channel:
    """Everything that can change, as it is from now on; secrets are sealed anew. A channel that was changed starts with a clean slate.

    Raises Conflict when the name is taken.
    """
    values = {
        "name": name,
        "target": target,
        "options": dict(options),
        "sealed_options": {key: vault.seal(value) for key, value in secrets.items()},
        "language": language,
        "time_zone": time_zone,
        "include_quotes": include_quotes,
        "enabled": enabled,
        "last_error": None,
        "failures": 0,
        "refusals": 0,
    }
    changed = update(channels).where(_mine(channel.workspace_id, channel.id)).values(values).returning(channels)
    try:
        with connection.begin_nested():
            return _to_channel(connection.execute(changed).one())
    except IntegrityError:
        raise Conflict(f"there is a channel named {name!r} already") from None


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


def secrets_of(connection: Connection, channel: Channel, vault: Vault) -> dict[str, str]:
    """The secret options, for whoever sends or changes. Raises NotFound; Misconfigured under another KOE_SECRET."""
    sealed = connection.scalar(select(channels.c.sealed_options).where(_mine(channel.workspace_id, channel.id)))
    if sealed is None:
        raise NotFound(f"no channel {channel.id[:40]!r} in this workspace")
    return {name: vault.open(text) for name, text in sealed.items()}


def note_success(connection: Connection, channel_id: str, now: datetime) -> None:
    """The receiver took something: whatever went wrong before is over."""
    values = {"last_error": None, "last_success_at": now, "failures": 0, "refusals": 0}
    connection.execute(update(channels).where(channels.c.id == row_id(channel_id, "channel")).values(values))


def note_failure(connection: Connection, channel_id: str, error: str, now: datetime, *, refused: bool) -> None:
    """What went wrong with the last attempt. `refused`: repeating it would not help."""
    values = {
        "last_error": error,
        "last_failure_at": now,
        "failures": channels.c.failures + 1,
        "refusals": channels.c.refusals + int(refused),
    }
    connection.execute(update(channels).where(channels.c.id == row_id(channel_id, "channel")).values(values))


def _mine(workspace_id: str, channel_id: str) -> Any:
    return (channels.c.workspace_id == row_id(workspace_id, "workspace")) & (channels.c.id == row_id(channel_id, "channel"))


def _to_channel(row: AnyRow) -> Channel:
    return Channel(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        name=row.name,
        kind=row.kind,
        target=row.target,
        options=row.options,
        secrets=tuple(sorted(row.sealed_options)),
        language=row.language,
        time_zone=row.time_zone,
        include_quotes=row.include_quotes,
        enabled=row.enabled,
        created_at=row.created_at,
        last_error=row.last_error,
        health=ChannelHealth(row.last_success_at, row.last_failure_at, row.failures, row.refusals, row.last_error),
    )
