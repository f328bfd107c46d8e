"""One generator per file format: bytes in, one record per row out, streaming; a broken row keeps its place and says why."""

import csv
import itertools
import json
import struct
import warnings
import zipfile
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import IO, Any

from core.errors import InvalidInput, Misconfigured
from scrapers.cells import Cell
from scrapers.lines import Line, read_lines
from scrapers.unpacking import BrokenFile, Peekable
from store.records import RejectedRow

LONGEST_RECORD = 1_000_000
"""Characters of one CSV record: 20,000 of text and 32 attributes need a tenth of it; an open quote would swallow the file."""
MOST_OPEN_QUOTES = 100
"""Each costs reading a megabyte twice; a file with more of them is not the CSV it seems to be."""
MOST_COLUMNS = 1000
LARGEST_STRINGS, LARGEST_WORKBOOK = 256 * 1024**2, 1024**3
"""Bytes of a workbook unpacked: of all but its sheets, which is held in memory, and of all of it."""


@dataclass(frozen=True, slots=True)
class Record:
    """One row: `line` is the physical line where it starts (CSV, JSONL) or its number (Excel, Parquet), from 1."""

    line: int
    cells: Mapping[str, Cell]


Records = Iterator[Record | RejectedRow]
# Whatever the layers below openpyxl (zip, deflate, XML) raise for damaged bytes: found by feeding it damaged bytes.
_BROKEN_WORKBOOK = (
    ArithmeticError, AttributeError, EOFError, LookupError, OSError, RuntimeError, SyntaxError, TypeError, ValueError,
    struct.error, zipfile.BadZipFile, zlib.error,
)  # fmt: skip


def csv_records(chunks: Peekable[bytes], encoding: str, *, delimiter: str | None = None) -> Records:
    """Rows of a CSV below its header; the delimiter is found among , ; tab and | unless given.

    Raises InvalidInput for a header that cannot be used, BrokenFile where the file breaks.
    """
    lines = Peekable(read_lines(chunks, encoding))
    header: tuple[str, ...] = ()
    for line, cells in csv_rows(lines, delimiter or delimiter_of([one.text for one in lines.peek(50)])):
        if isinstance(cells, str):
            yield RejectedRow(line, cells)
        elif not any(cell.strip() for cell in cells):
            continue
        elif header:
            yield _csv_record(line, header, cells)
        else:
            header = unique_columns(cells)


def csv_rows(lines: Iterator[Line], delimiter: str) -> Iterator[tuple[int, list[str] | str]]:
    """The line where each record starts and its cells, or what is wrong with it; blank lines are left out.

    A quote that is never closed costs its own line. Raises BrokenFile where there are too many of them.
    """
    feed = _Feed(lines)
    csv.field_size_limit(LONGEST_RECORD)
    reader = csv.reader(feed, delimiter=delimiter)
    while True:
        feed.start()
        try:
            cells = next(reader, None)
        except csv.Error as error:
            yield feed.first, f"not CSV: {error}"
            continue
        except _NeverClosed:
            cells = []
            feed.is_open = True
        if cells is None:
            return
        if feed.is_open:
            feed.back_to_second_line()
            yield feed.first, "a quote that opens here is not closed; double the quotes inside a cell"
        elif feed.problem:
            yield feed.first, feed.problem
        elif cells:
            yield feed.first, cells


def delimiter_of(lines: Sequence[str]) -> str:
    """The delimiter that cuts a header into most cells and the rows below it into as many; for one column, one that no text has."""
    best, best_score = "\x1f", (0.0, 0)
    for delimiter in (",", ";", "\t", "|"):
        try:
            rows = [row for row in csv.reader(lines, delimiter=delimiter) if row]
        except csv.Error:
            continue
        width = len(rows[0]) if rows else 0
        alike = sum(len(row) == width for row in rows) / max(len(rows), 1)
        if width > 1 and (alike, width) > best_score:
            best, best_score = delimiter, (alike, width)
    return best


