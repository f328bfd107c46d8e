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
from api.alerts import AlertOut, TransitionOut
from api.auth import Reader
from api.route import Route
from api.schemas import EVERY_CALL, problems
from api.services import With
from core.errors import InvalidInput, TransientError
from store.records import Alert, Transition

router = APIRouter(prefix="/v1/alerts", tags=["alerts"], route_class=Route, responses=problems(*EVERY_CALL))
HEARTBEAT_SECONDS = 15.0
"""Below the minute after which proxies give up a silent connection."""
SLOW_SECONDS = 10.0
"""So long one event may take to leave; by then the buffers of the system are full of what the reader has not read."""
RETRY = b"retry: 2000\n\n"
HEARTBEAT = b": heartbeat\n\n"
OF_THE_MOMENT = {"silenced", "inhibited_by"}
"""What an alert shows of the time at which it is asked for has no place in what became of it."""
LARGEST = 2**63 - 1


def rendered(step: Transition, alert: Alert) -> bytes:
    """One event: its number, its name, and JSON on one line."""
    shown = AlertOut.model_validate({name: getattr(alert, "rule_id" if name == "rule" else name, None) for name in ALERT_FIELDS})
    transition = TransitionOut.model_validate(step).model_dump(mode="json", by_alias=True)
    said = {"event": step.event, "alert": shown.model_dump(mode="json", exclude=OF_THE_MOMENT), "transition": transition}
    return f"id: {step.id}\nevent: {step.event}\ndata: {json.dumps(said, ensure_ascii=False)}\n\n".encode()


ALERT_FIELDS = [name for name in AlertOut.model_fields if name not in OF_THE_MOMENT]


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
                await _send_all(self._events(stream), send)
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


async def _send_all(events: AsyncIterator[bytes], send: Send) -> None:
    try:
        async for event in events:
            async with asyncio.timeout(SLOW_SECONDS):
                await send({"type": "http.response.body", "body": event, "more_body": True})
        async with asyncio.timeout(SLOW_SECONDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except (TimeoutError, TransientError):
        return  # what it has not read is in the database: it comes back with the last number that it saw


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
