"""How good it is: `koe evaluate` holds the model against labelled texts, `koe backtest` runs the surge detector over a series of counts."""

import csv
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, TextIO

import typer

from cli.setup import existing_file, load_settings, quiet_logs
from core.errors import InvalidInput


def register(app: typer.Typer) -> None:
    app.command("backtest")(backtest)


def backtest(
    series: Annotated[str, typer.Argument(help="CSV with `timestamp,value` or `timestamp,value,total`; - is standard input.")],
    output: Annotated[Path | None, typer.Option("--output", "-o", help="File to write; standard output otherwise.")] = None,
) -> None:
    """Write `timestamp,value,expected,score,alert` for each row, judged by nothing but the rows before it."""
    from insights.backtest import COLUMNS, backtest_rows, read_inputs

    quiet_logs(load_settings())
    with _lines_of(series) as lines, _written_to(output) as out:
        writer = csv.writer(out, lineterminator="\n")
        writer.writerow(COLUMNS)
        for row in backtest_rows(read_inputs(lines)):
            writer.writerow(row.cells())


@contextmanager
def _lines_of(name: str) -> Iterator[TextIO]:
    """Raises InvalidInput for a file that is not text."""
    try:
        if name == "-":
            sys.stdin.reconfigure(encoding="utf-8-sig")  # type: ignore[union-attr] # TextIO hides what every real stdin has
            yield sys.stdin
        else:
            with existing_file(Path(name)).open(encoding="utf-8-sig", newline="") as lines:
                yield lines
    except UnicodeDecodeError:
        raise InvalidInput(f"{name} is not UTF-8 text; a series is a CSV such as timestamp,value") from None


@contextmanager
def _written_to(path: Path | None) -> Iterator[TextIO]:
    """Standard output, or a file that appears whole or not at all."""
    if path is None:
        yield sys.stdout
        return
    draft = path.with_name(f".{path.name}.part")
    try:
        with draft.open("w", encoding="utf-8", newline="") as out:
            yield out
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
