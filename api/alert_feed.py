"""Changes of alerts as they happen: one poller per process reads them from the database and hands them to every stream that is open."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

from anyio import CapacityLimiter, to_thread

from api.errors import NotReady
from core.errors import TransientError
from core.logs import get_logger
from store.alerts import last_transition, transitions_after
from store.database import Database
from store.keys import keys_in_force
from store.records import Alert, Transition

log = get_logger(__name__)
POLL_SECONDS = 1.0
BATCH = 500
"""Changes that are read at once."""
MOST_BEHIND = 256
"""Changes that wait for one stream in memory. What comes beyond that is read from the database when its reader is that far."""
MOST_STREAMS = 2000
Render = Callable[[Transition, Alert], bytes]


def _never() -> bool:
    return False


@dataclass(eq=False, slots=True)
class Stream:
    """One reader. `after`: changes up to this one are not handed out but read from the database; `missed`: the last one for which there was
    no room, or 0; `over`: it is to end."""

    workspace_id: str
    key_id: str | None
    after: int
    waiting: asyncio.Queue[tuple[int, bytes] | None] = field(default_factory=lambda: asyncio.Queue(MOST_BEHIND))
    missed: int = 0
    over: bool = False

    def hand(self, number: int, change: bytes) -> None:
        if self.missed or self.waiting.full():
            self.missed = number
        else:
            self.waiting.put_nowait((number, change))

    def fall_back(self) -> None:
        """Once all that waited is read: have what was missed read from the database."""
        self.after, self.missed = self.missed, 0

    def end(self) -> None:
        """Let the reader come to its end, at once if it waits."""
        self.over = True
        if not self.waiting.full():
            self.waiting.put_nowait(None)


class AlertFeed:
    """One event loop uses it; the database is read in a thread of its own, so that no request waits for it nor it for them."""

    def __init__(self, database: Database, render: Render) -> None:
        self._database = database
        self._render = render
        self._streams: set[Stream] = set()
        self._seen: dict[str, int] = {}
        self._thread = CapacityLimiter(1)
        self._wanted = asyncio.Event()
        self._poller: asyncio.Task[None] | None = None
        self.stopping: Callable[[], bool] = _never
        """Asked at every poll: a server that is about to stop waits for no stream."""

    @property
    def streams(self) -> int:
        return len(self._streams)

    async def start(self) -> None:
        self._poller = asyncio.create_task(self._poll_for_ever())

    async def stop(self) -> None:
        self.end_all()
        if self._poller is not None:
            self._poller.cancel()
            await asyncio.gather(self._poller, return_exceptions=True)

    def end_all(self) -> None:
        for stream in self._streams:
            stream.end()

    async def position(self, workspace_id: str) -> int:
        """The last change that was handed out in this workspace, or is the last there is. Raises TransientError."""
        last = self._seen.get(workspace_id)
        return await to_thread.run_sync(self._last, workspace_id) if last is None else last

    @contextmanager
    def join(self, workspace_id: str, key_id: str | None, position: int) -> Iterator[Stream]:
        """A stream that gets every change after `position`, as `position()` has just said. Raises NotReady when too many are open."""
        if len(self._streams) >= MOST_STREAMS:
            raise NotReady(f"{MOST_STREAMS} streams are open on this process already; close some, or start another process")
        stream = Stream(workspace_id, key_id, self._seen.setdefault(workspace_id, position))
        self._streams.add(stream)
        self._wanted.set()
        try:
            yield stream
        finally:
            self._streams.discard(stream)
            if all(other.workspace_id != workspace_id for other in self._streams):
                self._seen.pop(workspace_id, None)

    async def before(self, stream: Stream, last: int) -> list[tuple[int, bytes]]:
        """The next changes after `last` that are not handed to this stream, with their numbers; none when it is up to date."""
        rows = await to_thread.run_sync(self._read, {stream.workspace_id: last}, limiter=self._thread)
        return [(number, change) for number, _, change in rows if number <= stream.after]

    async def _poll_for_ever(self) -> None:
        while True:
            if not self._streams:
                self._wanted.clear()
            await self._wanted.wait()
            try:
                more = await self._poll()
            except TransientError as error:
                log.warning("alerts.not_read", reason=str(error))
                more = False
            except Exception:  # the edge of a task that must not die: streams would wait for ever
                log.exception("alerts.not_read")
                more = False
            if self.stopping():
                self.end_all()
            await asyncio.sleep(0 if more else POLL_SECONDS)

    async def _poll(self) -> bool:
        """Hand out what is new, and end the streams whose key was revoked; whether there is more to read."""
        keys = frozenset(stream.key_id for stream in self._streams if stream.key_id is not None)
        rows, revoked = await to_thread.run_sync(self._read_all, dict(self._seen), keys, limiter=self._thread)
        for stream in self._streams:
            if stream.key_id in revoked:
                stream.end()
        for number, workspace_id, change in rows:
            if number > self._seen.get(workspace_id, number):
                self._seen[workspace_id] = number
                for stream in self._streams:
                    if stream.workspace_id == workspace_id and number > stream.after:
                        stream.hand(number, change)
        return len(rows) == BATCH

    def _read_all(self, seen: dict[str, int], keys: frozenset[str]) -> tuple[list[tuple[int, str, bytes]], frozenset[str]]:
        """What is new after `seen`, and which of the keys were revoked."""
        with self._database.read() as connection:
            found, revoked = transitions_after(connection, seen, limit=BATCH), keys - keys_in_force(connection, keys)
        return self._rendered(found), revoked

    def _read(self, seen: dict[str, int]) -> list[tuple[int, str, bytes]]:
        with self._database.read() as connection:
            found = transitions_after(connection, seen, limit=BATCH)
        return self._rendered(found)

    def _rendered(self, found: Sequence[tuple[Transition, Alert]]) -> list[tuple[int, str, bytes]]:
        return [(int(step.id), alert.workspace_id, self._render(step, alert)) for step, alert in found]

    def _last(self, workspace_id: str) -> int:
        with self._database.read() as connection:
            return last_transition(connection, workspace_id)
