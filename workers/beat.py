"""The process that keeps the schedule: it knows the stages by name only, so it stays small."""

import signal
import threading
import time
from contextlib import suppress
from types import FrameType
from typing import NoReturn

from core.logs import get_logger
from core.settings import Settings
from store.database import Database
from workers.heartbeats import heartbeats
from workers.nudging import make_direct_nudge
from workers.schedule import wake_stages

log = get_logger(__name__)


def run_beat(settings: Settings) -> int:
    """Keep the schedule until SIGTERM or SIGINT. Returns the exit code."""
    nudge = make_direct_nudge(settings)
    signal.signal(signal.SIGTERM, _end)
    signal.signal(signal.SIGINT, _end)
    log.info("beat.started")
    with heartbeats(Database(settings.database()), "beat"), suppress(SystemExit):
        wake_stages(nudge, clock=time.monotonic, stop=threading.Event())
    log.info("beat.stopped")
    return 0


def _end(_number: int, _frame: FrameType | None) -> NoReturn:
    # Setting an event here could wait for ever for the very lock that the interrupted thread holds.
    raise SystemExit
