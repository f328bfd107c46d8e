"""A plain client for an app in the same process: its event loop runs in a thread, and requests go through ASGI."""

import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from typing import Any

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI


class Client:
    """`get`, `post` and the rest of httpx, with the key of one caller."""

    def __init__(self, portal: BlockingPortal, http: httpx.AsyncClient, key: str | None) -> None:
        self._portal = portal
        self._http = http
        self.key = key

    def with_key(self, key: str | None) -> "Client":
        return Client(self._portal, self._http, key)

    def wait_until_ready(self) -> None:
        """Until /readyz says so; the model is loaded beside the first requests."""
        deadline = time.monotonic() + 10
        while self._portal.call(self._http.get, "/readyz").status_code != 200:
            assert time.monotonic() < deadline, "the app does not become ready"
            time.sleep(0.01)

    def request(self, method: str, url: str, **options: Any) -> httpx.Response:
        headers = httpx.Headers(options.pop("headers", None))
        if self.key is not None:
            headers.setdefault("Authorization", f"Bearer {self.key}")
        return self._portal.call(lambda: self._http.request(method, url, headers=headers, **options))

    def begin(self, method: str, url: str, **options: Any) -> Future[httpx.Response]:
        """The same in the background; the answer is the future's result."""
        headers = {"Authorization": f"Bearer {self.key}"}
        return self._portal.start_task_soon(lambda: self._http.request(method, url, headers=headers, **options))

    def get(self, url: str, **options: Any) -> httpx.Response:
        return self.request("GET", url, **options)

    def post(self, url: str, **options: Any) -> httpx.Response:
        return self.request("POST", url, **options)

    def patch(self, url: str, **options: Any) -> httpx.Response:
        return self.request("PATCH", url, **options)

    def delete(self, url: str, **options: Any) -> httpx.Response:
        return self.request("DELETE", url, **options)


@contextmanager
def client_of(app: FastAPI, key: str | None = None, *, address: str = "http://127.0.0.1") -> Iterator[Client]:
    """A client of the started app; the app is stopped at the end."""

    @asynccontextmanager
    async def started() -> Any:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with app.router.lifespan_context(app), httpx.AsyncClient(transport=transport, base_url=address) as http:
            yield http

    with start_blocking_portal() as portal, portal.wrap_async_context_manager(started()) as http:
        yield Client(portal, http, key)


def in_pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A body whose length is not announced."""

    async def send() -> AsyncIterator[bytes]:
        for part in parts:
            yield part

    return send()
