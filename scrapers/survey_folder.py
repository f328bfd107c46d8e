"""A folder where somebody drops survey files; each is read once it stopped growing, and again from its start when it changed."""

import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import BinaryIO

from core.errors import InvalidInput, Misconfigured
from scrapers.base import Batch, Options, Pull, Row
from scrapers.columns import Columns
from scrapers.files import read_rows
from store.records import NewFeedback, OptionSpec, RejectedRow

SETTLED = timedelta(seconds=5)
"""A file that was written to more recently may still be growing."""
ROWS_PER_BATCH = 1000
MOST_FILES = 10_000
_UNFINISHED = (".part", ".tmp", ".crdownload", ".filepart", ".swp")


@dataclass(frozen=True, slots=True)
class Dropped:
    """One file as it was when the folder was listed; `stamp` changes with its content."""

    path: Path
    stamp: str
    changed_at: float


class SurveyFolder:
    """CSV, TSV, XLSX, JSONL and Parquet files (also .gz) in a folder of the workspace. Ids come from the content: nothing counts twice."""

    name = "survey_folder"
    description = "A folder on the server where survey files (CSV, XLSX, JSONL, ...) are dropped"
    options = (
        OptionSpec("path", "Folder below the workspace's own, KOE_HOME/surveys/<workspace id>", default=".", example="nps-2026"),
        OptionSpec(
            "columns", "Columns where the guess is wrong: column=field, semicolon separated", example="Q7=text; Wave=attributes.wave"
        ),
    )
    every_seconds = 60
    overlap = timedelta(0)
    reach: timedelta | None = None

    def check(self, options: Options) -> None:
        path = PurePosixPath(options["path"])
        if path.is_absolute() or ".." in path.parts or "\0" in options["path"] or "\\" in options["path"]:
            raise InvalidInput(
                f"path {options['path'][:60]!r} leaves the workspace's folder; give a name below it such as nps-2026", field="path"
            )
        try:
            Columns.of((), given=mapping_of(options))
        except InvalidInput as error:
            raise InvalidInput(str(error), field="columns") from error

    def series(self, options: Options) -> Sequence[str]:
        return (str(PurePosixPath(options["path"])),)

    def batches(self, pull: Pull) -> Iterator[Batch]:
        folder = folder_of(pull)
        files = sorted(dropped_files(folder), key=lambda file: (file.changed_at, file.path.name))
        state = {file.path.name: done for file in files if (done := pull.state.get(file.path.name))}
        again: list[RejectedRow] = []
        for file in files:
            stamp, _, rows = state.get(file.path.name, "").rpartition(" ")
            growing = abs(pull.now.timestamp() - file.changed_at) < SETTLED.total_seconds()
            if growing or (stamp == file.stamp and rows == "all"):
                continue
            start = int(rows) if stamp == file.stamp else 0
            try:
                for batch in read_file(file, start, pull):
                    state = {**state, **batch.state}
                    yield Batch(batch.entries, state, resumable=True)
            except (OSError, Misconfigured) as error:
                reason = (isinstance(error, OSError) and error.strerror) or str(error)
                again.append(RejectedRow(1, f"{reason}; it is tried again at the next pull", file=file.path.name))
        if again:
            # Together and last: they come at every pull, and one batch each would use up its pages before the files that can be read.
            yield Batch(again, state, resumable=True)

    def read(self, entry: object, pull: Pull) -> Row:
        assert isinstance(entry, NewFeedback | RejectedRow)  # noqa: S101 - read_file makes them
        return entry


def read_file(file: Dropped, start: int, pull: Pull) -> Iterator[Batch]:
    """The rows of one file from the row `start` on, a thousand at a time; one that is wrong itself is one reject until it changes.

    Raises OSError or Misconfigured for what the server could not read: another try may go well.
    """
    name, count = file.path.name, start
    try:
        with open_regular(file.path) as stream:
            reader = read_rows(stream, name, mapping_of(pull.options), default_source=pull.source, now=pull.now, default_kind="survey")
            rows = islice(reader, start, None)
            while chunk := [_named(row, name) for _, row in islice(rows, ROWS_PER_BATCH)]:
                count += len(chunk)
                yield Batch(chunk, {name: f"{file.stamp} {count}"})
    except InvalidInput as error:
        yield Batch([RejectedRow(1, str(error), error.field, name)], {name: f"{file.stamp} all"})
    else:
        yield Batch((), {name: f"{file.stamp} all"})


def folder_of(pull: Pull) -> Path:
    """The folder to look into. Raises Misconfigured when it is not there or a link leads out of the workspace's folder."""
    if pull.folder is None:
        raise Misconfigured("this process was started without a folder for surveys")
    home = pull.folder.resolve()
    folder = (home / pull.options["path"]).resolve()
    shown = f"surveys/{pull.folder.name}/{pull.options['path']}"
    if not folder.is_relative_to(home):
        raise Misconfigured(f"{shown} in KOE_HOME is a link that leads out of the workspace's folder; use a folder in its place")
    if not folder.is_dir():
        raise Misconfigured(f"there is no folder {shown} in KOE_HOME; make it, or change the option path")
    return folder


def dropped_files(folder: Path) -> Iterator[Dropped]:
    """Files that somebody dropped: not hidden ones, not what another program is still writing. Links are never followed."""
    with os.scandir(folder) as found:
        for one in islice(found, MOST_FILES):
            if one.name.startswith((".", "~$")) or one.name.endswith(_UNFINISHED) or one.is_dir(follow_symlinks=False):
                continue
            status = one.stat(follow_symlinks=False)
            yield Dropped(Path(one.path), f"{status.st_size}:{status.st_mtime_ns}", status.st_mtime)


def open_regular(path: Path) -> BinaryIO:
    """Open a plain file; a link, a pipe or a device raises InvalidInput, whatever the folder listing said before."""
    refused = InvalidInput("it is no plain file; links are not followed, copy the file itself")
    if not stat.S_ISREG(path.lstat().st_mode):
        raise refused
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise refused
    return os.fdopen(descriptor, "rb")


def mapping_of(options: Options) -> Mapping[str, str]:
    """The option `columns` as a mapping. Raises InvalidInput."""
    pairs = [pair.rpartition("=") for pair in options.get("columns", "").split(";") if pair.strip()]
    if any(not separator or not column.strip() for column, separator, _ in pairs):
        raise InvalidInput("columns looks like Q7=text; Wave=attributes.wave", field="columns")
    return {column.strip(): target.strip() for column, _, target in pairs}


def _named(row: NewFeedback | RejectedRow, name: str) -> NewFeedback | RejectedRow:
    return row if isinstance(row, NewFeedback) else replace(row, file=name)
