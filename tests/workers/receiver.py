"""A webhook receiver that fails on purpose: it answers as told, and remembers what it was sent."""

import json
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

HANG = 0
RESET = -1
DRIP = -2
"""A success whose body comes byte by byte and never ends."""


@dataclass(slots=True)
class Request:
    path: str
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body)


@dataclass(slots=True)
class Receiver:
    """`answers` are used up in turn: a status, HANG, RESET or DRIP; then `reply` says status and body. `headers` go with every answer."""

    url: str
    port: int
    reply: Callable[[Request], tuple[int, bytes]] = lambda _: (200, b"")
    answers: list[int] = field(default_factory=list)
    headers: dict[str, str] = field(default_factory=dict)
    requests: list[Request] = field(default_factory=list)


@contextmanager
def a_receiver() -> Iterator[Receiver]:
    """Listens on a port of its own until the end of the block."""
    over = threading.Event()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Request(self.path, dict(self.headers), body)
            receiver.requests.append(request)
            answer, said = (receiver.answers.pop(0), b"") if receiver.answers else receiver.reply(request)
            if answer == HANG:
                over.wait(20)
            elif answer == RESET:
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
                self.connection.close()
            else:
                self.send_response(200 if answer == DRIP else answer)
                for name, value in {"Content-Length": "9999" if answer == DRIP else str(len(said)), **receiver.headers}.items():
                    self.send_header(name, value)
                self.end_headers()
                self.wfile.write(said)
                while answer == DRIP and not over.wait(0.1):
                    self.wfile.write(b".")

        def handle(self) -> None:
            try:
                super().handle()
            except (OSError, ValueError):
                time.sleep(0)  # the client went away, as some tests want it to

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    receiver = Receiver(f"http://127.0.0.1:{server.server_port}/hook", server.server_port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield receiver
    finally:
        over.set()
        server.shutdown()
        thread.join()
        server.server_close()
