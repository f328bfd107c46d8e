"""Keys of the API: shown once, stored as a digest, bound to a workspace and to scopes."""

import hmac
import secrets
from collections.abc import Collection, Sequence
from datetime import datetime
from hashlib import sha256

from sqlalchemy import Connection, insert, select, update

from core.errors import InvalidInput, NotFound
from store.dialect import AnyRow, row_id
from store.records import KEY_SCOPES, Key, KeyScope
from store.tables import keys

NO_DIGEST = sha256(b"").hexdigest()


def create_key(connection: Connection, workspace_id: str, *, name: str, scopes: Sequence[KeyScope], now: datetime) -> tuple[Key, str]:
    """A new key and its plain form `koe_<prefix>_<43 characters>`, which nobody can read again.

    Raises InvalidInput for no scope or an unknown one.
    """
    unknown = [scope for scope in scopes if scope not in KEY_SCOPES]
    if unknown or not scopes:
        raise InvalidInput(f"a key needs one or more scopes of {', '.join(KEY_SCOPES)}; got {', '.join(unknown) or 'none'}", field="scopes")
    prefix = secrets.token_hex(4)
    # 32 random bytes make 43 characters: too many to guess, so a quick digest is enough.
    plain = f"koe_{prefix}_{secrets.token_urlsafe(32)}"
    row = connection.execute(
        insert(keys).returning(keys),
        {
            "workspace_id": row_id(workspace_id, "workspace"),
            "name": name,
            "prefix": prefix,
            "digest": _digest(plain),
            "scopes": [scope for scope in KEY_SCOPES if scope in scopes],
            "created_at": now,
        },
    ).one()
    return _to_key(row), plain


def authenticate(connection: Connection, plain: str) -> Key | None:
    """The key in force behind `plain`, of any workspace; None for an unknown, malformed or revoked one."""
    parts = plain.split("_", 2)
    prefix = parts[1] if len(parts) == 3 and parts[0] == "koe" else ""
    row = connection.execute(select(keys).where(keys.c.prefix == prefix)).one_or_none()
    # Compared even when there is nothing to compare with: the time taken tells nothing.
    right = hmac.compare_digest(NO_DIGEST if row is None else row.digest, _digest(plain))
    return _to_key(row) if right and row is not None and row.revoked_at is None else None


def keys_in_force(connection: Connection, key_ids: Collection[str]) -> frozenset[str]:
    """Those of the keys that were not revoked."""
    wanted = keys.c.id.in_([row_id(one, "key") for one in key_ids])
    return frozenset(str(one) for one in connection.scalars(select(keys.c.id).where(wanted, keys.c.revoked_at.is_(None))))


def list_keys(connection: Connection, workspace_id: str) -> list[Key]:
    """Every key of a workspace, revoked ones too, oldest first."""
    query = select(keys).where(keys.c.workspace_id == row_id(workspace_id, "workspace")).order_by(keys.c.id)
    return [_to_key(row) for row in connection.execute(query)]


def revoke_key(connection: Connection, workspace_id: str, key_id: str, now: datetime) -> Key:
    """End a key; revoking it again changes nothing. Raises NotFound."""
    mine = (keys.c.workspace_id == row_id(workspace_id, "workspace")) & (keys.c.id == row_id(key_id, "key"))
    connection.execute(update(keys).where(mine, keys.c.revoked_at.is_(None)).values(revoked_at=now))
    row = connection.execute(select(keys).where(mine)).one_or_none()
    if row is None:
        raise NotFound(f"no key {key_id!r} in this workspace")
    return _to_key(row)


def _digest(plain: str) -> str:
    return sha256(plain.encode("utf-8", "replace")).hexdigest()


def _to_key(row: AnyRow) -> Key:
    return Key(
        id=str(row.id),
        workspace_id=str(row.workspace_id),
        name=row.name,
        prefix=row.prefix,
        scopes=tuple(row.scopes),
        created_at=row.created_at,
        revoked_at=row.revoked_at,
    )
