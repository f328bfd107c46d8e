"""Texts out of plain lines, JSONL or CSV, one row at a time; a broken row keeps its place and says what is wrong with it."""

import csv
import gzip
import json
import queue
import sys
import threading
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING

from cli.output import Json
from core.errors import InvalidInput

if TYPE_CHECKING:
    from scrapers.lines import Line

LONGEST_LINE = 4 * 1024 * 1024
"""Bytes: 20,000 characters need 80,000 at most, the rest is fields; a longer line is no feedback and must not fill the memory."""


class RowFormat(StrEnum):
    AUTO = "auto"
    LINES = "lines"
    JSONL = "jsonl"
    CSV = "csv"


SUFFIXES: Mapping[str, RowFormat] = {
    ".txt": RowFormat.LINES,
    ".jsonl": RowFormat.JSONL,
    ".ndjson": RowFormat.JSONL,
    ".csv": RowFormat.CSV,
}


@dataclass(frozen=True, slots=True)
class Row:
    """`fields` as they came in; `error` None when `text` can be annotated."""

    line: int
    fields: Mapping[str, Json] = field(default_factory=dict)
    text: str = ""
    language: str | None = None
    question: str | None = None
    error: str | None = None


def read_rows(lines: Iterable[bytes], form: RowFormat, *, suffix: str = "") -> Iterator[Row]:
    """Rows in the order of the input. Raises InvalidInput when a CSV has no header that can be read, or no column `text` in it."""
    stream = iter(lines)
    if form is RowFormat.AUTO:
        first = next(stream, b"")
        form = SUFFIXES.get(suffix.lower()) or format_of(first)
        stream = chain([first] if first else [], stream)
    return {RowFormat.JSONL: _json_rows, RowFormat.CSV: _csv_rows}.get(form, _plain_rows)(stream)


def format_of(first: bytes) -> RowFormat:
    """What a first line looks like: an object is JSONL, a header with a column `text` is CSV, anything else is plain lines."""
    line = first.decode("utf-8-sig", errors="replace").strip()
    if line.startswith("{"):
        try:
            return RowFormat.JSONL if isinstance(json.loads(line), dict) else RowFormat.LINES
        except ValueError:
            return RowFormat.LINES
    names = [name.strip().lower() for name in next(csv.reader([line]), [])]
    return RowFormat.CSV if "text" in names and len(names) > 1 else RowFormat.LINES


def in_batches(rows: Iterable[Row], *, most: int) -> Iterator[list[Row]]:
    """Whatever has come in so far, at most `most` at once: a slow pipe is answered line by line, a file in full batches."""
    waiting: Waiting = queue.Queue(maxsize=2 * most)
    threading.Thread(target=_fill, args=(waiting, rows), daemon=True).start()
    while batch := _arrived(waiting, most):
        if isinstance(end := batch[-1], Row):
            yield [row for row in batch if isinstance(row, Row)]
            continue
        if len(batch) > 1:
            yield [row for row in batch if isinstance(row, Row)]
        if isinstance(end, Exception):
            raise end
        return


Waiting = queue.Queue[Row | Exception | None]


def _arrived(waiting: Waiting, most: int) -> list[Row | Exception | None]:
    """At least one, then what is there without waiting; the end of the rows, None or an error, comes last."""
    batch = [waiting.get()]
    while isinstance(batch[-1], Row) and len(batch) < most:
        try:
            batch.append(waiting.get_nowait())
        except queue.Empty:
            break
    return batch


def _fill(waiting: Waiting, rows: Iterable[Row]) -> None:
    try:
        for row in rows:
            waiting.put(row)
    except Exception as error:  # the reader's error belongs to whoever waits for its rows
        waiting.put(error)
    else:
        waiting.put(None)


def _plain_rows(lines: Iterator[bytes]) -> Iterator[Row]:
    for number, raw in enumerate(lines, 1):
        text, error = _decoded(raw, number)
        yield Row(number, {"text": text}, text, error=error or _text_error(text))


def _json_rows(lines: Iterator[bytes]) -> Iterator[Row]:
    for number, raw in enumerate(lines, 1):
        line, error = _decoded(raw, number)
        if line.strip() or error:
            yield _broken(number, error) if error else _json_row(number, line)


def _json_row(number: int, line: str) -> Row:
    try:
        fields = json.loads(line)
    except (ValueError, RecursionError) as error:
        return _broken(number, f"not JSON: {error}")
    if not isinstance(fields, dict):
        return _broken(number, 'not an object such as {"text": "..."}')
    return _row(number, fields)


