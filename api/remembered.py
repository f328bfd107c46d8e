"""Answers of the database that a call of the model needs: kept for seconds, and looked up anew beside the requests that use them."""

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from anyio import to_thread

from core.logs import get_logger

log = get_logger(__name__)
FRESH_SECONDS = 5.0
"""So long an answer is not looked up again."""
STALE_SECONDS = 30.0
"""So long a known answer still serves while it is looked up anew beside the request: no call of the model waits for the database."""
MOST = 1024

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class _Known(Generic[Value]):
    value: Value
    since: float


class Remembered(Generic[Key, Value]):
    """The answers, by key. One event loop uses it."""

    def __init__(self, noun: str, clock: Callable[[], float], *, outlasts: Callable[[Value], bool] = lambda _: True) -> None:
        """`noun` says in the log what could not be looked up; `clock` gives seconds; `outlasts`: may an answer serve when not fresh?"""
        self._noun, self._clock, self._outlasts = noun, clock, outlasts
        self._known: OrderedDict[Key, _Known[Value]] = OrderedDict()
        self._refreshing: dict[Key, asyncio.Task[Value]] = {}

    async def find(self, key: Key, look_up: Callable[[], Value]) -> Value:
        """The answer; `look_up` asks the database, in a thread. Raises what it raises when no answer is remembered that may serve."""
        known = self._known.get(key)
        age = STALE_SECONDS if known is None else self._clock() - known.since
        if known is not None and age < FRESH_SECONDS:
            return known.value
        refresh = self._refresh(key, look_up)
        if known is not None and self._outlasts(known.value) and age < STALE_SECONDS:
            return known.value
        return await asyncio.shield(refresh)

    def forget(self) -> None:
        """Look everything up again: something was changed in this process."""
        self._known.clear()

    async def settle(self) -> None:
        """Wait for look-ups under way, at the end of the process."""
        await asyncio.gather(*self._refreshing.values(), return_exceptions=True)

    def _refresh(self, key: Key, look_up: Callable[[], Value]) -> "asyncio.Task[Value]":
        """One look-up at a time for each key, however many requests wait for it."""
        if key not in self._refreshing:
            task = asyncio.create_task(self._look_up(key, look_up))
            task.add_done_callback(lambda done: self._finish(key, done))
            self._refreshing[key] = task
        return self._refreshing[key]

    def _finish(self, key: Key, done: "asyncio.Task[Value]") -> None:
        self._refreshing.pop(key, None)
        if not done.cancelled() and (error := done.exception()) is not None:
            log.warning(f"{self._noun}.not_looked_up", error=type(error).__name__)

    async def _look_up(self, key: Key, look_up: Callable[[], Value]) -> Value:
        started = self._clock()
        value = await to_thread.run_sync(look_up)
        self._known[key] = _Known(value, started)
        self._known.move_to_end(key)
        while len(self._known) > MOST:
            self._known.popitem(last=False)
        return value