def unique_columns(names: Iterable[Cell]) -> tuple[str, ...]:
    """Names of a header; a second "text" is "text (2)", the third without a name is "(3)". Raises InvalidInput when there are too many."""
    seen: dict[str, int] = {}
    columns: list[str] = []
    for number, name in enumerate(names, 1):
        plain = str(name if name is not None else "").strip()
        if plain:
            seen[plain] = seen.get(plain, 0) + 1
            plain = plain if seen[plain] == 1 else f"{plain} ({seen[plain]})"
        columns.append(plain or f"({number})")
    if len(columns) > MOST_COLUMNS:
        raise InvalidInput(f"the header has {len(columns):,} columns; at most {MOST_COLUMNS:,} are read")
    return tuple(columns)


def json_records(chunks: Peekable[bytes], encoding: str) -> Records:
    """Objects of JSON Lines; parts of nested objects become columns such as "author.name"."""
    for number, line in enumerate(read_lines(chunks, encoding), 1):
        if line.problem:
            yield RejectedRow(number, line.problem)
        elif line.text.strip():
            yield _json_record(number, line.text)


def excel_records(file: IO[bytes]) -> Records:
    """Rows of the first sheet below its header, the first row with anything in it. Raises InvalidInput or BrokenFile."""
    import openpyxl

    _check_workbook(file)
    line = 0
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            workbook = openpyxl.load_workbook(file, read_only=True, data_only=True, keep_links=False)
        sheet = workbook.worksheets[0]
        sheet.reset_dimensions()
        header: tuple[str, ...] = ()
        for line, row in enumerate(sheet.iter_rows(values_only=True), 1):
            if not any(cell is not None and cell != "" for cell in row):
                continue
            if header:
                yield Record(line, dict(zip(header, row, strict=False)))
            else:
                header = unique_columns(_without_empty_end(row))
        workbook.close()
    except _BROKEN_WORKBOOK as error:
        raise BrokenFile(f"the workbook cannot be read after row {line}: {error}; save it again as XLSX") from error


def check_parquet() -> None:
    """Raise Misconfigured without pyarrow: before the file is copied, for a survey folder tries again every minute."""
    try:
        import pyarrow.parquet  # noqa: F401
    except ImportError as error:
        raise Misconfigured("Parquet needs pyarrow on the server: pip install koe[parquet]") from error


def parquet_records(file: IO[bytes], most_bytes: int) -> Records:
    """Rows of a Parquet file, numbered from 1. Raises InvalidInput or BrokenFile."""
    import pyarrow
    import pyarrow.parquet

    try:
        parquet = pyarrow.parquet.ParquetFile(file)
        groups = [parquet.metadata.row_group(number).total_byte_size for number in range(parquet.num_row_groups)]
        if sum(groups) > most_bytes:
            raise InvalidInput(f"the file unpacks to {sum(groups):,} bytes; at most {most_bytes:,} are read, split it")
        line = 0
        for batch in parquet.iter_batches(batch_size=1000):
            for row in _in_microseconds(batch).to_pylist():
                line += 1
                yield Record(line, flattened(row))
    except (pyarrow.ArrowException, OSError, ValueError, LookupError, ArithmeticError) as error:
        raise BrokenFile(f"the Parquet file cannot be read: {error}"[:300]) from error


def _in_microseconds(batch: Any) -> Any:
    """Python's times know no nanoseconds, which pandas writes."""
    import pyarrow

    for number, kind in enumerate(batch.schema.types):
        if pyarrow.types.is_timestamp(kind):
            coarse = pyarrow.timestamp("us", kind.tz)
        elif pyarrow.types.is_duration(kind):
            coarse = pyarrow.duration("us")
        elif pyarrow.types.is_time64(kind):
            coarse = pyarrow.time64("us")
        else:
            continue
        if kind.unit == "ns":
            batch = batch.set_column(number, batch.schema.names[number], batch.column(number).cast(coarse, safe=False))
    return batch