def _csv_rows(lines: Iterator[bytes]) -> Iterator[Row]:
    from scrapers.formats import csv_rows
    from scrapers.unpacking import BrokenFile

    header: list[str] = []
    last = 0
    try:
        for last, cells in csv_rows(map(_csv_line, count(1), lines), ","):
            if header:
                yield _broken(last, cells) if isinstance(cells, str) else _csv_row(last, header, cells)
            elif isinstance(cells, str):
                raise InvalidInput(f"line {last}, which names the columns of the CSV, cannot be read: {cells}")
            else:
                header = _checked_header(cells)
    except BrokenFile as error:
        yield _broken(last + 1, str(error))
    if not header:
        _checked_header([])


def _csv_line(number: int, raw: bytes) -> "Line":
    from scrapers.lines import LONGEST_LINE as LONGEST_OF_CSV
    from scrapers.lines import Line

    if len(raw) > LONGEST_OF_CSV:
        return Line("\n", f"the line has more than {LONGEST_OF_CSV:,} bytes")
    return Line(raw.decode("utf-8-sig" if number == 1 else "utf-8", "surrogateescape"))


def _checked_header(cells: list[str]) -> list[str]:
    """Names of columns, a byte that is not UTF-8 as \\xf6: the texts below may be read all the same. Raises InvalidInput without `text`."""
    header = [name.strip().encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace") for name in cells]
    if any(name.lower() == "text" for name in header):
        return header
    # Where a quote in the header closes in a text below, customers' words are in the names: only those of the first line are shown.
    shown, *below = ", ".join(header).splitlines() or [""]
    hint = " (a quote that opens in that line closes in another)" if below else ""
    raise InvalidInput(f"the CSV has no column `text`; its columns are: {shown[:200] or 'none'}{hint}", field="text")


def _csv_row(number: int, header: list[str], cells: list[str]) -> Row:
    if any("\udc80" <= letter <= "\udcff" for cell in cells for letter in cell):
        return _broken(number, "not UTF-8")
    if len(cells) != len(header):
        return _broken(number, f"{len(cells)} cells where the header has {len(header)}")
    fields = dict(zip(header, cells, strict=True))
    named = next(name for name in header if name.lower() == "text")
    return _row(number, fields, text=fields[named])


def _row(number: int, fields: Mapping[str, Json], text: Json = None) -> Row:
    text = fields.get("text") if text is None else text
    if not isinstance(text, str):
        return Row(number, fields, error="text is missing" if text is None else "text must be text")
    for name in ("language", "question"):
        if not isinstance(fields.get(name), str | None):
            return Row(number, fields, error=f"{name} must be text")
    language, question = fields.get("language"), fields.get("question")
    return Row(number, fields, text, str(language) if language else None, str(question) if question else None, error=_text_error(text))


def _broken(number: int, error: str) -> Row:
    return Row(number, {"line": number}, error=f"line {number}: {error}")


def _decoded(raw: bytes, number: int) -> tuple[str, str | None]:
    if len(raw) > LONGEST_LINE:
        return "", f"line {number} has more than {LONGEST_LINE:,} bytes"
    try:
        return raw.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n"), None
    except UnicodeDecodeError:
        return raw.decode("utf-8", errors="replace").rstrip("\r\n"), f"line {number} is not UTF-8"


def _text_error(text: str) -> str | None:
    from store.intake import is_blank
    from store.records import LONGEST_TEXT

    if is_blank(text):
        return "text is empty or only white space"
    return f"text has {len(text):,} characters; at most {LONGEST_TEXT:,} are taken" if len(text) > LONGEST_TEXT else None


@contextmanager
def lines_of(path: Path) -> Iterator[tuple[Iterable[bytes], str]]:
    """The lines of a file, gzipped or not, and the suffix that says what they are. Raises InvalidInput where it cannot be unpacked."""
    if path.suffix.lower() != ".gz":
        with path.open("rb") as lines:
            yield lines, path.suffix
        return
    try:
        with gzip.open(path, "rb") as unpacked:
            yield unpacked, Path(path.stem).suffix
    except (gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise InvalidInput(f"{path} cannot be unpacked ({error}); give the whole file, or one that is not packed") from None


def lines_of_standard_input() -> Iterable[bytes]:
    return sys.stdin.buffer
