"""The app behind a real server on a real port, for what ASGI alone does not show: hang-ups, keep-alive, bodies that never end."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from api.protocol import Protocol


@contextmanager
def served(app: FastAPI) -> Iterator[int]:
    """The port on which the app answers until the end."""
    config = uvicorn.Config(app, http=Protocol, host="127.0.0.1", port=0, log_config=None, access_log=False, timeout_graceful_shutdown=5)
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    try:
        deadline = time.monotonic() + 30
        while not server.started:
            assert time.monotonic() < deadline, "the server does not start"
            assert thread.is_alive(), "the server died while it started"
            time.sleep(0.02)
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = True
        thread.join()
