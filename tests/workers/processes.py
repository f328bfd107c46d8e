"""Workers as the processes that they are, with an annotator that can be seen through."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from store.database import Database
from tests.workers.waiting import wait_until

ROOT = Path(__file__).parents[2]
SECRET = "a secret of the crash tests"
# argv: what to run, how many seconds the model takes for a batch, and its name. To one whose name begins with `gloomy` everything is late.
# Each batch that begins is noted in KOE_HOME/begun.
PROGRAM = """
import sys, time
from core.logs import configure_logs
from core.settings import Settings
from tests.workers.keywords import KeywordAnnotator
from workers.beat import run_beat
from workers.process import run_worker

class Slow(KeywordAnnotator):
    def answer(self, prepared):
        with (settings.home / "begun").open("a") as begun:
            begun.write(f"{len(prepared)}\\n")
        time.sleep(float(sys.argv[2]))
        return super().answer(prepared)

    def say(self, text):
        return super().say("late" if self.model.startswith("gloomy") else text)

settings = Settings()
configure_logs("info", "console")
sys.exit(run_beat(settings) if sys.argv[1] == "beat" else run_worker(settings, sys.argv[1], load=lambda _: Slow(sys.argv[3])))
"""
Role = Literal["annotate", "stages", "beat"]


@dataclass(slots=True)
class Processes:
    """Start, kill and count; whatever runs at the end of the test is killed."""

    home: Path
    database: Database
    lease: int = 5
    running: dict[Role, subprocess.Popen[bytes]] = field(default_factory=dict)

    def start(self, role: Role, seconds: float = 0.0, *, model: str = "keywords-1") -> None:
        environment = os.environ | {
            "KOE_HOME": str(self.home),
            "KOE_DATABASE_URL": self.database.url.render_as_string(hide_password=False),
            "KOE_SECRET": SECRET,
            "KOE_LEASE_SECONDS": str(self.lease),
            "KOE_ALLOWED_HOSTS": "127.0.0.1",
        }
        self.running[role] = subprocess.Popen([sys.executable, "-c", PROGRAM, role, str(seconds), model], cwd=ROOT, env=environment)

    def kill(self, role: Role) -> None:
        """kill -9."""
        process = self.running.pop(role)
        process.send_signal(signal.SIGKILL)
        process.wait()

    def batches(self) -> int:
        """How many batches the model has begun."""
        begun = self.home / "begun"
        return len(begun.read_text().splitlines()) if begun.exists() else 0

    def wait_for_batches(self, count: int) -> None:
        """Until the model has begun so many batches more."""
        before = self.batches()
        wait_until(lambda: self.batches() >= before + count, 60)


@contextmanager
def processes(home: Path, database: Database) -> Iterator[Processes]:
    """None running yet."""
    started = Processes(home, database)
    try:
        yield started
    finally:
        for role in list(started.running):
            started.kill(role)
