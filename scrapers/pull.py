"""The collect machinery, once for all connectors: cursor in, pages out, overlap, limits; a broken row loses nothing beside it."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from core.errors import InvalidInput, KoeError
from core.logs import get_logger
from core.times import parse_time, to_rfc3339
from scrapers.base import Batch, Connector, Pull, SourceChanged
from scrapers.http import Http
from scrapers.table import connector_named, filled_options
from store.intake import LONGEST, LONGEST_ATTRIBUTE_VALUE, feedback_from_fields, is_blank
from store.records import LONGEST_TEXT, NewFeedback, RejectedRow, Source

MOST_PAGES = 50
"""Of one series in one pull; what is left comes with the next."""
EXPENDABLE = frozenset({"title", "author", "url", "language", "country", "question", "product", "parent_id"})
_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Page:
    """Rows to store, the broken ones beside them, and the cursor to save in the same transaction."""

    rows: tuple[NewFeedback, ...]
    cursor: str | None
    rejects: tuple[RejectedRow, ...] = ()


@dataclass(frozen=True, slots=True)
class Mark:
    """How far one series has come: the newest row stored, and what the connector remembers."""

    since: datetime | None = None
    state: Mapping[str, str] = field(default_factory=dict)


def pull(source: Source, http: Http, now: datetime, *, folder: Path | None = None) -> Iterator[Page]:
    """Fetch what is new in a source, page by page. Save each page's rows and cursor together before asking for the next.

    `source.options` are the plain ones, secrets opened. `folder` holds one folder per workspace for sources that read files.
    A pull that died goes on from the last cursor saved; rows that come twice have the same external ids.
    A series that fails does not hold back the others: its error is raised at the end.
    Raises InvalidInput (options), SourceChanged, and what Http.get raises.
    """
    connector = connector_named(source.connector)
    options = filled_options(connector, source.options)
    marks = read_cursor(source.cursor)
    failure: KoeError | None = None
    for series in connector.series(options):
        mark = marks.get(series, Mark())
        since = mark.since or (now - connector.reach if connector.reach else None)
        own = folder / source.workspace_id if folder else None
        one = Pull(options, series, mark.state, since, source.name, http, now, own)
        try:
            for rows, rejects, moved in pull_series(connector, one):
                if moved is not None:
                    marks[series] = moved
                yield Page(rows, write_cursor(marks), rejects)
        except SourceChanged as error:
            failure = failure or SourceChanged(f"{connector.name}: {error}")
        except KoeError as error:
            failure = failure or error
    if failure is not None:
        raise failure


Step = tuple[tuple[NewFeedback, ...], tuple[RejectedRow, ...], Mark | None]
"""Rows, rejects, and the mark to move to, None while it must not move."""


def pull_series(connector: Connector, pull: Pull) -> Iterator[Step]:
    """The batches of one series as rows. Those that go back in time end at the first that is older than `since` minus the overlap."""
    newest, state, read, waiting = pull.since, pull.state, 0, False
    for number, batch in enumerate(connector.batches(pull), 1):
        rows, rejects = read_batch(connector, batch, pull, read)
        read += len(batch.entries)
        newest = max((*([newest] if newest else ()), *(row.created_at for row in rows if row.dated)), default=None)
        state, waiting = batch.state, not batch.resumable
        if rows or rejects or not waiting:
            yield rows, rejects, None if waiting else Mark(_not_ahead(newest, pull.now), state)
        if number == MOST_PAGES:
            _log.info("pull.page_limit", source=pull.source, series=pull.series, pages=number)
            break
        if waiting and _is_old(rows, connector, pull):
            break
    if waiting:
        yield (), (), Mark(_not_ahead(newest, pull.now), state)


def read_batch(connector: Connector, batch: Batch, pull: Pull, before: int) -> tuple[tuple[NewFeedback, ...], tuple[RejectedRow, ...]]:
    """The rows of a batch and its broken entries, numbered from 1 over the pull.

    Raises SourceChanged when no entry at all has the shape that the connector knows.
    """
    rows: list[NewFeedback] = []
    rejects: list[RejectedRow] = []
    strange = 0
    for line, entry in enumerate(batch.entries, before + 1):
        try:
            row = connector.read(entry, pull)
            if isinstance(row, Mapping):
                row = feedback_of(tidy(row), pull)
        except SourceChanged as error:
            strange += 1
            row = RejectedRow(line, str(error))
        except InvalidInput as error:
            row = RejectedRow(line, str(error), error.field)
        if isinstance(row, NewFeedback):
            rows.append(row)
        elif row is not None:
            rejects.append(row)
    if strange and strange == len(batch.entries):
        raise SourceChanged(f"{rejects[0].reason} in any of {strange} entries; the source may have changed its format")
    return tuple(rows), tuple(rejects)


def feedback_of(fields: dict[str, object], pull: Pull) -> NewFeedback:
    """A feedback from what a source says. Beside the customer's words, what a source got wrong is left out instead of losing them."""
    while True:
        try:
            return feedback_from_fields(fields, now=pull.now, default_source=pull.source)
        except InvalidInput as error:
            name = (error.field or "").partition(".")[0]
            if name not in EXPENDABLE or fields.pop(name, None) is None:
                raise


def tidy(fields: Mapping[str, object]) -> dict[str, object]:
    """Fields of a source cut to the lengths that are stored. A text that was cut says so in its attribute `truncated`."""
    tidied = dict(fields)
    for name in ("title", "question", "product"):
        tidied[name] = _cut(fields.get(name), LONGEST[name])
    author, attributes = fields.get("author"), fields.get("attributes")
    if isinstance(author, Mapping):
        tidied["author"] = {name: _cut(value, LONGEST["author.name"]) for name, value in author.items()}
    if isinstance(attributes, Mapping):
        tidied["attributes"] = {name: _cut(value, LONGEST_ATTRIBUTE_VALUE) for name, value in attributes.items()}
    text = fields.get("text")
    if isinstance(text, str) and len(text) > LONGEST_TEXT and not is_blank(text[:LONGEST_TEXT]):
        tidied |= {
            "text": text[:LONGEST_TEXT],
            "attributes": {**(attributes if isinstance(attributes, Mapping) else {}), "truncated": True},
        }
    return tidied


def read_cursor(cursor: str | None) -> dict[str, Mark]:
    """The marks of a stored cursor. One that cannot be read starts anew: rows that come again change nothing."""
    try:
        stored = json.loads(cursor or "{}")
        return {
            str(series): Mark(parse_time(mark["since"]) if mark["since"] else None, {str(k): str(v) for k, v in mark["state"].items()})
            for series, mark in stored.items()
        }
    except (ValueError, TypeError, KeyError, AttributeError, InvalidInput):
        return {}


def write_cursor(marks: Mapping[str, Mark]) -> str | None:
    """The text of `marks`; None for none."""
    plain = {series: {"since": to_rfc3339(mark.since) if mark.since else None, "state": dict(mark.state)} for series, mark in marks.items()}
    return json.dumps(plain, ensure_ascii=False, sort_keys=True) if plain else None


def _is_old(rows: tuple[NewFeedback, ...], connector: Connector, pull: Pull) -> bool:
    dated = [row.created_at for row in rows if row.dated]
    return pull.since is not None and bool(dated) and max(dated) < pull.since - connector.overlap


def _not_ahead(newest: datetime | None, now: datetime) -> datetime | None:
    """A row dated tomorrow by mistake must not stop the pulls of today."""
    return min(newest, now) if newest is not None else None


def _cut(value: object, longest: int) -> object:
    return value[:longest] if isinstance(value, str) else value
