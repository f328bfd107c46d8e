"""Search: filters, the order of pages, and `q` in the syntax of brands; the same on both databases."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.errors import InvalidInput, NotFound
from store import brands, rollups, search
from store.database import Database
from store.feedback import add_new
from store.records import FeedbackQuery, Workspace
from tests.builders import NOW, a_mention, a_new_feedback, an_annotation, store_annotated


def texts(connection: Connection, workspace: Workspace, query: FeedbackQuery) -> list[str]:
    return [row.feedback.text for row in search.search_feedback(connection, workspace.id, query).rows]


def fill(connection: Connection, workspace: Workspace) -> None:
    rows = [
        (a_new_feedback("Parcel late", hours_ago=3, source="shop", attributes={"plan": "pro"}), an_annotation("negative", ["delivery"])),
        (a_new_feedback("Nice staff", hours_ago=2, attributes={"plan": "free"}), an_annotation("positive", ["staff"], emotion="joy")),
        (
            a_new_feedback("配送が遅い", hours_ago=1),
            an_annotation("negative", [a_mention("delivery", "negative"), a_mention("app", "positive")], language="ja"),
        ),
    ]
    store_annotated(connection, workspace.id, rows)
    add_new(connection, workspace.id, [a_new_feedback("Waits for the model", hours_ago=4)], now=NOW, live=True)


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        (FeedbackQuery(), ["配送が遅い", "Nice staff", "Parcel late", "Waits for the model"]),
        (FeedbackQuery(sentiment="negative"), ["配送が遅い", "Parcel late"]),
        (FeedbackQuery(topic="app", sentiment="positive"), ["配送が遅い"]),
        (FeedbackQuery(topic="app", sentiment="negative"), []),
        (FeedbackQuery(language="ja"), ["配送が遅い"]),
        (FeedbackQuery(source="shop"), ["Parcel late"]),
        (FeedbackQuery(complaint=False), ["Nice staff"]),
        (FeedbackQuery(emotion="joy"), ["Nice staff"]),
        (FeedbackQuery(emotion="anger"), []),
        (FeedbackQuery(attributes={"plan": "free"}), ["Nice staff"]),
        (FeedbackQuery(attributes={'pl"an\\': "free"}), []),
        (FeedbackQuery(since=NOW - timedelta(hours=2), until=NOW - timedelta(hours=1)), ["Nice staff"]),
        (FeedbackQuery(q="late OR 配送"), ["配送が遅い", "Parcel late"]),
        (FeedbackQuery(q="attributes.plan:pro", sentiment="negative"), ["Parcel late"]),
    ],
)
def test_finds_what_fits_every_filter(database: Database, workspace: Workspace, query: FeedbackQuery, expected: list[str]) -> None:
    with database.write() as connection:
        fill(connection, workspace)
    with database.read() as connection:
        assert texts(connection, workspace, query) == expected


def test_pages_cover_every_row_once_even_at_one_moment(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        add_new(connection, workspace.id, [a_new_feedback(f"text {number}", hours_ago=1) for number in range(7)], now=NOW, live=True)
        seen, cursor = list[str](), None
        while True:
            page = search.search_feedback(connection, workspace.id, FeedbackQuery(limit=3, cursor=cursor))
            seen += [row.feedback.text for row in page.rows]
            cursor = page.next
            if cursor is None:
                break
    assert seen == [f"text {number}" for number in reversed(range(7))]


def test_a_rare_word_is_found_beyond_what_one_call_reads(database: Database, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "MOST_READ", 4)
    monkeypatch.setattr(search, "READ_AT_ONCE", 2)
    with database.write() as connection:
        rows = [a_new_feedback("needle" if number == 9 else "straw", hours_ago=number) for number in range(1, 10)]
        add_new(connection, workspace.id, rows, now=NOW, live=True)
        found, cursor, calls = list[str](), None, 0
        while calls == 0 or cursor is not None:
            page = search.search_feedback(connection, workspace.id, FeedbackQuery(q="needle", cursor=cursor))
            found, cursor, calls = found + [row.feedback.text for row in page.rows], page.next, calls + 1
    assert (found, calls) == (["needle"], 3)


def test_finds_by_brand_once_the_feedback_was_counted(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        fill(connection, workspace)
        brand = brands.create_brand(connection, workspace.id, name="Parcels", query="parcel", now=NOW)
        assert texts(connection, workspace, FeedbackQuery(brand=brand.id)) == []
        rollups.roll_up_touched(connection, limit=100, now=NOW)
        assert texts(connection, workspace, FeedbackQuery(brand=brand.id)) == ["Parcel late"]


@pytest.mark.parametrize(
    "query",
    [
        FeedbackQuery(cursor="rubbish"), FeedbackQuery(cursor="WzFd"), FeedbackQuery(cursor="Wzk5OTk5OTk5OTk5OTk5OTk5OSwxXQ"),
        FeedbackQuery(limit=0), FeedbackQuery(limit=1001), FeedbackQuery(q="AND"),
    ],
)  # fmt: skip
def test_refuses_what_it_cannot_search(sqlite_database: Database, query: FeedbackQuery) -> None:
    with sqlite_database.read() as connection, pytest.raises(InvalidInput):
        search.search_feedback(connection, "1", query)


def test_refuses_a_brand_that_can_be_none(sqlite_database: Database) -> None:
    with sqlite_database.read() as connection, pytest.raises(NotFound):
        search.search_feedback(connection, "1", FeedbackQuery(brand="delta"))
