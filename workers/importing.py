"""Read uploaded files into feedback: rows and the number of rows read are saved together, so the next worker goes on at the very row."""

import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import BinaryIO

from sqlalchemy import Connection

from core.errors import PermanentError, TransientError
from core.logs import get_logger
from scrapers.files import FileReader, read_rows
from store.database import Database
from store.feedback import add_new
from store.imports import claim_import, finish_import, get_import, read_bytes, release_import, save_progress
from store.records import Import, NewFeedback, RejectedRow

log = get_logger(__name__)
CHUNK = 1000
"""Rows per transaction: about 50 ms of SQLite's one writer."""
LEASE = timedelta(seconds=60)
"""Renewed with every chunk."""


@dataclass(frozen=True, slots=True)
class Imported:
    """`files` that were read to their end, or given up; `more`: the run was told to stop in the middle of one."""

    files: int
    rows: int
    more: bool


class Superseded(TransientError):
    """Another worker went on with this import because this one was silent for longer than its lease."""


def run(database: Database, *, folder: Path, clock: Callable[[], datetime], enough: Callable[[], bool]) -> Imported:
    """Read every uploaded file, oldest first, until none is left or it is `enough`. `folder` holds the file while it is read.

    Raises TransientError when the database is away.
    """
    files = rows = 0
    while not enough():
        with database.write() as connection:
            claimed = claim_import(connection, now=clock(), lease=LEASE)
        if claimed is None:
            return Imported(files, rows, more=False)
        read, ended = take_in(database, claimed, folder=folder, clock=clock, enough=enough)
        files, rows = files + ended, rows + read
        if not ended:
            break
    return Imported(files, rows, more=True)


def take_in(
    database: Database, import_: Import, *, folder: Path, clock: Callable[[], datetime], enough: Callable[[], bool]
) -> tuple[int, bool]:
    """Go on with one claimed import. Returns (rows read now, whether it is over); what makes a file unreadable ends up beside it."""
    read = import_.rows_read
    error: str | None = None
    try:
        with file_of(database, import_, folder) as stream:
            # The time of the upload, not of this reading: whoever goes on reads the very same rows.
            reader = read_rows(stream, import_.filename, import_.mapping, default_source=import_.source, now=import_.created_at)
            for chunk in chunks(reader, skip=import_.rows_read):
                save(database, import_, reader, chunk, read, clock())
                read += len(chunk)
                if enough():
                    with database.write() as connection:
                        release_import(connection, import_)
                    return read - import_.rows_read, False
    except PermanentError as unreadable:
        error = str(unreadable)
    with database.write() as connection:
        check_mine(connection, import_, read)
        finish_import(connection, import_, now=clock(), error=error)
    # Why it failed stands with the import: it may quote the file, whose first row may be a customer's.
    log.info("import.finished", id=import_.id, workspace=import_.workspace_id, rows=read, failed=error is not None)
    return read - import_.rows_read, True


@contextmanager
def file_of(database: Database, import_: Import, folder: Path) -> Iterator[BinaryIO]:
    """The bytes of an import as a file that goes away by itself, also when the process is killed."""
    with tempfile.TemporaryFile(dir=folder) as stream:
        with database.read() as connection:
            for piece in read_bytes(connection, import_.id):
                stream.write(piece)
        stream.seek(0)
        yield stream


def chunks(reader: FileReader, skip: int) -> Iterator[list[NewFeedback | RejectedRow]]:
    """The rows after the first `skip`; those before a place where the file is broken come out before its error does."""
    chunk: list[NewFeedback | RejectedRow] = []
    try:
        for _, row in islice(reader, skip, None):
            chunk.append(row)
            if len(chunk) == CHUNK:
                yield chunk
                chunk = []
    except PermanentError:
        if chunk:
            yield chunk
        raise
    if chunk:
        yield chunk


def save(
    database: Database, import_: Import, reader: FileReader, chunk: list[NewFeedback | RejectedRow], before: int, now: datetime
) -> None:
    """Store a chunk and how far the import is. Never live: a file is history, and history pages nobody."""
    good = [row for row in chunk if isinstance(row, NewFeedback)]
    with database.write() as connection:
        check_mine(connection, import_, before)
        stored = add_new(connection, import_.workspace_id, good, now=now, live=False)
        save_progress(
            connection,
            import_,
            rows_read=before + len(chunk),
            stored=stored,
            rejects=[row for row in chunk if isinstance(row, RejectedRow)],
            mapping=reader.mapping,
            now=now,
            lease=LEASE,
        )


def check_mine(connection: Connection, import_: Import, read: int) -> None:
    """Raises Superseded when the import is not where this worker left it."""
    current = get_import(connection, import_.workspace_id, import_.id)
    if (current.state, current.rows_read) != ("running", read):
        raise Superseded(f"import {import_.id} went on without this worker")
