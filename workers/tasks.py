"""The nudges as Celery tasks: each runs one stage, tells the next one, and lets no error out but to the log."""

import random
import threading
from collections.abc import Callable
from datetime import timedelta

from celery import Celery, Task

from core.errors import Misconfigured, TransientError
from core.logs import get_logger
from core.nudges import Nudge, Stage
from core.times import utcnow
from nlp.topics import load_taxonomy
from workers import annotate, collect, deliver, detect, importing, notify, roll_up
from workers.celery_app import task_name
from workers.context import Context
from workers.letters import Outside

log = get_logger(__name__)
BUDGET = timedelta(seconds=5)
"""A stage that is not done by then ends and nudges itself: below the time after which its nudge would go to another worker."""
BROKEN_FOR = timedelta(minutes=1)
"""A model that answers nothing for so long is opened anew, in a new process; longer than a supervisor takes for a bad start."""
Run = Callable[[Context], tuple[Stage, ...]]
"""Runs a stage and returns which stages to wake; itself where its time was over before its work."""
EARLY: frozenset[Stage] = frozenset({"collect", "import"})
"""Stages that may take minutes: their nudges are acknowledged when they begin, so that none comes back while they run. Dying with one
loses nothing: the claim in the database ends and the schedule sends the next nudge."""


def register(app: Celery, context: Context, nudge: Nudge) -> None:
    """Make every stage a task of this application."""
    for stage, run in RUNS.items():
        add_task(app, stage, run, context, nudge)


def add_task(app: Celery, stage: Stage, run: Run, context: Context, nudge: Nudge) -> None:
    """Make one stage a task."""
    running = threading.Lock()

    def task(_task: Task) -> None:
        # A second nudge of a stage that runs in this process has nothing to add: the one that runs goes on until nothing is left.
        if context.stopping.is_set() or not running.acquire(blocking=False):
            return
        try:
            following = attempt(stage, run, context)
        finally:
            running.release()
        for name in following:
            nudge(name)

    app.task(task, name=task_name(stage), bind=True, shared=False, acks_late=stage not in EARLY)


def attempt(stage: Stage, run: Run, context: Context) -> tuple[Stage, ...]:
    """Run a stage; what goes wrong ends in the log, for the schedule runs it again."""
    try:
        return run(context)
    except TransientError as error:
        log.warning("stage.postponed", stage=stage, reason=str(error))
    except Exception:  # the edge of a task
        log.exception("stage.failed", stage=stage)
    return ()


def _give_the_model_up(context: Context) -> None:
    """End the process when the model has answered nothing for a while: a device in trouble stays so for all who have it open."""
    now = utcnow()
    if now - context.broken_since.setdefault("model", now) >= BROKEN_FOR:
        log.error("worker.model_broken", seconds=int(BROKEN_FOR.total_seconds()))
        context.end()


def _annotate(context: Context) -> tuple[Stage, ...]:
    if context.annotator is None:
        raise Misconfigured("this worker was started without the model: run `koe worker --queue annotate`")
    try:
        done = annotate.run(
            context.database,
            context.annotator,
            clock=utcnow,
            lease=context.lease,
            enough=context.enough_after(BUDGET, utcnow),
            reannotator=context.reannotator,
            was_broken=bool(context.broken_since),
        )
    except annotate.ModelBroken:
        _give_the_model_up(context)
        raise
    context.broken_since.clear()
    if done.texts:
        log.info("annotate.done", texts=done.texts, failed=done.failed)
    return (*(("roll_up",) if done.texts else ()), *(("annotate",) if done.more else ()))


def _roll_up(context: Context) -> tuple[Stage, ...]:
    _, more = roll_up.run(context.database, clock=utcnow, enough=context.enough_after(BUDGET, utcnow))
    return ("roll_up",) if more else ()


def _detect(context: Context) -> tuple[Stage, ...]:
    names = {topic.id: topic.name["en"] for topic in load_taxonomy().topics}
    detected = detect.run(context.database, now=utcnow(), topic_names=names, memory=context.memory)
    return ("deliver",) if detected != detect.Detected() else ()


def _notify(context: Context) -> tuple[Stage, ...]:
    return ("deliver",) if notify.run(context.database, now=utcnow()).messages else ()


def _deliver(context: Context) -> tuple[Stage, ...]:
    enough = context.enough_after(BUDGET, utcnow)
    outside = Outside(context.webhooks, context.settings.allowed_hosts, context.settings.public_url)
    office = deliver.Office(context.database, context.vault, outside, load_taxonomy())
    deliver.run(office, clock=utcnow, rng=random.Random(), enough=enough)
    return ()


def _collect(context: Context) -> tuple[Stage, ...]:
    collected = collect.run(
        context.database, context.http, context.vault, folder=context.surveys, clock=utcnow, enough=context.stopping.is_set
    )
    return ("annotate",) if collected.created or collected.updated else ()


def _import(context: Context) -> tuple[Stage, ...]:
    imported = importing.run(context.database, folder=context.settings.home, clock=utcnow, enough=context.stopping.is_set)
    return ("annotate",) if imported.rows else ()


RUNS: dict[Stage, Run] = {
    "annotate": _annotate,
    "roll_up": _roll_up,
    "detect": _detect,
    "notify": _notify,
    "deliver": _deliver,
    "collect": _collect,
    "import": _import,
}
