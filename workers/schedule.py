"""When each stage is woken without being nudged, which queue it waits in, and the loop that does the waking."""

import threading
from collections.abc import Callable, Mapping
from typing import Literal

from core.nudges import Nudge, Stage

Queue = Literal["annotate", "stages"]
QUEUES: tuple[Queue, ...] = ("annotate", "stages")
# Seconds. A nudge is what makes Koe quick; the schedule finds the work whose nudge was lost.
EVERY: Mapping[Stage, float] = {"annotate": 5, "roll_up": 5, "import": 5, "notify": 10, "deliver": 10, "collect": 15, "detect": 30}


def queue_of(stage: Stage) -> Queue:
    """The model has a queue and processes of its own, so that detection never waits behind a million texts."""
    return "annotate" if stage == "annotate" else "stages"


def wake_stages(nudge: Nudge, *, clock: Callable[[], float], stop: threading.Event) -> None:
    """Nudge every stage at once and then each in its own rhythm, until `stop` is set. `clock` is monotonic, in seconds."""
    due = dict.fromkeys(EVERY, clock())
    while not stop.is_set():
        for stage in take_due(due, clock()):
            nudge(stage)
        stop.wait(max(0.0, min(due.values()) - clock()))


def take_due(due: dict[Stage, float], now: float) -> list[Stage]:
    """The stages whose time has come, with their next time set: once, however many beats a sleeping machine has missed."""
    stages = [stage for stage, at in due.items() if at <= now]
    for stage in stages:
        on_time = due[stage] + EVERY[stage]
        due[stage] = on_time if on_time > now else now + EVERY[stage]
    return stages
