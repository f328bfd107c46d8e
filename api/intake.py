"""From the body of POST /v1/feedback to rows: one object, a list, or lines; a bad row is named and loses nothing beside it."""

from collections.abc import Iterator, Mapping
from datetime import datetime

from api.bodies import parse_json
from core.errors import InvalidInput
from store.intake import feedback_from_fields
from store.records import NewFeedback, RejectedRow

NDJSON = frozenset({"application/x-ndjson", "application/ndjson", "application/jsonl"})
MOST_ROWS = 1000
MOST_LINES = 10_000
"""Rows of one call are stored in one transaction: more of them would keep other writers waiting. A file has POST /v1/imports."""
Row = NewFeedback | RejectedRow


def read_rows(body: bytes, *, lines: bool, now: datetime) -> list[Row]:
    """The rows of a body, in order. Raises InvalidInput when it holds no rows at all, or too many."""
    return list(_read_lines(body, now) if lines else _read_objects(parse_json(body), now))


def _read_lines(body: bytes, now: datetime) -> Iterator[Row]:
    filled = [(number, line) for number, line in enumerate(body.split(b"\n"), 1) if line.strip()]
    if not 1 <= len(filled) <= MOST_LINES:
        raise InvalidInput(f"{len(filled):,} lines; send 1 to {MOST_LINES:,} in one call, or a file to POST /v1/imports")
    for number, line in filled:
        try:
            value = parse_json(line)
        except InvalidInput as error:
            yield RejectedRow(number, str(error))
        else:
            yield _read_row(number, value, now)


def _read_objects(value: object, now: datetime) -> Iterator[Row]:
    rows = _rows_of(value)
    if not 1 <= len(rows) <= MOST_ROWS:
        raise InvalidInput(f"{len(rows):,} rows; send 1 to {MOST_ROWS:,} in one call", field="feedback")
    for number, row in enumerate(rows, 1):
        yield _read_row(number, row, now)


def _rows_of(value: object) -> list[object]:
    match value:
        case {"feedback": list() as rows, **others} if not others:
            return rows
        case {"feedback": _}:
            raise InvalidInput('to send many, the body is {"feedback": [...]} and nothing else', field="feedback")
        case dict():
            return [value]
    raise InvalidInput('the body is one feedback such as {"text": "..."}, or {"feedback": [...]}')


def _read_row(number: int, value: object, now: datetime) -> Row:
    if not isinstance(value, Mapping):
        return RejectedRow(number, 'a row must be an object such as {"text": "..."}')
    try:
        return feedback_from_fields(value, now=now)
    except InvalidInput as error:
        return RejectedRow(number, str(error), error.field)
