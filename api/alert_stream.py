"""/v1/alerts/stream: server-sent events that resume where the reader was; one that reads too slowly is cut, and may come back."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Annotated

import anyio
from fastapi import APIRouter, Header
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from api.alert_feed import AlertFeed, Stream
from api.alerts import OF_THE_MOMENT, AlertOut, TransitionOut, stored_fields
from api.auth import Reader
from api.route import Route
from api.schemas import EVERY_CALL, problems
from api.services import With
from core.errors import InvalidInput, TransientError
from core.logs import get_logger
from store.records import Alert, Transition

log = get_logger(__name__)
router = APIRouter(prefix="/v1/alerts", tags=["alerts"], route_class=Route, responses=problems(*EVERY_CALL))
HEARTBEAT_SECONDS = 15.0
"""Below the minute after which proxies give up a silent connection."""
SLOW_SECONDS = 10.0
"""So long one event may take to leave; by then the buffers of the system are full of what the reader has not read."""
RETRY = b"retry: 2000\n\n"
HEARTBEAT = b": heartbeat\n\n"
CUT = "koe.cut"
"""What the server offers for a peer that reads nothing: to close its connection with all that waits there. See `api.protocol`."""
LARGEST = 2**63 - 1


def rendered(step: Transition, alert: Alert) -> bytes:
    """One event: its number, its name, and JSON on one line."""
    shown = AlertOut.model_validate(stored_fields(alert))  # silenced or inhibited is what it is now: it has no place in what became of it
    transition = TransitionOut.model_validate(step).model_dump(mode="json", by_alias=True)
    said = {"event": step.event, "alert": shown.model_dump(mode="json", exclude=set(OF_THE_MOMENT)), "transition": transition}
    return f"id: {step.id}\nevent: {step.event}\ndata: {json.dumps(said, ensure_ascii=False)}\n\n".encode()


class EventStream(Response):
    """Sends what comes until the reader hangs up, reads too slowly or may not read any more."""

    media_type = "text/event-stream"

    def __init__(self, feed: AlertFeed, workspace_id: str, key_id: str | None, position: int, last: int | None) -> None:
        super().__init__(None, 200, {"X-Accel-Buffering": "no"})
        del self.headers["content-length"]
        self._feed, self._workspace_id, self._key_id = feed, workspace_id, key_id
        self._position, self._last = position, last

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self._feed.join(self._workspace_id, self._key_id, self._position) as stream:
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
            async with anyio.create_task_group() as group:
                group.start_soon(_until_gone, receive, group.cancel_scope)
                if await _send_all(self._events(stream), send) or not _cut(scope):
                    group.cancel_scope.cancel()

    async def _events(self, stream: Stream) -> AsyncIterator[bytes]:
        yield RETRY
        last = stream.after if self._last is None else min(self._last, stream.after)
        while not stream.over:
            if last < stream.after:
                rows = await self._feed.before(stream, last)
                for _, change in rows:
                    yield change
                last = rows[-1][0] if rows else stream.after
            elif stream.missed and stream.waiting.empty():
                stream.fall_back()
            else:
                try:
                    next_one = await asyncio.wait_for(stream.waiting.get(), HEARTBEAT_SECONDS)
                except TimeoutError:
                    yield HEARTBEAT
                    continue
                if next_one is not None:
                    last, change = next_one
                    yield change


async def _send_all(events: AsyncIterator[bytes], send: Send) -> bool:
    """Whether the reader took all of it. What it has not read is in the database: it comes back with the last number that it saw."""
    try:
        try:
            async for event in events:
                await _send(send, event, more=True)
        except TransientError as error:
            log.warning("alerts.stream_ended", reason=str(error))
        await _send(send, b"", more=False)
    except TimeoutError:
        log.info("alerts.stream_cut")
        return False
    return True


async def _send(send: Send, body: bytes, *, more: bool) -> None:
    async with asyncio.timeout(SLOW_SECONDS):
        await send({"type": "http.response.body", "body": body, "more_body": more})


def _cut(scope: Scope) -> bool:
    """Close the connection, whatever waits there; whether the server can."""
    offered = scope.get("extensions", {}).get(CUT)
    if offered is not None:
        offered["cut"]()
    return offered is not None


async def _until_gone(receive: Receive, scope: anyio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()


@router.get(
    "/stream",
    summary="What becomes of alerts, as it happens",
    response_class=Response,
    responses={200: {"description": "Server-sent events", "content": {"text/event-stream": {"schema": {"type": "string"}}}}},
)
async def stream_alerts(
    caller: Reader,
    services: With,
    last_event_id: Annotated[str | None, Header(max_length=19, description="Id of the last event that was read.")] = None,
) -> EventStream:
    """`opened reopened extended acknowledged unacknowledged snoozed woken resolved`, after `Last-Event-ID`, or else from now on."""
    if last_event_id is not None and not (last_event_id.isascii() and last_event_id.isdecimal() and int(last_event_id) <= LARGEST):
        raise InvalidInput("Last-Event-ID is the id of an event that was read: a number; leave it out to begin now", field="last-event-id")
    position = await services.feed.position(caller.workspace_id)
    last = None if last_event_id is None else int(last_event_id)
    return EventStream(services.feed, caller.workspace_id, caller.key_id, position, last)
