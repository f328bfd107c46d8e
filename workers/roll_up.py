"""Recount the buckets that annotations, edits, erasures and brands have touched."""

from collections.abc import Callable
from datetime import datetime

from store.database import Database
from store.rollups import roll_up_touched

BUCKETS = 50
"""Buckets per transaction: other writers of SQLite wait no longer than it takes to recount so many."""


def run(database: Database, *, clock: Callable[[], datetime], enough: Callable[[], bool]) -> tuple[int, bool]:
    """Recount until nothing is touched any more or it is `enough`. Returns (buckets recounted, whether some are left).

    Raises TransientError when the database is away.
    """
    recounted = 0
    while not enough():
        with database.write() as connection:
            count = roll_up_touched(connection, limit=BUCKETS, now=clock())
        if not count:
            return recounted, False
        recounted += count
    return recounted, True
