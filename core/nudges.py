"""Names of the stages, and the port by which one process wakes a stage in another: a nudge carries no payload and may be lost."""

from collections.abc import Callable
from typing import Literal

Stage = Literal["collect", "import", "annotate", "roll_up", "detect", "notify", "deliver"]
STAGES: tuple[Stage, ...] = ("collect", "import", "annotate", "roll_up", "detect", "notify", "deliver")
Nudge = Callable[[Stage], None]


def no_nudge(stage: Stage) -> None:
    """For processes without a broker: the schedule finds the work all the same."""
