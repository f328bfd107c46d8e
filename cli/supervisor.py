"""Runs several processes as one: restarts what dies, stops in reverse order, and leaves nothing behind even when it is killed itself."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import tether
from core.errors import KoeError
from core.logs import get_logger

log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Child:
    """One process. `ready` says whether it can be used; with `gate`, the children of later tiers wait for that.

    `grace` is the seconds it may take to end after SIGTERM; `advice` is what a person can do when it never stays up.
    """

    name: str
    command: tuple[str, ...]
    ready: Callable[[], Awaitable[bool]] | None = None
    gate: bool = False
    grace: float = 20.0
    advice: str = ""


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds between restarts double from `first` to `longest`; a child that lived for `settled` seconds starts at `first` again.

    After `failures` ends in a row that came sooner than that, the supervisor gives up.
    """

    first: float = 0.25
    longest: float = 15.0
    settled: float = 20.0
    failures: int = 6


class GaveUp(KoeError):
    """A child ends as often as it is started."""


class Keeper:
    """Keeps one child running until it is told to stop it."""

    def __init__(self, child: Child, environment: Mapping[str, str], patience: Patience) -> None:
        self.child = child
        self.ready = asyncio.Event()
        self._environment = environment
        self._patience = patience
        self._stopping = asyncio.Event()
        self._process: asyncio.subprocess.Process | None = None

    async def keep(self) -> None:
        """Start the child, and start it again when it ends. Returns after stop(). Raises GaveUp."""
        failures = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            code = await self._run_once()
            if self._stopping.is_set():
                return
            failures = 1 if time.monotonic() - started >= self._patience.settled else failures + 1
            if failures >= self._patience.failures:
                raise GaveUp(f"{self.child.name} ended {failures} times in a row, last with {_ending(code)}. {self.child.advice}".rstrip())
            pause = min(self._patience.first * 2 ** (failures - 1), self._patience.longest)
            log.warning("child.ended", child=self.child.name, ending=_ending(code), again_in=pause)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), pause)

    async def _run_once(self) -> int:
        # A process group of its own: Ctrl-C in a terminal reaches the supervisor alone, which then stops the children in order.
        self._process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(Path(tether.__file__)), str(os.getpid())),
            *self.child.command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,
        )
        probe = asyncio.create_task(self._wait_until_ready())
        try:
            return await self._process.wait()
        finally:
            probe.cancel()
            self.kill()  # what the child may have started itself

    async def _wait_until_ready(self) -> None:
        while self.child.ready is not None and not await self.child.ready():
            await asyncio.sleep(0.1)
        self.ready.set()

    async def stop(self) -> None:
        """Ask the child to end, and kill it when its grace is over."""
        self._stopping.set()
        process = self._process
        if process is None or process.returncode is not None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.terminate()
        try:
            await asyncio.wait_for(process.wait(), self.child.grace)
        except TimeoutError:
            log.warning("child.killed", child=self.child.name, after=self.child.grace)
            self.kill()
            await process.wait()

    def kill(self) -> None:
        """Kill the child's process group at once."""
        if self._process is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, of a group of zombies
                os.killpg(self._process.pid, signal.SIGKILL)


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


async def supervise(
    tiers: Sequence[Sequence[Child]],
    *,
    environment: Mapping[str, str],
    on_ready: Callable[[], None] = lambda: None,
    patience: Patience = Patience(),  # noqa: B008 - frozen
) -> int:
    """Run every child until SIGINT or SIGTERM; a second one kills. Tiers start in order and stop in reverse. Returns the exit code."""
    stop, hurry = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        loop.add_signal_handler(number, lambda: hurry.set() if stop.is_set() else stop.set())
    kept = [[Keeper(child, environment, patience) for child in tier] for tier in tiers]
    started: list[asyncio.Task[None]] = []
    work = [asyncio.create_task(_start(kept, started, on_ready)), asyncio.create_task(stop.wait())]
    while True:
        done, _ = await asyncio.wait([*work, *started], return_when=asyncio.FIRST_COMPLETED)
        ...
