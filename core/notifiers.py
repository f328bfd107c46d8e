"""Which services of the library apprise may be used, and what its code may touch: services that speak HTTP, public addresses, no files."""

import os
import socket
import sys
import sysconfig
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any

from core.errors import InvalidInput, PermanentError
from core.network import ForbiddenAddress, check_public, is_allowed, is_public

if TYPE_CHECKING:
    import apprise

REFUSED: Mapping[str, str] = {
    "mailto": "use a channel of the kind email", "mailtos": "use a channel of the kind email",
    "fcm": "it reads a key file of this machine", "vapid": "it reads a key file of this machine",
}  # fmt: skip
"""Schemes that are refused although they could work, and why. Those that do not speak HTTP are refused by that rule."""
SPAWNING = ("subprocess.", "os.system", "os.exec", "os.fork", "os.posix_spawn", "os.spawn", "pty.", "os.remove", "os.rename", "os.mkdir")
SENDING = frozenset({"socket.bind", "socket.sendto", "socket.sendmsg"})
READABLE = ("/etc/ssl", "/etc/pki", "/usr/lib/ssl", "/usr/share/zoneinfo", "/usr/share/ca-certificates", "/usr/local/share/ca-certificates")
READABLE_FILES = frozenset({"/dev/urandom", "/dev/null", "/etc/localtime", "/etc/hosts", "/etc/resolv.conf", "/etc/nsswitch.conf"})


def make_asset() -> "apprise.AppriseAsset":
    """How the library behaves: it keeps nothing on disk and logs no secret."""
    import apprise

    return apprise.AppriseAsset(
        app_id="Koe", app_desc="Koe", app_url="", storage_mode=apprise.PersistentStoreMode.MEMORY, secure_logging=True
    )


def open_notifier(url: str, asset: "apprise.AppriseAsset") -> "apprise.NotifyBase":
    """The notifier that an apprise URL stands for. Raises InvalidInput that says what would be valid; reaches nothing."""
    import apprise
    from apprise.manager_plugins import NotificationManager

    scheme = url.partition("://")[0].strip().lower()
    if reason := REFUSED.get(scheme):
        raise InvalidInput(f"{scheme}:// is not used from here: {reason}", field="url")
    services = NotificationManager()  # type: ignore[no-untyped-call]
    if scheme in services and not speaks_http(services[scheme]):
        raise InvalidInput(f"{scheme}:// is not used from here: it does not speak HTTP, or works on one machine only", field="url")
    notifier = apprise.Apprise.instantiate(url, asset=asset, suppress_exceptions=True)
    if notifier is None or not speaks_http(type(notifier)):
        known = services[scheme] if scheme in services else None  # noqa: SIM401 (it has no get)
        forms = ", ".join(known.templates[:3]) if known else "discord://, tgram://, msteams://, mmost://, ntfy://, json://host/path"
        raise InvalidInput(f"not an address that apprise knows; valid are {forms}", field="url")
    return notifier


def check_notifier(url: str, allowed_hosts: Iterable[str]) -> str:
    """What may be shown of an apprise URL: its service, and its host where that is a server of one's own.

    Raises InvalidInput for what is no such URL, or for a private host that no administrator allowed.
    """
    notifier: Any = open_notifier(url, make_asset())
    service = str(notifier.service_name)
    host = getattr(notifier, "host", None)
    if not isinstance(host, str) or not host or not type(notifier).protocol:
        return service
    port = int(notifier.port or (443 if notifier.secure else 80))
    try:
        with suppress(OSError, UnicodeError):
            check_public(host, port, allowed_hosts)
    except ForbiddenAddress as error:
        raise InvalidInput(str(error), field="url") from None
    return f"{service}: {host}"


def speaks_http(service: type[Any]) -> bool:
    """Whether a service is usable here and works by the library `requests`, itself or by the service that it is made from."""
    return bool(service.enabled) and any(hasattr(sys.modules.get(one.__module__), "requests") for one in service.__mro__ if is_service(one))


def is_service(one: type[Any]) -> bool:
    return one.__module__.startswith("apprise.plugins.") and not one.__module__.endswith(".base")


def confine(allowed_hosts: Iterable[str], refusals: list[str]) -> None:
    """From now on, and for good, let this process connect to public and allowed addresses only, write nothing and start nothing.

    It sees the very address of each connection, so an answer of DNS that changes is of no use. What was refused is appended to `refusals`.
    For a process that runs a library we did not write on an address we did not write; it is no wall against hostile code.
    """
    hosts = tuple(allowed_hosts)
    permitted = set(_addresses(hosts))
    readable = _library_folders()
    checks: dict[str, Callable[[tuple[Any, ...]], str | None]] = {
        "socket.connect": lambda args: _connecting(args[1], hosts, permitted),
        "open": lambda args: _opening(args[0], args[1], args[2], readable),
    }

    def watch(event: str, args: tuple[Any, ...]) -> None:
        check = checks.get(event)
        reason = check(args) if check else f"it would have used {event}" if event in SENDING or event.startswith(SPAWNING) else None
        if reason is not None:
            refusals.append(reason)
            raise PermanentError(reason)

    sys.addaudithook(watch)


def _addresses(allowed_hosts: Iterable[str]) -> list[tuple[str, int | None]]:
    """Addresses of the allowed hosts, each with its port, or None for any."""
    found: list[tuple[str, int | None]] = []
    for entry in allowed_hosts:
        host, colon, port = entry.rpartition(":")
        name, number = (host.strip("[]"), int(port)) if colon and port.isdigit() and not entry.endswith("]") else (entry.strip("[]"), None)
        with suppress(OSError, UnicodeError):
            found += [(str(one[4][0]), number) for one in socket.getaddrinfo(name, number or 0, type=socket.SOCK_STREAM)]
    return found


def _connecting(address: Any, allowed_hosts: tuple[str, ...], permitted: set[tuple[str, int | None]]) -> str | None:
    try:
        host, port = str(address[0]), int(address[1])
        parsed = ip_address(host)
    except (TypeError, ValueError, IndexError):
        return "it would have connected to what is no address of the internet"
    if is_public(parsed) or is_allowed(host, port, allowed_hosts) or {(host, port), (host, None)} & permitted:
        return None
    return f"{host}:{port} is a private address; an administrator can allow its host with KOE_ALLOWED_HOSTS"


def _opening(path: Any, mode: Any, flags: Any, readable: tuple[str, ...]) -> str | None:
    if isinstance(path, int):
        return None
    if (isinstance(mode, str) and set(mode) & set("wax+")) or (isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)):
        return "it would have written a file"
    real = os.path.realpath(os.fsdecode(path))
    return None if real in READABLE_FILES or real.startswith(readable) else "it would have read a file of this machine"


def _library_folders() -> tuple[str, ...]:
    """Where Python and its packages are."""
    import apprise

    packages = os.path.dirname(os.path.dirname(os.path.realpath(apprise.__file__)))  # noqa: PTH120 (no Path below an audit hook)
    paths = sysconfig.get_paths()
    own = [os.path.realpath(paths[name]) for name in ("stdlib", "platstdlib", "purelib", "platlib")]
    return tuple(f"{folder}/" for folder in (*own, packages, *READABLE))