def flattened(row: Mapping[str, Cell]) -> dict[str, Cell]:
    """`{"author": {"name": x}}` as `{"author.name": x}`, one level deep."""
    flat: dict[str, Cell] = {}
    for name, value in row.items():
        if isinstance(value, dict):
            flat |= {f"{name}.{part}": inner for part, inner in value.items()}
        else:
            flat[name] = value
    return flat


class _NeverClosed(Exception):
    """A record is longer than any can be."""


class _Feed(Iterator[str]):
    """Physical lines for the csv reader, with what it does not tell: where a record starts, and whether it ended inside quotes."""

    def __init__(self, lines: Iterator[Line]) -> None:
        self._lines = lines
        self._again: deque[Line] = deque()
        self._record: list[Line] = []
        self._next_number, self._open_quotes = 1, 0
        self._size = 0
        self.start()

    def start(self) -> None:
        self.first = self._next_number
        self.problem, self.is_open = "", False
        self._record.clear()
        self._size = 0

    def back_to_second_line(self) -> None:
        """Read the record again without its first line, whose quote swallowed the others. Raises BrokenFile when it happens too often."""
        self._open_quotes += 1
        if self._open_quotes > MOST_OPEN_QUOTES:
            raise BrokenFile(f"more than {MOST_OPEN_QUOTES} quotes are never closed; is this CSV with quotes doubled inside cells?")
        self._again.extendleft(reversed(self._record[1:]))
        self._next_number = self.first + 1

    def __next__(self) -> str:
        try:
            line = self._again.popleft() if self._again else next(self._lines)
        except StopIteration:
            self.is_open = bool(self._record)
            raise
        self._next_number += 1
        self._record.append(line)
        self._size += len(line.text)
        self.problem = self.problem or line.problem
        if self._size > LONGEST_RECORD:
            raise _NeverClosed
        return line.text


def _csv_record(line: int, header: tuple[str, ...], cells: list[str]) -> Record | RejectedRow:
    if len(cells) > len(header) and any(cells[len(header) :]):
        return RejectedRow(line, f"{len(cells)} cells where the header has {len(header)}; put a cell that holds the delimiter in quotes")
    return Record(line, dict(zip(header, cells, strict=False)))


def _json_record(number: int, text: str) -> Record | RejectedRow:
    try:
        row = json.loads(text)
    except (ValueError, RecursionError) as error:
        return RejectedRow(number, f"not JSON: {error}"[:200])
    if not isinstance(row, dict):
        return RejectedRow(number, 'not an object such as {"text": "..."}')
    return Record(number, flattened(row))


def _without_empty_end(row: Sequence[Cell]) -> list[Cell]:
    kept = list(itertools.dropwhile(lambda cell: cell is None or cell == "", reversed(row)))
    return kept[::-1]


def _check_workbook(file: IO[bytes]) -> None:
    """A workbook is a zip of XML: refuse one that is no workbook, or whose strings would fill the memory."""
    try:
        with zipfile.ZipFile(file) as parts:
            sizes = {part.filename: part.file_size for part in parts.infolist()}
    except _BROKEN_WORKBOOK as error:
        raise InvalidInput(f"this is no XLSX workbook ({error}); save it again as XLSX or CSV") from error
    if "xl/workbook.xml" not in sizes:
        raise InvalidInput("this zip holds no workbook; send CSV, TSV, JSONL, XLSX or Parquet, alone or as .gz")
    small = sum(size for name, size in sizes.items() if not name.startswith("xl/worksheets/"))
    if small > LARGEST_STRINGS or sum(sizes.values()) > LARGEST_WORKBOOK:
        most = f"{LARGEST_STRINGS:,} bytes of strings, {LARGEST_WORKBOOK:,} in all"
        raise InvalidInput(f"the workbook unpacks to {sum(sizes.values()):,} bytes; at most {most} are read, save it as CSV")
