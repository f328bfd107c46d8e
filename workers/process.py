"""A process that runs the tasks of one queue, from what it needs to its exit code."""

import os
from collections.abc import Callable

from core.logs import get_logger
from core.network import guarded_client
from core.settings import Settings
from nlp.annotator import Annotator, load_annotator
from scrapers.http import Http
from store.database import Database
from store.secrets import Vault, load_or_create_secret
from workers import tasks
from workers.celery_app import create_celery, run_tasks
from workers.context import Context
from workers.heartbeats import heartbeats
from workers.nudging import make_direct_nudge
from workers.reannotate import Reannotator
from workers.schedule import Queue

log = get_logger(__name__)
BEHIND = 10
"""Niceness of workers: on a machine shared with the API, whoever asks it something now comes first; alone, they lose nothing."""


def run_worker(settings: Settings, queue: Queue, *, load: Callable[[Settings], Annotator] = load_annotator) -> int:
    """Run the tasks of one queue until SIGTERM or SIGINT; the running ones are finished. Returns the exit code.

    Raises Misconfigured when the model, the broker's URL or the secret cannot be used.
    """
    os.nice(BEHIND)
    context = open_context(settings, queue, load)
    app = create_celery(settings)
    tasks.register(app, context, make_direct_nudge(settings))
    log.info("worker.started", queue=queue)
    with heartbeats(context.database, queue):
        code = run_tasks(app, queue, on_stop=context.stopping.set)
    context.database.dispose()
    log.info("worker.stopped", queue=queue)
    return code


def open_context(settings: Settings, queue: Queue, load: Callable[[Settings], Annotator]) -> Context:
    """Everything that the stages of this queue need; the model only for those that annotate."""
    annotator = load(settings) if queue == "annotate" else None
    return Context(
        settings=settings,
        database=Database(settings.database()),
        vault=Vault(load_or_create_secret(settings.home, settings.secret)),
        http=Http.open(settings.allowed_hosts),
        webhooks=guarded_client(settings.allowed_hosts),
        annotator=annotator,
        reannotator=None if annotator is None else Reannotator(annotator, settings.reannotate_days),
    )
