"""Everything that is said to Celery: which broker, which guarantees, and how a process that runs tasks begins and ends."""

import logging
import os
import socket
import warnings
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from celery import Celery, signals
from celery.exceptions import SecurityWarning
from kombu.connection import Connection
from kombu.exceptions import OperationalError

from core.errors import Misconfigured, TransientError
from core.nudges import Stage
from core.settings import Settings
from workers.schedule import EVERY, Queue, queue_of

LONGEST_TASK = 10
"""Seconds after which an unfinished nudge is given to another worker. The stages that may take longer are held by leases in the
database, so a second nudge finds nothing to do; it only must not come back all the time."""
WAITING_ENOUGH = 100
"""Nudges in a queue; one more would wake nobody who is not woken already."""
THREADS: Mapping[Queue, int] = {"annotate": 1, "stages": 6}
"""One per stage of the queue: an import of an hour keeps no alert waiting. The model takes one batch at a time, and all cores."""
SCHEMES = ("redis", "rediss", "redis+socket")


def create_celery(settings: Settings) -> Celery:
    """The application as senders know it: names and queues, no tasks. Raises Misconfigured for a broker that is none of ours."""
    url = settings.broker()
    if urlsplit(url).scheme not in SCHEMES:
        raise Misconfigured("KOE_BROKER_URL must be redis://host:port/0, rediss://host:port/0 or redis+socket:///path/to/socket")
    app = Celery("koe", broker=url, set_as_current=False)
    app.conf.update(
        task_serializer="json",
        accept_content=["json"],
        task_ignore_result=True,
        task_acks_late=True,
        worker_prefetch_multiplier=1,
        task_default_queue="stages",
        worker_enable_remote_control=False,
        worker_hijack_root_logger=False,
        worker_redirect_stdouts=False,
        worker_cancel_long_running_tasks_on_connection_loss=True,
        broker_connection_retry=True,
        broker_connection_retry_on_startup=True,
        broker_connection_max_retries=None,
        broker_connection_timeout=3,
        broker_transport_options={
            # Celery looks for the nudges of a dead worker every `interval` x `throttle` seconds: 100 by default.
            "visibility_timeout": LONGEST_TASK,
            "unacked_restore_interval": 2,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 3,
            "socket_timeout": 10,
            "socket_keepalive": True,
            # Without a bound kombu tries to connect for ever inside a call that sends.
            "max_retries": 1,
            "interval_start": 0,
            "interval_step": 0.2,
            "interval_max": 0.2,
        },
    )
    return app


def task_name(stage: Stage) -> str:
    """What a nudge is called on the wire."""
    return f"koe.{stage}"


def send(app: Celery, stage: Stage) -> None:
    """Put one nudge into its queue, unless plenty wait there. Raises TransientError when the broker is away.

    A nudge that nobody took for a while is dropped by whoever finds it: the schedule has sent others since.
    """
    queue = queue_of(stage)
    try:
        with app.producer_pool.acquire(block=True, timeout=3) as producer:
            if producer.connection.default_channel.client.llen(queue) < WAITING_ENOUGH:
                app.send_task(task_name(stage), queue=queue, expires=EVERY[stage] + 2 * LONGEST_TASK, retry=False, producer=producer)
    except broker_errors(app.connection_for_write()) as error:
        raise TransientError(f"the broker does not answer: {error}") from error


def broker_errors(connection: Connection) -> tuple[type[Exception], ...]:
    """What can go wrong with a broker: it is away, full, or wants another password."""
    return (OperationalError, *connection.connection_errors, *connection.channel_errors)


def ping_broker(settings: Settings) -> None:
    """Raises TransientError with what to do when the broker does not answer, Misconfigured when its URL is wrong."""
    connection = create_celery(settings).connection_for_write()
    try:
        connection.ensure_connection(max_retries=1, interval_start=0, timeout=3)
        connection.default_channel.client.ping()
    except broker_errors(connection) as error:
        hint = "is the server at KOE_BROKER_URL up?" if settings.broker_url else "`koe serve` starts it."
        raise TransientError(f"the broker {connection.as_uri()} does not answer ({error}): {hint}") from error
    finally:
        connection.release()


def run_tasks(app: Celery, queue: Queue, *, on_stop: Callable[[], None]) -> int:
    """Run the registered tasks of one queue until SIGTERM or SIGINT, then let the running ones end. Returns the exit code.

    `on_stop` is called in the signal handler of the main thread. No process is forked: killing this one kills all of it.
    """
    # Our logs say what a stage did; Celery's would say so once more, every few seconds, in another format.
    signals.setup_logging.connect(_leave_logs_alone)
    for name in ("celery", "kombu"):
        logging.getLogger(name).setLevel(logging.WARNING)
    # Celery warns root of pickled messages; ours are JSON, and hold a name.
    warnings.filterwarnings("ignore", category=SecurityWarning)
    signals.worker_shutting_down.connect(lambda **_: on_stop(), weak=False)
    worker = app.Worker(
        hostname=f"{queue}-{os.getpid()}@{socket.gethostname()}",
        queues=[queue],
        pool="solo" if THREADS[queue] == 1 else "threads",
        concurrency=THREADS[queue],
        quiet=True,
        without_gossip=True,
        without_mingle=True,
        without_heartbeat=True,
        task_events=False,
    )
    worker.start()
    return int(worker.exitcode or 0)


def _leave_logs_alone(**_: object) -> None:
    """A receiver of `setup_logging` is what keeps Celery from setting up its own."""
