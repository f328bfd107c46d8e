"""What the command says: results on standard output, everything else on standard error, progress only where somebody watches."""

import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Annotated, Protocol

import typer

Json = str | int | float | bool | None | Mapping[str, "Json"] | Sequence["Json"]
AsJson = Annotated[bool, typer.Option("--json", help="Print JSON for machines, and nothing else, on standard output.")]
PARTIAL = 1
"""Exit code: some of it was done."""
REFUSED = 2
"""Exit code: nothing was done; the input, the call or the set-up must change first."""


def say(line: str) -> None:
    """A result, on standard output."""
    typer.echo(line)


def say_json(value: Json) -> None:
    """A result for machines: one JSON value on one line."""
    typer.echo(json.dumps(value, ensure_ascii=False))


def note(line: str) -> None:
    """A remark for people, on standard error."""
    typer.echo(line, err=True)


def complain(message: str) -> None:
    """An error in one line, whatever the message holds."""
    typer.echo("koe: " + " ".join(message.split()), err=True)


def say_table(titles: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Columns under titles, as wide as they need to be; scripts cut them apart at two spaces."""
    from rich.cells import cell_len

    lines = [titles, *rows]
    widths = [max(cell_len(line[column]) for line in lines) for column in range(len(titles))]
    for line in lines:
        say("  ".join(cell + " " * (width - cell_len(cell)) for cell, width in zip(line, widths, strict=True)).rstrip())


class Progress(Protocol):
    """A bar that somebody may be watching."""

    def at(self, done: int, total: int | None) -> None: ...


class Unwatched:
    """Progress where standard error is no terminal: nothing is drawn."""

    def at(self, done: int, total: int | None) -> None:
        return


@contextmanager
def progress(title: str, *, unit: str) -> Iterator[Progress]:
    """A progress bar on standard error while the block runs, if that is a terminal."""
    if not sys.stderr.isatty():
        yield Unwatched()
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, SpinnerColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bars

    columns = (SpinnerColumn(), TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TextColumn(unit), TimeElapsedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as bars:
        task = bars.add_task(title, total=None)

        class Watched:
            def at(self, done: int, total: int | None) -> None:
                bars.update(task, completed=done, total=total)

        yield Watched()
