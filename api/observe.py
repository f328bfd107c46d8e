"""The outermost layer: measures every request, logs it without a word of its content, and turns a crash into an answer."""

import time
import traceback
from types import TracebackType
from uuid import uuid4

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from api.errors import problem
from api.metrics import Metrics
from core.logs import get_logger

log = get_logger(__name__)
UNMATCHED = "(none)"
"""Route of requests for paths that do not exist: the path itself would let anybody make new series."""
CLIENT_GONE = 499
"""Status of a request whose client hung up before the answer, as nginx writes it."""
METHODS = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})


class Observe:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app = app
        self.metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started = time.perf_counter()
        status = CLIENT_GONE

        async def send_and_see(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                message["headers"] = [*message.get("headers", []), *_safety_headers(scope["path"])]
            await send(message)

        try:
            await self.app(scope, receive, send_and_see)
        except Exception as error:
            if status != CLIENT_GONE:
                raise
            await self._answer_crash(error, scope, receive, send_and_see)
        finally:
            self._count(scope, status, time.perf_counter() - started)

    async def _answer_crash(self, error: Exception, scope: Scope, receive: Receive, send: Send) -> None:
        incident = f"urn:uuid:{uuid4()}"
        log.error("request.crashed", incident=incident, error=type(error).__name__, route=_route(scope), at=where(error.__traceback__))
        detail = "The server's log says more; look there for the instance"
        await problem(500, "internal", "Something went wrong here", detail, members={"instance": incident})(scope, receive, send)

    def _count(self, scope: Scope, status: int, seconds: float) -> None:
        method = scope["method"] if scope["method"] in METHODS else "other"
        route = _route(scope)
        self.metrics.requests.labels(method, route, str(status)).inc()
        self.metrics.seconds.labels(method, route).observe(seconds)
        log.debug("request.answered", method=method, route=route, status=status, ms=round(seconds * 1000, 1))


def _route(scope: Scope) -> str:
    """The template of the path (`/v1/feedback/{id}`): ids and queries stay out of logs and metrics."""
    path: str = getattr(scope.get("route"), "path", UNMATCHED)
    return path


def where(trace: TracebackType | None) -> str:
    """The lines of a traceback without its message, which may quote a customer."""
    return " < ".join(f"{frame.filename}:{frame.lineno} {frame.name}" for frame in reversed(traceback.extract_tb(trace)[-8:]))


def _safety_headers(path: str) -> list[tuple[bytes, bytes]]:
    headers = [(b"x-content-type-options", b"nosniff"), (b"referrer-policy", b"no-referrer")]
    return [*headers, (b"cache-control", b"no-store")] if path.startswith("/v1/") else headers
