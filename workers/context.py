"""What the stages need, built once where a worker process begins and passed on."""

import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

import httpx

from core.settings import Settings
from nlp.annotator import Annotator
from scrapers.http import Http
from store.database import Database
from store.secrets import Vault
from workers.memory import Memory
from workers.reannotate import Reannotator


def end_process() -> None:
    """Ask this process to end as whoever runs it would; it is started again."""
    os.kill(os.getpid(), signal.SIGTERM)


@dataclass(frozen=True, slots=True)
class Context:
    """`annotator` and `reannotator` are None in processes that do not annotate: the model is what takes the memory.

    `stopping` is set when the process was asked to end: a stage then ends where it can go on later. `end` asks it; `broken_since`: from
    when on the model has answered nothing, by its name.
    """

    settings: Settings
    database: Database
    vault: Vault
    http: Http
    webhooks: httpx.Client
    annotator: Annotator | None = None
    reannotator: Reannotator | None = None
    memory: Memory = field(default_factory=Memory)
    stopping: threading.Event = field(default_factory=threading.Event)
    end: Callable[[], None] = end_process
    broken_since: dict[str, datetime] = field(default_factory=dict)

    @property
    def lease(self) -> timedelta:
        """How long claimed rows are ours."""
        return timedelta(seconds=self.settings.lease_seconds)

    @property
    def surveys(self) -> Path:
        """Where files of surveys are dropped: one folder per workspace below it."""
        return self.settings.home / "surveys"

    def enough_after(self, budget: timedelta, clock: Callable[[], datetime]) -> Callable[[], bool]:
        """Says True once `budget` is over or the process was asked to end."""
        over = clock() + budget
        return lambda: self.stopping.is_set() or clock() >= over
