"""Who calls, and what they may do: Bearer keys, looked up by hash, remembered for seconds so that a call of the model needs no database."""

import hashlib
import ipaddress
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlsplit

from fastapi import Depends
from fastapi.security import HTTPBearer
from starlette.requests import Request

from api.errors import Forbidden, Unauthorized
from api.remembered import Remembered
from core.errors import Misconfigured
from core.settings import Settings
from store.database import Database
from store.keys import authenticate
from store.records import KEY_SCOPES, Key, KeyScope

LONGEST_KEY = 200


@dataclass(frozen=True, slots=True)
class Caller:
    """In whose name a request is answered."""

    workspace_id: str
    scopes: tuple[KeyScope, ...]
    key_id: str | None

    def may(self, scope: KeyScope) -> bool:
        return scope in self.scopes or "admin" in self.scopes


class Keyring:
    """Answers of the key table, each kept for seconds and under the hash of the key, never the key itself. One event loop uses it."""

    def __init__(self, database: Database, clock: Callable[[], float]) -> None:
        self._database = database
        # Who was refused is looked up before being refused again: the key may have been made a moment ago.
        self._keys = Remembered[bytes, Key | None]("keys", clock, outlasts=lambda key: key is not None)

    async def find(self, plain: str) -> Key | None:
        """The key, or None when it is unknown or revoked. Raises TransientError when the database is away and the key not remembered."""
        return await self._keys.find(hashlib.sha256(plain.encode("utf-8", "replace")).digest(), lambda: self._read(plain))

    def forget(self) -> None:
        """Look every key up again: one was revoked."""
        self._keys.forget()

    async def settle(self) -> None:
        """Wait for look-ups under way, at the end of the process."""
        await self._keys.settle()

    def _read(self, plain: str) -> Key | None:
        with self._database.read() as connection:
            return authenticate(connection, plain)


class Doorkeeper:
    """Turns a request into its caller."""

    def __init__(self, keyring: Keyring, *, open_to: Caller | None) -> None:
        """`open_to`: who everybody is with KOE_AUTH=off; None asks for keys."""
        self.keyring = keyring
        self.open_to = open_to

    async def admit(self, request: Request) -> Caller:
        """Raises Unauthorized, or Forbidden for a foreign web page that tries to use a server without keys."""
        if self.open_to is not None:
            refuse_foreign_pages(request)
            return self.open_to
        scheme, _, plain = request.headers.get("authorization", "").partition(" ")
        plain = plain.strip()
        if scheme.lower() != "bearer" or not plain:
            raise Unauthorized("Send a key: Authorization: Bearer koe_...")
        key = await self.keyring.find(plain) if len(plain) <= LONGEST_KEY else None
        if key is None:
            raise Unauthorized("The key is not known here, or was revoked")
        return Caller(key.workspace_id, key.scopes, key.id)


class Needs(HTTPBearer):
    """A dependency that is the caller, and says which scope a route needs; `api.route.Route` checks it before it reads the body."""

    def __init__(self, scope: KeyScope) -> None:
        super().__init__(scheme_name="key", description="A key of the workspace: `koe_...`. Scopes: " + ", ".join(KEY_SCOPES))
        self.scope: KeyScope = scope

    async def __call__(self, request: Request) -> Caller:  # type: ignore[override]
        caller: Caller = request.state.caller
        return caller


Classifier = Annotated[Caller, Depends(Needs("classify"))]
Ingester = Annotated[Caller, Depends(Needs("ingest"))]
Reader = Annotated[Caller, Depends(Needs("read"))]
Manager = Annotated[Caller, Depends(Needs("manage"))]
Admin = Annotated[Caller, Depends(Needs("admin"))]


def check_scope(caller: Caller, scope: KeyScope) -> None:
    """Raises Forbidden naming the scope."""
    if not caller.may(scope):
        raise Forbidden(f"This call needs a key with the scope {scope!r}; this one has: {', '.join(caller.scopes)}", scope=scope)


def check_auth_setting(settings: Settings) -> None:
    """Raises Misconfigured when everybody who reaches the port could do anything."""
    if settings.auth == "off" and not is_loopback(settings.host):
        raise Misconfigured(f"KOE_AUTH=off is for loopback only, and KOE_HOST is {settings.host}: set KOE_HOST=127.0.0.1 or KOE_AUTH=on")


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches `host`."""
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return host.lower() == "localhost"


def refuse_foreign_pages(request: Request) -> None:
    """Without keys, a web page in the user's browser must not reach us: neither by a name that resolves to loopback nor by a form it posts.

    Raises Forbidden; Host and Origin are the two headers that a page cannot choose.
    """
    host = _host_of(f"//{request.headers.get('host', '')}")
    origin = request.headers.get("origin")
    if not is_loopback(host) or (origin is not None and not is_loopback(_host_of(origin))):
        raise Forbidden("KOE_AUTH is off: only pages and programs of this machine may call, by the name localhost or 127.0.0.1")


def _host_of(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""
