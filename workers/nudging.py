"""Nudges for processes that must not wait for a broker: sent by a thread, several of one stage as one, never an error."""

import atexit
import threading
import time
from collections.abc import Callable

from core.errors import TransientError
from core.logs import get_logger
from core.nudges import Nudge, Stage
from core.settings import Settings
from workers.celery_app import create_celery, send

log = get_logger(__name__)
PAUSE = 0.2
"""Seconds in which nudges of one stage are collected: five a second wake a worker as well as five hundred."""
QUIET = 60.0
"""Seconds between two warnings about the same absent broker."""


def make_nudge(settings: Settings) -> Nudge:
    """A nudge that returns at once and never raises; what is unsent when the process ends is given one second."""
    app = create_celery(settings)
    nudger = Nudger(lambda stage: send(app, stage))
    atexit.register(nudger.flush, 1.0)
    return nudger


def make_direct_nudge(settings: Settings) -> Nudge:
    """A nudge for workers and the schedule, who have the time: sent before it returns, and never an error either."""
    app = create_celery(settings)
    return Quiet(lambda stage: send(app, stage))


class Quiet:
    """Sends a nudge and only tells the log that it could not, once a minute: the schedule finds the work all the same."""

    def __init__(self, deliver: Callable[[Stage], None], clock: Callable[[], float] = time.monotonic) -> None:
        self._deliver = deliver
        self._clock = clock
        self._silent_until = 0.0

    def __call__(self, stage: Stage) -> None:
        try:
            self._deliver(stage)
        except TransientError as error:
            if self._clock() >= self._silent_until:
                self._silent_until = self._clock() + QUIET
                log.warning("nudge.lost", stage=stage, reason=str(error))


class Nudger:
    """Sends nudges from a thread of its own, begun with the first one."""

    def __init__(self, deliver: Callable[[Stage], None]) -> None:
        self._deliver = Quiet(deliver)
        self._waiting: dict[Stage, None] = {}
        self._changed = threading.Condition()
        self._sending = False
        self._thread: threading.Thread | None = None

    def __call__(self, stage: Stage) -> None:
        with self._changed:
            self._waiting[stage] = None
            self._changed.notify_all()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="nudges", daemon=True)
                self._thread.start()

    def flush(self, timeout: float) -> bool:
        """Wait until everything is sent; False when that takes longer than `timeout` seconds."""
        with self._changed:
            return self._changed.wait_for(lambda: not self._waiting and not self._sending, timeout)

    def _run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: bool(self._waiting))
                stages, self._waiting, self._sending = list(self._waiting), {}, True
            for stage in stages:
                self._deliver(stage)
            with self._changed:
                self._sending = False
                self._changed.notify_all()
            time.sleep(PAUSE)
