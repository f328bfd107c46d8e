"""The collect machinery on a connector of a few lines: cursors, order, limits, and what a source gets wrong."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest

from core.errors import TransientError
from scrapers import table
from scrapers.base import Batch, Options, Pull, Row, SourceChanged, text_part
from scrapers.http import RetryLater
from scrapers.pull import MOST_PAGES, Mark, read_cursor, tidy, write_cursor
from store.records import LONGEST_TEXT, OptionSpec
from tests.scrapers.worlds import NOW, Pulled, World, collect

HOUR = timedelta(hours=1)


@dataclass(slots=True)
class Shelf:
    """A connector over lists: pages per series, each of entries {"id", "at" (hours ago), "text"}; an exception stands for a failure."""

    pages: dict[str, list[list[dict[str, object]] | Exception]] = field(default_factory=dict)
    resumable: bool = False
    asked: int = 0
    name: str = "shelf"
    description: str = "Lists"
    options: tuple[OptionSpec, ...] = (OptionSpec("note", "Anything"),)
    every_seconds: int = 60
    overlap: timedelta = 2 * HOUR
    reach: timedelta | None = None
    since: datetime | None = None

    def check(self, options: Options) -> None:
        """Everything is fine."""

    def series(self, options: Options) -> Sequence[str]:
        return list(self.pages)

    def batches(self, pull: Pull) -> Iterator[Batch]:
        self.since = pull.since
        for number, page in enumerate(self.pages[pull.series], 1):
            self.asked += 1
            if isinstance(page, Exception):
                raise page
            yield Batch(page, {"page": str(number)}, resumable=self.resumable)

    def read(self, entry: object, pull: Pull) -> Row:
        assert isinstance(entry, dict)
        at = entry.get("at")
        created_at = NOW - HOUR * at if isinstance(at, int) else at
        return {"text": text_part(entry, "text"), "external_id": entry["id"], "created_at": created_at, **entry.get("more", {})}


@pytest.fixture
def shelf(monkeypatch: pytest.MonkeyPatch) -> Shelf:
    shelf = Shelf()
    monkeypatch.setitem(table.SOURCES, "shelf", shelf)
    return shelf


def pulled(cursor: str | None = None) -> Pulled:
    return collect("shelf", World(), cursor)


def entries(*hours_ago: int, **more: object) -> list[dict[str, object]]:
    return [{"id": f"e{at}", "at": at, "text": f"Written {at} hours ago", "more": more} for at in hours_ago]


def test_stops_at_the_first_page_older_than_since_minus_the_overlap(shelf: Shelf) -> None:
    shelf.pages = {"": [entries(5, 6), entries(7, 8), entries(9, 10), entries(11, 12)]}
    first = pulled()
    shelf.pages[""].insert(0, entries(1, 2))
    shelf.asked = 0
    second = pulled(first.cursor)
    # Since is five hours ago and the overlap two: the page of nine and ten hours is the first that is older.
    assert (len(first.rows), second.ids, shelf.asked) == (8, ["e1", "e2", "e5", "e6", "e7", "e8", "e9", "e10"], 4)


def test_a_page_that_spans_the_border_is_not_the_last(shelf: Shelf) -> None:
    shelf.pages = {"": [entries(5, 20), entries(21, 22), entries(23)]}
    cursor = write_cursor({"": Mark(NOW - 5 * HOUR)})
    assert pulled(cursor).ids == ["e5", "e20", "e21", "e22"]


def test_going_back_in_time_the_cursor_moves_only_when_the_last_page_is_there(shelf: Shelf) -> None:
    shelf.pages = {"": [entries(1), entries(2), RetryLater("away")]}
    failed = pulled()
    shelf.pages = {"": [entries(1), entries(2), entries(3)]}
    assert (failed.cursor, isinstance(failed.error, TransientError), len(pulled(failed.cursor).rows)) == (None, True, 3)


def test_going_forward_the_cursor_moves_with_every_page(shelf: Shelf) -> None:
    shelf.resumable = True
    shelf.pages = {"": [entries(3), entries(2), RetryLater("away")]}
    assert read_cursor(pulled().cursor) == {"": Mark(NOW - 2 * HOUR, {"page": "2"})}


def test_a_series_that_fails_keeps_its_place_and_the_others_move(shelf: Shelf) -> None:
    shelf.pages = {"a": [entries(1), SourceChanged("no 'x'")], "b": [entries(2)], "c": [RetryLater("later")]}
    result = pulled()
    assert (list(read_cursor(result.cursor)), str(result.error)) == (["b"], "shelf: no 'x'")


def test_a_pull_ends_after_so_many_pages_and_the_next_goes_on(shelf: Shelf) -> None:
    shelf.resumable = True
    shelf.pages = {"": [entries(200 - number) for number in range(MOST_PAGES + 20)]}
    result = pulled()
    assert (result.pages, read_cursor(result.cursor)[""].state) == (MOST_PAGES, {"page": str(MOST_PAGES)})


def test_the_first_pull_knows_how_far_back_to_go(shelf: Shelf) -> None:
    shelf.reach, shelf.pages = timedelta(days=7), {"": [entries(1)]}
    first = pulled()
    assert shelf.since == NOW - timedelta(days=7)
    pulled(first.cursor)
    assert shelf.since == NOW - HOUR


def test_a_row_dated_tomorrow_does_not_stop_the_pulls_of_today(shelf: Shelf) -> None:
    shelf.pages = {"": [entries(-10)]}
    assert read_cursor(pulled().cursor)[""].since == NOW


def test_a_row_without_a_date_moves_no_cursor_and_ends_no_pull(shelf: Shelf) -> None:
    undated: list[dict[str, object]] = [{"id": "u", "at": None, "text": "When?"}]
    shelf.pages = {"": [undated, entries(1)]}
    result = pulled(write_cursor({"": Mark(NOW - 30 * HOUR)}))
    assert ([row.dated for row in result.rows], read_cursor(result.cursor)[""].since) == ([False, True], NOW - HOUR)


def test_rejects_are_numbered_over_the_pull(shelf: Shelf) -> None:
    broken: list[dict[str, object]] = [{"id": "x", "at": 1}, *entries(2)]
    shelf.pages = {"": [entries(1, 2), broken]}
    assert [(reject.line, reject.reason) for reject in pulled().rejects] == [(3, "no 'text'")]


def test_when_nothing_has_the_known_shape_the_source_has_changed(shelf: Shelf) -> None:
    shelf.pages = {"": [[{"id": "1", "at": 1}, {"id": "2", "at": 2}]]}
    result = pulled()
    assert isinstance(result.error, SourceChanged)
    assert str(result.error) == "shelf: no 'text' in any of 2 entries; the source may have changed its format"


def test_what_is_wrong_beside_the_words_is_left_out(shelf: Shelf) -> None:
    shelf.pages = {"": [entries(1, url="mailto:a@b.example", language="??", country="Japan", title="t" * 900, attributes={"a": "v" * 900})]}
    (row,) = pulled().rows
    assert (row.url, row.language, row.country, len(str(row.title)), len(row.attributes["a"])) == (None, None, None, 500, 200)


def test_what_is_wrong_with_the_words_or_the_time_is_a_reject(shelf: Shelf) -> None:
    shelf.pages = {"": [[{"id": "1", "at": "03/04/2026", "text": "x"}, {"id": "2", "at": 1, "text": " "}, *entries(3)]]}
    assert [(reject.line, reject.field) for reject in pulled().rejects] == [(1, "created_at"), (2, "text")]


def test_a_text_that_is_too_long_is_cut_and_says_so() -> None:
    tidied = tidy({"text": "x" * (LONGEST_TEXT + 1), "attributes": {"a": "b"}})
    assert (len(str(tidied["text"])), tidied["attributes"]) == (LONGEST_TEXT, {"a": "b", "truncated": True})


@pytest.mark.parametrize(
    "cursor", [None, "", "x", "[]", "{}", '{"a": 5}', '{"a": {"since": 5, "state": {}}}', '{"a": {"since": null, "state": null}}']
)
def test_a_cursor_that_cannot_be_read_is_none(cursor: str | None) -> None:
    assert read_cursor(cursor) == {}


def test_cursors_survive_being_stored() -> None:
    marks = {"jp": Mark(NOW, {"etag": 'W/"声"'}), "us": Mark()}
    assert read_cursor(write_cursor(marks)) == marks
