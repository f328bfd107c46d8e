"""The processes of one machine: Valkey, the API, the workers and the schedule, and how each says that it is ready."""

import asyncio
import contextlib
import fcntl
import os
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from pydantic import SecretStr

from cli.supervisor import Child, answers, supervise
from cli.valkey import valkey
from core.errors import Misconfigured
from core.settings import Settings

# glibc gives every thread an arena of its own that is never given back: the threads of one API process hold 25 MB more with the usual
# sixteen than with two. Other C libraries do not read it.
FEW_ARENAS = {"MALLOC_ARENA_MAX": "2"}
DOCTOR = "What it said is above; `koe doctor` checks the set-up."


def serve(settings: Settings, *, on_ready: Callable[[], None] = lambda: None) -> int:
    """Run all of Koe on this machine until a signal. Returns the exit code.

    Raises Misconfigured when the data folder is in use or cannot be, and GaveUp when a child never stays up.
    """
    settings.home.mkdir(parents=True, exist_ok=True)
    with _only_one(settings.home):
        return asyncio.run(supervise(tiers_of(settings), environment=environment_of(settings), on_ready=on_ready))


def tiers_of(settings: Settings) -> list[list[Child]]:
    """Every child, in the order of starting; workers stop before the API, and the broker last."""
    annotating = [_koe(f"annotate-{number}", "worker", "--queue", "annotate") for number in range(1, settings.workers + 1)]
    tiers = [
        [_api(settings)],
        [*annotating, _koe("stages", "worker", "--queue", "stages")],
        [_koe("beat", "beat")],
    ]
    return tiers if settings.broker_url else [[valkey(settings)], *tiers]


def _command(*arguments: str) -> tuple[str, ...]:
    return (sys.executable, "-m", "cli.main", *arguments)


def _api(settings: Settings) -> Child:
    # The workers start once it answers: on two cores they would only make everybody wait longer for the first page.
    alive, ready = (partial(_answers, settings, path) for path in ("/healthz", "/readyz"))
    return Child("api", _command("api"), gate=alive, ready=ready, advice=DOCTOR)


def _koe(name: str, *arguments: str) -> Child:
    return Child(name, _command(*arguments), advice=DOCTOR)


def environment_of(settings: Settings) -> dict[str, str]:
    """The environment in which a child reads exactly these settings, whatever file or flag they came from, and takes little memory."""
    values = {f"KOE_{name.upper()}": getattr(settings, name) for name in Settings.model_fields}
    return FEW_ARENAS | dict(os.environ) | {name: _written(value) for name, value in values.items() if value is not None}


def _written(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    if isinstance(value, Path):
        return str(value.absolute())
    return ",".join(value) if isinstance(value, tuple) else str(value)


@contextlib.contextmanager
def _only_one(home: Path) -> Iterator[None]:
    with (home / "koe.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Misconfigured(f"Koe is already running on {home.absolute()}: stop it, or choose another folder with KOE_HOME") from None
        yield


async def _answers(settings: Settings, path: str) -> bool:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)  # noqa: S104 - any address includes ours
    request = f"GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
    return await answers(asyncio.open_connection(host, settings.port), request.encode(), b"HTTP/1.1 200")
