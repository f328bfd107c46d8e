"""What a connector is: it describes itself as data, fetches batches newest or oldest first, and reads one entry; pull.py does the rest."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Protocol

from core.errors import InvalidInput, PermanentError
from scrapers.http import Fetched, Http, shown
from store.records import NewFeedback, OptionSpec, RejectedRow

Row = NewFeedback | RejectedRow | Mapping[str, object] | None
"""What one entry turns into: ready rows, fields for store.intake, or None for an entry that is no feedback."""


class SourceChanged(PermanentError):
    """The source answers in a shape that the connector does not know; says what was missing."""


class Options(Mapping[str, str]):
    """Options of a source with the defaults filled in. Printing them shows names only, for some are secrets."""

    def __init__(self, values: Mapping[str, str]) -> None:
        self._values = dict(values)

    def __getitem__(self, name: str) -> str:
        return self._values[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return f"Options({', '.join(self._values)})"

    def listed(self, name: str) -> tuple[str, ...]:
        """The parts of an option that takes several, comma separated; double ones once."""
        return tuple(dict.fromkeys(part.strip() for part in self.get(name, "").split(",") if part.strip()))


@dataclass(frozen=True, slots=True)
class Pull:
    """One pull of one series of a source: everything a connector may use.

    `series`: which of the connector's series; `state`: what it wrote into the last batch that was stored, empty the first time;
    `since`: the newest row stored before (the first time, how far to go back; None for all there is).
    `folder`: where files of this workspace are dropped, None in a process that was given none.
    """

    options: Options
    series: str
    state: Mapping[str, str]
    since: datetime | None
    source: str
    http: Http
    now: datetime
    folder: Path | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """Raw entries, and what to remember once they are stored.

    `resumable`: all before this batch is complete, so a pull that fails later goes on from here. Batches that go from the newest back in
    time are not: only when the last of them is stored may `state` be remembered.
    """

    entries: Sequence[object]
    state: Mapping[str, str] = field(default_factory=dict)
    resumable: bool = False


class Connector(Protocol):
    """One file each. `overlap`: how late this source publishes; `reach`: how far the first pull goes back, None for all it offers."""

    @property
    def name(self) -> str: ...
    @property
    def description(self) -> str: ...
    @property
    def options(self) -> tuple[OptionSpec, ...]: ...
    @property
    def every_seconds(self) -> int: ...
    @property
    def overlap(self) -> timedelta: ...
    @property
    def reach(self) -> timedelta | None: ...

    def check(self, options: Options) -> None:
        """Raise InvalidInput (field = name of the option) on options that cannot work. Names and required ones are checked before."""

    def series(self, options: Options) -> Sequence[str]:
        """Independent streams of the source (countries, hashtags), each with a cursor of its own; one without a name for most."""

    def batches(self, pull: Pull) -> Iterator[Batch]:
        """Fetch, one batch after the other. Raises SourceChanged and what Http.get raises."""

    def read(self, entry: object, pull: Pull) -> Row:
        """Turn one entry into fields. Raises SourceChanged or InvalidInput for a broken one: it is reported, its neighbours are kept."""


def parse_json(fetched: Fetched) -> object:
    """The JSON of a body. Raises SourceChanged."""
    try:
        return json.loads(fetched.body)
    except (ValueError, RecursionError) as error:
        raise SourceChanged(f"{shown(fetched.url)} answered no JSON ({error})"[:300]) from error


def part(document: object, *path: str) -> object:
    """What lies at `path` in nested objects. Raises SourceChanged naming the first step that is missing."""
    for depth, step in enumerate(path, 1):
        if not isinstance(document, Mapping) or step not in document:
            raise SourceChanged(f"no {'.'.join(path[:depth])!r}")
        document = document[step]
    return document


def text_part(document: object, *path: str) -> str:
    """A text (or number) at `path`. Raises SourceChanged."""
    value = part(document, *path)
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise SourceChanged(f"{'.'.join(path)!r} is no text")
    return str(value)


def optional_text(document: object, *path: str) -> str | None:
    """A text at `path`, None when it is missing, empty or something else."""
    try:
        return text_part(document, *path).strip() or None
    except SourceChanged:
        return None


def check_web_address(options: Options, name: str) -> None:
    """Raise InvalidInput unless the option holds an http or https address with a host."""
    import httpx

    try:
        url = httpx.URL(options[name])
    except httpx.InvalidURL:
        url = httpx.URL("")
    if url.scheme not in {"http", "https"} or not url.host:
        raise InvalidInput(f"{name} {options[name][:60]!r} is not an address such as https://example.com", field=name)
