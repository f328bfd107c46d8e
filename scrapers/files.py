"""Import files of any usual format as feedback, row by row: what is broken is reported with its line, the rest is kept."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from pathlib import PurePath
from typing import IO

from core.errors import InvalidInput
from core.times import to_rfc3339
from scrapers.columns import Columns
from scrapers.encodings import encoding_of
from scrapers.formats import Record, Records, check_parquet, csv_records, excel_records, json_records, parquet_records
from scrapers.unpacking import MOST_UNPACKED, BrokenFile, ByteStream, Peekable, spooled, unpacked
from store.intake import feedback_from_fields
from store.records import Kind, NewFeedback, RejectedRow

SAMPLE_ROWS = 200
"""Rows looked at before columns are mapped."""
_SAMPLE_CHUNKS = 4
Row = NewFeedback | RejectedRow


def read_rows(
    stream: ByteStream,
    filename: str,
    mapping: Mapping[str, str] | None = None,
    *,
    default_source: str,
    now: datetime,
    default_kind: Kind = "other",
    most_bytes: int = MOST_UNPACKED,
) -> "FileReader":
    """Open a CSV, TSV, XLSX, JSONL or Parquet file, plain or as .gz; `stream` need not be seekable. See FileReader.

    `mapping`: column -> field, for the columns where the guess is wrong. `default_source` and `default_kind` are for rows that name none.
    Raises InvalidInput when the file is empty, of no known format or encoding, or has no column that holds the text; Misconfigured when
    Parquet comes to a server without pyarrow.
    """
    try:
        records, encoding = _records(unpacked(stream, most_bytes), filename, most_bytes)
        return FileReader(records, mapping or {}, encoding=encoding, source=default_source, kind=default_kind, now=now)
    except BrokenFile as error:
        raise InvalidInput(str(error)) from error


class FileReader:
    """Iterate for `(line, NewFeedback | RejectedRow)`, once.

    `mapping`: column -> field, `attributes.NAME`, or "" when ignored; `ignored`: column -> why; `notes`: what a reader of the report should
    know. All three are known before the first row; a JSONL file can add columns later.
    A row without an external id gets one from its content: "sha256:" and 40 hex digits over source, created_at as given, author's id or
    name, and text, joined by U+0000; the second such row of a file ends in "#2", and so on. So the same or a longer file changes nothing.
    Rows get `now` as their time only when the file has no column of times at all; where it has one, a row without a time is refused.
    """

    def __init__(self, records: Records, mapping: Mapping[str, str], *, encoding: str, source: str, kind: Kind, now: datetime) -> None:
        self._records = Peekable(records)
        self._source, self._kind, self._now = source, kind, now
        self._seen = Occurrences()
        first = self._records.peek(SAMPLE_ROWS)
        samples = [record.cells for record in first if isinstance(record, Record)]
        if not first:
            next(self._records, None)  # raises what stopped the reading before its first row
        columns = list(dict.fromkeys(column for cells in samples for column in cells))
        self._columns = Columns.of(columns, samples, mapping)
        self._check(columns, mapping, samples)
        self._dated = self._columns.has("created_at")
        self.notes = tuple(self._notes(encoding))

    @property
    def mapping(self) -> Mapping[str, str]:
        return self._columns.mapping

    @property
    def ignored(self) -> Mapping[str, str]:
        return self._columns.ignored

    def __iter__(self) -> Iterator[tuple[int, Row]]:
        line = 0
        try:
            for record in self._records:
                line = record.line
                yield line, record if isinstance(record, RejectedRow) else self._row(record)
        except BrokenFile as error:
            yield line + 1, RejectedRow(line + 1, str(error))

    def _row(self, record: Record) -> Row:
        if not record.cells.keys() <= self._columns.mapping.keys():
            self._columns.learn(record.cells, [record.cells])
        try:
            fields = self._columns.fields(record.cells)
            if self._dated and "created_at" not in fields:
                raise InvalidInput("created_at is missing, while the file has a column for it", field="created_at")
            fields.setdefault("kind", self._kind)
            row = feedback_from_fields(fields, now=self._now, default_source=self._source)
        except InvalidInput as error:
            return RejectedRow(record.line, str(error), error.field)
        return row if row.external_id is not None else replace(row, external_id=self._content_id(row))

    def _content_id(self, row: NewFeedback) -> str:
        author = (row.author.id or row.author.name or "") if row.author else ""
        parts = (row.source, to_rfc3339(row.created_at) if row.dated else "", author, row.text)
        digest = sha256("\0".join(parts).encode())
        times = self._seen.count(digest.digest())
        return f"sha256:{digest.hexdigest()[:40]}" + (f"#{times}" if times > 1 else "")

    def _check(self, columns: list[str], mapping: Mapping[str, str], samples: list[Mapping[str, object]]) -> None:
        if not samples:
            return
        missing = [column for column in mapping if column not in columns]
        shown = repr(", ".join(columns)[:300])  # in quotes like all that messages take from a file: without a header these are answers
        if missing and not any(column in columns for column in mapping):
            raise InvalidInput(f"the mapping names {missing[0]!r}, which is no column; the columns are: {shown}", field="mapping")
        if not self._columns.has("text"):
            raise InvalidInput(
                f"no column looks like the customer's text; the columns are: {shown}. The first row must name the columns: call one "
                "'text' (or review, comment, コメント, Kommentar, ...), or map one to text",
                field="text",
            )

    def _notes(self, encoding: str) -> Iterator[str]:
        if encoding:
            yield f"read as {encoding}, which is a guess; save the file as UTF-8 if letters look wrong"
        if not self._dated:
            yield f"no column of times: rows get the time of this import, {to_rfc3339(self._now)}, unless they were stored before"


class Occurrences:
    """How often each digest came, in 8 to 16 bytes each: a set of a million Python objects would take a hundred."""

    def __init__(self) -> None:
        self._slots = array("Q", bytes(8 * 1024))
        self._used = 0
        self._repeats: dict[int, int] = {}

    def count(self, digest: bytes) -> int:
        """1 for the first time, 2 for the second. Told apart by 64 bits: among a million rows two are mixed up once in 30 million files."""
        key = int.from_bytes(digest[:8]) or 1
        if self._add(key):
            return 1
        self._repeats[key] = self._repeats.get(key, 1) + 1
        return self._repeats[key]

    def _add(self, key: int) -> bool:
        """Open addressing: put `key` into the first free slot after its own, False when it is there already."""
        if 10 * self._used >= 7 * len(self._slots):
            old, self._slots, self._used = self._slots, array("Q", bytes(16 * len(self._slots))), 0
            for one in old:
                if one:
                    self._add(one)
        mask = len(self._slots) - 1
        place = key & mask
        while held := self._slots[place]:
            if held == key:
                return False
            place = (place + 1) & mask
        self._slots[place] = key
        self._used += 1
        return True


def _records(chunks: Peekable[bytes], filename: str, most_bytes: int) -> tuple[Records, str]:
    """The rows of a file by what it begins with and then by its name, and its encoding where that is a guess."""
    head = b"".join(chunks.peek(_SAMPLE_CHUNKS))
    empty = InvalidInput("the file is empty; send CSV, TSV, XLSX, JSONL or Parquet, with a header or names in each row")
    if not head.strip():
        next(chunks, None)  # raises what stopped the reading before its first byte
        raise empty
    if head.startswith(b"PK\x03\x04"):
        return _closing(chunks, excel_records), ""
    if head.startswith(b"PAR1"):
        check_parquet()
        return _closing(chunks, lambda file: parquet_records(file, most_bytes)), ""
    if head.startswith(b"\xd0\xcf\x11\xe0"):
        raise InvalidInput("this is an old Excel file (XLS); save it as XLSX or CSV")
    encoding, mark = encoding_of(head)
    text = Peekable(_after(chunks, mark))
    start = head[mark:].decode(encoding, "replace").lstrip()
    if not start:
        raise empty
    if start.startswith("["):
        raise InvalidInput("this is one JSON list; send JSON Lines, one object a line (jq -c '.[]' makes them)")
    guessed = "" if mark or encoding == "utf-8" else encoding
    suffixes = [suffix.lower() for suffix in PurePath(filename).suffixes]
    if start.startswith("{") or {".jsonl", ".ndjson", ".json"} & set(suffixes):
        return json_records(text, encoding), guessed
    tabs = ".tsv" in suffixes and "\t" in start.partition("\n")[0]
    return csv_records(text, encoding, delimiter="\t" if tabs else None), guessed


def _closing(chunks: Iterable[bytes], read: Callable[[IO[bytes]], Records]) -> Records:
    with spooled(chunks) as file:
        yield from read(file)


def _after(chunks: Iterable[bytes], skip: int) -> Iterator[bytes]:
    for chunk in chunks:
        yield chunk[skip:]
        skip = 0
