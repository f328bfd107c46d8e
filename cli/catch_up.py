"""Waits until every stored text is annotated and counted: the workers do it where there are any, otherwise this process does."""

import time
from collections.abc import Callable
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.output import progress
from core.times import utcnow

if TYPE_CHECKING:
    from core.settings import Settings
    from nlp.annotator import Annotator
    from store.database import Database

HEARTBEAT_SILENCE = timedelta(seconds=35)
"""Workers beat every ten seconds; three missed beats are no accident."""
POLL_SECONDS = 1.0


def catch_up(settings: "Settings", database: "Database") -> None:
    """Return once nothing waits for the model or for counting, in any workspace; with a progress bar."""
    from nlp.annotator import load_annotator

    total, _ = waiting(database)
    annotator: Annotator | None = None
    with progress("Annotating", unit="texts") as bar:
        shown_at = 0.0

        def show() -> bool:
            nonlocal shown_at
            if time.monotonic() - shown_at >= POLL_SECONDS:  # counting what waits is quick, but not for nothing
                bar.at(max(0, total - waiting(database)[0]), total)
                shown_at = time.monotonic()
            return False

        while sum(waiting(database)):
            if workers_live(database):
                show()
                time.sleep(POLL_SECONDS)
                continue
            if waiting(database)[0]:
                annotator = annotator or load_annotator(settings)
            _work(database, annotator, timedelta(seconds=settings.lease_seconds), show)


def waiting(database: "Database") -> tuple[int, int]:
    """Texts that wait for the model, and buckets that wait for counting, of all workspaces."""
    from store.feedback import count_unannotated
    from store.rollups import count_touched

    with database.read() as connection:
        return count_unannotated(connection), count_touched(connection)


def workers_live(database: "Database") -> bool:
    """Whether somebody annotates and somebody counts."""
    from store.heartbeats import alive

    with database.read() as connection:
        return all(alive(connection, kind, utcnow() - HEARTBEAT_SILENCE) for kind in ("annotate", "stages"))


def _work(database: "Database", annotator: "Annotator | None", lease: timedelta, show: Callable[[], bool]) -> None:
    """One pass over all that is free; what a dead worker holds is free when its lease is over."""
    from workers import annotate, roll_up

    if annotator is not None:
        annotate.run(database, annotator, clock=utcnow, lease=lease, enough=show)
    roll_up.run(database, clock=utcnow, enough=show)
    if sum(waiting(database)):
        time.sleep(POLL_SECONDS)
