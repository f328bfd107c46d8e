"""Waits until every stored text is annotated and counted: the workers do it where there are any, otherwise this process does."""

import time
from datetime import timedelta
from typing import TYPE_CHECKING

from cli.output import Progress, progress
from core.times import utcnow

if TYPE_CHECKING:
    from core.settings import Settings
    from store.database import Database

HEARTBEAT_SILENCE = timedelta(seconds=35)
"""Workers beat every ten seconds; three missed beats are no accident."""
POLL_SECONDS = 1.0
TEXTS_AT_ONCE = 256
BUCKETS_AT_ONCE = 500


def catch_up(settings: "Settings", database: "Database") -> None:
    """Return once nothing waits for the model or for counting, with a progress bar."""
    if not sum(_waiting(database)):
        return
    with progress("Annotating", unit="texts") as bar:
        total, _ = _waiting(database)
        while sum(_waiting(database)):
            if _workers_live(database):
                _watch(database, bar, total)
            else:
                _work(settings, database, bar, total)


def _waiting(database: "Database") -> tuple[int, int]:
    """Texts that wait for the model, and buckets that wait for counting, of all workspaces."""
    from store.feedback import count_unannotated
    from store.rollups import count_touched

    with database.read() as connection:
        return count_unannotated(connection), count_touched(connection)


def _workers_live(database: "Database") -> bool:
    from store.heartbeats import alive

    with database.read() as connection:
        return all(alive(connection, kind, utcnow() - HEARTBEAT_SILENCE) for kind in ("annotate", "stages"))


def _watch(database: "Database", bar: Progress, total: int) -> None:
    """Watch the workers until they are done, or gone."""
    while sum(_waiting(database)) and _workers_live(database):
        bar.at(max(0, total - _waiting(database)[0]), total)
        time.sleep(POLL_SECONDS)
