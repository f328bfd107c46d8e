"""`koe import`: a file into the database, annotated and counted when the command returns; history, so it never pages anyone."""

import csv
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from cli.output import PARTIAL, REFUSED, AsJson, Json, Progress, note, progress, say, say_json
from cli.setup import DEFAULT_WORKSPACE, InWorkspace, existing_file, load_settings, open_database, quiet_logs, workspace_named
from core.errors import InvalidInput
from store.records import NewFeedback, RejectedRow, Stored

if TYPE_CHECKING:
    from scrapers.files import FileReader
    from store.database import Database
    from store.records import Workspace

CHUNK = 1000
"""Rows of one transaction: long enough to be quick, short enough that a worker never waits long for its turn."""
REJECTS_SHOWN = 5
Store = Callable[[Sequence[NewFeedback]], Sequence[Stored]]


class Kinds(StrEnum):
    """Kinds of feedback."""

    REVIEW = "review"
    SURVEY = "survey"
    SOCIAL = "social"
    SUPPORT = "support"
    CHAT = "chat"
    EMAIL = "email"
    OTHER = "other"


@dataclass(slots=True)
class Tally:
    """What became of the rows of a file."""

    created: int = 0
    updated: int = 0
    unchanged: int = 0
    erased: int = 0
    rejected: int = 0
    first_rejects: list[RejectedRow] = field(default_factory=list)
    rows: int = 0

    def add(self, stored: Sequence[Stored]) -> None:
        for one in stored:
            setattr(self, one.status, getattr(self, one.status) + 1)

    def reject(self, row: RejectedRow) -> None:
        self.rejected += 1
        if len(self.first_rejects) < REJECTS_SHOWN:
            self.first_rejects.append(row)

    @property
    def exit_code(self) -> int:
        """0 all taken, 1 some refused, 2 none taken."""
        if not self.rejected:
            return 0
        return REFUSED if self.rejected == self.rows else PARTIAL


def register(app: typer.Typer) -> None:
    app.command("import")(import_file)


def import_file(
    file: Annotated[Path, typer.Argument(help="CSV, TSV, XLSX, JSONL or Parquet, also with .gz.")],
    *,
    source: Annotated[str | None, typer.Option(help="Source of rows that name none; the file's name otherwise.")] = None,
    kind: Annotated[Kinds, typer.Option(help="Kind of feedback of rows that name none.")] = Kinds.OTHER,
    mapping: Annotated[
        list[str] | None,
        typer.Option(help="column=field, against the guess; field: one of feedback's, attributes.NAME, or nothing to ignore the column."),
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and check the file, store nothing.")] = False,
    rejects: Annotated[Path | None, typer.Option(help="CSV to write every refused row to: line, field, reason.")] = None,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Return once all is annotated and counted.")] = True,
    workspace: InWorkspace = DEFAULT_WORKSPACE,
    as_json: AsJson = False,
) -> None:
    """Store the feedback of a file. The same file again changes nothing. Exit code 1 when some rows were refused, 2 when all were."""
    from cli.catch_up import catch_up
    from core.times import utcnow
    from scrapers.files import read_rows

    settings = load_settings()
    quiet_logs(settings)
    path, pairs = existing_file(file), _mapping(mapping or [])
    size = path.stat().st_size // 1024
    with path.open("rb") as stream:
        default = source or path.name.split(".")[0]
        reader = read_rows(stream, path.name, pairs, default_source=default, now=utcnow(), default_kind=kind.value)
        if not as_json:
            _show_mapping(reader)
        show = lambda bar: bar.at(stream.tell() // 1024, size)  # noqa: E731
        if dry_run:
            tally = _take(reader, rejects, lambda rows: [], show)
        else:
            database = open_database(settings)
            tally = _take(reader, rejects, _into(database, workspace_named(database, workspace, utcnow())), show)
            if wait:
                catch_up(settings, database)
    _say_tally(tally, reader, dry_run=dry_run, as_json=as_json)
    raise typer.Exit(tally.exit_code)


def _mapping(pairs: Sequence[str]) -> Mapping[str, str]:
    """Raises InvalidInput for what is no column=field; scrapers.files checks the names."""
    wrong = [pair for pair in pairs if "=" not in pair]
    if wrong:
        raise InvalidInput(f"--mapping {wrong[0]!r}: give column=field, such as --mapping 'Review text=text'")
    return {column: name for column, _, name in (pair.rpartition("=") for pair in pairs)}


def _show_mapping(reader: "FileReader") -> None:
    for column, name in reader.mapping.items():
        if name:
            note(f"  {column} -> {name}")
    for column, reason in reader.ignored.items():
        note(f"  {column} is ignored: {reason}")
    for remark in reader.notes:
        note(f"  {remark}")


def _into(database: "Database", workspace: "Workspace") -> Store:
    from core.times import utcnow
    from store.feedback import add_new

    def store(rows: Sequence[NewFeedback]) -> Sequence[Stored]:
        with database.write() as connection:
            return add_new(connection, workspace.id, rows, now=utcnow(), live=False)

    return store


def _take(reader: "FileReader", rejects: Path | None, store: Store, show: Callable[[Progress], None]) -> Tally:
    """Read to the end; each chunk is stored whole or not at all."""
    tally = Tally()
    with _rejects_file(rejects) as refuse, progress("Importing", unit="KiB") as bar:
        rows = iter(reader)
        while chunk := [row for _, row in islice(rows, CHUNK)]:
            tally.rows += len(chunk)
            for row in chunk:
                if isinstance(row, RejectedRow):
                    tally.reject(row)
                    refuse(row)
            tally.add(store([row for row in chunk if isinstance(row, NewFeedback)]))
            show(bar)
    return tally


@contextmanager
def _rejects_file(path: Path | None) -> Iterator[Callable[[RejectedRow], object]]:
    if path is None:
        yield lambda row: None
        return
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("line", "field", "reason"))
        yield lambda row: writer.writerow((row.line, row.field or "", row.reason))


def _say_tally(tally: Tally, reader: "FileReader", *, dry_run: bool, as_json: bool) -> None:
    if as_json:
        refused: list[Json] = [{"line": row.line, "field": row.field, "reason": row.reason} for row in tally.first_rejects]
        say_json(
            {
                **_counts(tally),
                "mapping": dict(reader.mapping),
                "ignored": dict(reader.ignored),
                "notes": list(reader.notes),
                "rejects": refused,
            }
        )
        return
    for row in tally.first_rejects:
        note(f"  line {row.line}: {row.reason}")
    if tally.rejected > len(tally.first_rejects):
        note(f"  ... and {tally.rejected - len(tally.first_rejects):,} more; --rejects FILE keeps them all")
    counts = ", ".join(f"{count:,} {name}" for name, count in _counts(tally).items() if name != "rows" and (count or name != "erased"))
    if dry_run:
        say(f"{tally.rows:,} rows read, {tally.rejected:,} would be refused; nothing was stored")
    elif tally.unchanged and not (tally.created or tally.updated):
        say(f"{tally.rows:,} rows: {counts}. The file changes nothing: all of it was stored already.")
    else:
        say(f"{tally.rows:,} rows: {counts}")


def _counts(tally: Tally) -> dict[str, int]:
    return {name: getattr(tally, name) for name in ("rows", "created", "updated", "unchanged", "erased", "rejected")}
