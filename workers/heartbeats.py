"""Signs of life of a process, whatever it is busy with."""

import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from core.errors import KoeError
from core.logs import get_logger
from core.times import utcnow
from store.database import Database
from store.heartbeats import beat

log = get_logger(__name__)
EVERY_SECONDS = 10.0


@contextmanager
def heartbeats(database: Database, kind: str) -> Iterator[None]:
    """Tell the database now and every ten seconds that a process of this kind lives, from a thread, until the end of the block."""
    over = threading.Event()
    name = f"{kind}-{os.getpid()}@{socket.gethostname()}"

    def tell() -> None:
        while True:
            try:
                with database.write() as connection:
                    beat(connection, name, kind, utcnow())
            except KoeError as error:
                log.warning("heartbeat.missed", process=name, reason=str(error))
            if over.wait(EVERY_SECONDS):
                return

    thread = threading.Thread(target=tell, name="heartbeats", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)
