"""How a process of workers begins and ends: one that runs a queue, and one that keeps the schedule."""

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from types import FrameType
from typing import NoReturn

from core.errors import KoeError
from core.logs import get_logger
from core.network import guarded_client
from core.settings import Settings
from core.times import utcnow
from nlp.annotator import Annotator, load_annotator
from scrapers.http import Http
from store.database import Database
from store.heartbeats import beat
from store.secrets import Vault, load_or_create_secret
from workers import tasks
from workers.celery_app import create_celery, run_tasks
from workers.context import Context
from workers.nudging import make_direct_nudge
from workers.schedule import Queue, wake_stages

log = get_logger(__name__)
HEARTBEAT = 10.0


def run_worker(settings: Settings, queue: Queue, *, load: Callable[[Settings], Annotator] = load_annotator) -> int:
    """Run the tasks of one queue until SIGTERM or SIGINT; the running ones are finished. Returns the exit code.

    Raises Misconfigured when the model, the broker's URL or the secret cannot be used.
    """
    context = open_context(settings, queue, load)
    app = create_celery(settings)
    tasks.register(app, context, make_direct_nudge(settings))
    log.info("worker.started", queue=queue)
    with heartbeats(context.database, queue):
        code = run_tasks(app, queue, on_stop=context.stopping.set)
    context.database.dispose()
    log.info("worker.stopped", queue=queue)
    return code


def run_beat(settings: Settings) -> int:
    """Keep the schedule until SIGTERM or SIGINT. Returns the exit code."""
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    log.info("beat.started")
    with heartbeats(Database(settings.database()), "beat"), suppress(SystemExit):
        wake_stages(make_direct_nudge(settings), clock=time.monotonic, stop=threading.Event())
    log.info("beat.stopped")
    return 0


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    # Setting an event here could wait for ever for the very lock that the interrupted thread holds.
    raise SystemExit


def open_context(settings: Settings, queue: Queue, load: Callable[[Settings], Annotator]) -> Context:
    """Everything that the stages of this queue need; the model only for those that annotate."""
    return Context(
        settings=settings,
        database=Database(settings.database()),
        vault=Vault(load_or_create_secret(settings.home, settings.secret)),
        http=Http.open(settings.allowed_hosts),
        webhooks=guarded_client(settings.allowed_hosts),
        annotator=load(settings) if queue == "annotate" else None,
    )


@contextmanager
def heartbeats(database: Database, kind: str) -> Iterator[None]:
    """Tell the database now and every ten seconds that a process of this kind lives, from a thread, whatever the process does."""
    over = threading.Event()
    name = f"{kind}-{os.getpid()}@{socket.gethostname()}"

    def tell() -> None:
        while True:
            try:
                with database.write() as connection:
                    beat(connection, name, kind, utcnow())
            except KoeError as error:
                log.warning("heartbeat.missed", process=name, reason=str(error))
            if over.wait(HEARTBEAT):
                return

    thread = threading.Thread(target=tell, name="heartbeats", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join(timeout=5)
