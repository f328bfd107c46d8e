"""Runs several processes as one: restarts what dies, stops in reverse order, and leaves nothing behind even when it is killed itself."""

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cli import tether
from core.errors import KoeError
from core.logs import get_logger

log = get_logger(__name__)
EXIT_KILLED = 130
Probe = Callable[[], Awaitable[bool]]


@dataclass(frozen=True, slots=True)
class Child:
    """One process. The children of later tiers wait until `gate` says yes; `ready` says whether it can do its work.

    `grace` is the seconds it may take to end after SIGTERM; `advice` is what a person can do when it never stays up.
    """

    name: str
    command: tuple[str, ...]
    gate: Probe | None = None
    ready: Probe | None = None
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
    """Keeps one child running until it is told to stop."""

    def __init__(self, child: Child, environment: Mapping[str, str], patience: Patience) -> None:
        self.child = child
        self.open = asyncio.Event()
        self.ready = asyncio.Event()
        self._environment = environment
        self._patience = patience
        self._stopping = asyncio.Event()
        self._pid: int | None = None

    async def keep(self) -> None:
        """Start the child, and start it again whenever it ends. Returns once it is stopped. Raises GaveUp."""
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

    def stop(self) -> None:
        """Ask the child to end, and do not start it again; keep() returns when it has ended."""
        self._stopping.set()

    def kill(self) -> None:
        """End the child at once."""
        self._stopping.set()
        self._kill_group()

    async def _run_once(self) -> int:
        # A process group of its own: Ctrl-C in a terminal reaches the supervisor alone, which then stops the children in order.
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-I", "-S", str(Path(tether.__file__)), str(os.getpid())),
            *self.child.command,
            env=self._environment,
            stdin=asyncio.subprocess.DEVNULL,
            process_group=0,
        )
        self._pid = process.pid
        ended = asyncio.create_task(process.wait())
        told = asyncio.create_task(self._stopping.wait())
        probe = asyncio.create_task(self._wait_until_ready())
        await asyncio.wait([ended, told], return_when=asyncio.FIRST_COMPLETED)
        if not ended.done():
            process.terminate()
            await asyncio.wait([ended], timeout=self.child.grace)
        told.cancel()
        probe.cancel()
        self._kill_group()  # a child that ignores us, and whatever a child left behind
        return await ended

    async def _wait_until_ready(self) -> None:
        for probe, passed in ((self.child.gate, self.open), (self.child.ready, self.ready)):
            while probe is not None and not await probe():
                await asyncio.sleep(0.1)
            passed.set()

    def _kill_group(self) -> None:
        if self._pid is not None:
            with contextlib.suppress(ProcessLookupError, PermissionError):  # PermissionError: macOS, of a group of zombies
                os.killpg(self._pid, signal.SIGKILL)


async def answers(connecting: Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]], question: bytes, answer: bytes) -> bool:
    """Whether a server that is asked `question` replies with a line that begins with `answer`, within two seconds."""
    try:
        async with asyncio.timeout(2):
            reader, writer = await connecting
            with contextlib.closing(writer):
                writer.write(question)
                return (await reader.readline()).startswith(answer)
    except OSError:
        return False


def _ending(code: int) -> str:
    return f"exit code {code}" if code >= 0 else signal.Signals(-code).name


async def supervise(
    tiers: Sequence[Sequence[Child]],
    *,
    environment: Mapping[str, str],
    on_ready: Callable[[], None] = lambda: None,
    patience: Patience = Patience(),
) -> int:
    """Run the children until SIGINT or SIGTERM; a second one kills. Tiers start in order and stop in reverse. Returns the exit code."""
    tended = [[Keeper(child, environment, patience) for child in tier] for tier in tiers]
    stop, hurry = _listen()
    tasks: dict[Keeper, asyncio.Task[None]] = {}

    async def start() -> None:
        for tier in tended:
            for keeper in tier:
                tasks[keeper] = asyncio.create_task(keeper.keep())
                tasks[keeper].add_done_callback(lambda _: stop.set())
            for keeper in tier:
                await keeper.open.wait()
        for keeper in tasks:
            await keeper.ready.wait()
        on_ready()

    starting = asyncio.create_task(start())
    starting.add_done_callback(lambda task: None if task.cancelled() or task.exception() is None else stop.set())
    await stop.wait()
    starting.cancel()
    hurrying = asyncio.create_task(_kill_on(hurry, tasks))
    for tier in reversed(tended):
        await _end([(keeper, tasks[keeper]) for keeper in tier if keeper in tasks])
    hurrying.cancel()
    for outcome in await asyncio.gather(starting, *tasks.values(), return_exceptions=True):
        if isinstance(outcome, Exception):
            raise outcome
    return EXIT_KILLED if hurry.is_set() else 0


def _listen() -> tuple[asyncio.Event, asyncio.Event]:
    stop, hurry = asyncio.Event(), asyncio.Event()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, lambda: hurry.set() if stop.is_set() else stop.set())
    return stop, hurry


async def _end(tier: Sequence[tuple[Keeper, asyncio.Task[None]]]) -> None:
    for keeper, _ in tier:
        log.info("child.stopping", child=keeper.child.name)
        keeper.stop()
    if tier:
        await asyncio.wait([task for _, task in tier])


async def _kill_on(hurry: asyncio.Event, keepers: Iterable[Keeper]) -> None:
    await hurry.wait()
    for keeper in keepers:
        keeper.kill()
