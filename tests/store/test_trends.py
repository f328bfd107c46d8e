"""Trends: one row per bucket and group, in order, in pages, and what is not valid is named."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.errors import InvalidInput
from store.database import Database
from store.paging import seal_cursor
from store.records import TrendQuery, TrendRow, Workspace
from store.rollups import roll_up_touched, trends
from store.workspaces import set_dimensions
from tests.builders import NOW, a_mention, a_new_feedback, an_annotation, store_annotated

HOURLY = TrendQuery("1h", NOW - timedelta(days=2), NOW)
REPOSTED = "the very same long complaint"


def fill(connection: Connection, workspace: Workspace) -> None:
    set_dimensions(connection, workspace.id, ["plan"], NOW)
    mixed = an_annotation("negative", [a_mention("app", "positive"), a_mention("price", "negative")], language="ja")
    rows = [
        (a_new_feedback(REPOSTED, hours_ago=30.5, source="b", attributes={"plan": "pro"}), an_annotation("negative", ["app"])),
        (a_new_feedback(REPOSTED, hours_ago=30.4, source="a"), an_annotation("negative", ["app"])),
        (a_new_feedback("Nice", hours_ago=2.9, attributes={"plan": "pro"}), an_annotation("positive", ["app"])),
        (a_new_feedback("高い", hours_ago=2.1, attributes={"plan": "free"}), mixed),
        (a_new_feedback("It is there", hours_ago=0.5), an_annotation("neutral", [])),
    ]
    store_annotated(connection, workspace.id, rows)
    roll_up_touched(connection, limit=1000, now=NOW)


def shown(rows: tuple[TrendRow, ...]) -> list[tuple[float, Mapping[str, str], int, int, int]]:
    return [((NOW - row.start) / timedelta(hours=1), row.group, row.count, row.effective, row.negative) for row in rows]


def read(database: Database, workspace: Workspace, query: TrendQuery) -> tuple[TrendRow, ...]:
    with database.write() as connection:
        fill(connection, workspace)
    with database.read() as connection:
        return trends(connection, workspace.id, query).rows


def test_counts_per_hour(database: Database, workspace: Workspace) -> None:
    rows = read(database, workspace, HOURLY)
    assert shown(rows) == [(31, {}, 2, 1, 2), (3, {}, 2, 2, 1), (1, {}, 1, 1, 0)]
    assert [row.negative_share for row in rows] == [1.0, 0.5, 0.0]


def test_counts_per_day_and_per_five_minutes(database: Database, workspace: Workspace) -> None:
    daily = read(database, workspace, replace(HOURLY, interval="1d"))
    assert shown(daily) == [(36, {}, 2, 1, 2), (12, {}, 3, 3, 1)]
    with database.read() as connection:
        finest = trends(connection, workspace.id, replace(HOURLY, interval="5m")).rows
    assert [row.count for row in finest] == [1, 1, 1, 1, 1]


def test_groups_by_topic_with_its_own_sentiment_in_order(database: Database, workspace: Workspace) -> None:
    assert shown(read(database, workspace, replace(HOURLY, group=("topic",)))) == [
        (31, {"topic": "app"}, 2, 1, 2), (3, {"topic": "app"}, 2, 2, 0), (3, {"topic": "price"}, 1, 1, 1),
    ]  # fmt: skip


def test_groups_by_sentiment_beside_another(database: Database, workspace: Workspace) -> None:
    assert shown(read(database, workspace, replace(HOURLY, group=("sentiment", "source")))) == [
        (31, {"sentiment": "negative", "source": "a"}, 1, 0, 1), (31, {"sentiment": "negative", "source": "b"}, 1, 1, 1),
        (3, {"sentiment": "negative", "source": "api"}, 1, 1, 1), (3, {"sentiment": "positive", "source": "api"}, 1, 1, 0),
        (1, {"sentiment": "neutral", "source": "api"}, 1, 1, 0),
    ]  # fmt: skip


def test_groups_come_in_the_order_asked_for(database: Database, workspace: Workspace) -> None:
    rows = read(database, workspace, replace(HOURLY, group=("attributes.plan", "topic"), since=NOW - timedelta(hours=3)))
    assert [tuple(row.group.items()) for row in rows] == [
        (("attributes.plan", "free"), ("topic", "app")), (("attributes.plan", "free"), ("topic", "price")),
        (("attributes.plan", "pro"), ("topic", "app")),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("filters", "counts"),
    [
        ({"topic": "app"}, [2, 2]),
        ({"topic": "app", "sentiment": "positive"}, [2]),
        ({"sentiment": "negative"}, [2, 1]),
        ({"source": "a", "topic": "app"}, [1]),
        ({"language": "ja", "topic": "app", "attributes.plan": "free"}, [1]),
        ({"source": "nobody"}, []),
        ({"source": "b", "language": "en", "topic": "app", "attributes.plan": "pro", "sentiment": "negative"}, [1]),
    ],
)
def test_filters_narrow(database: Database, workspace: Workspace, filters: Mapping[str, str], counts: list[int]) -> None:
    assert [row.count for row in read(database, workspace, replace(HOURLY, filters=filters))] == counts


@pytest.mark.parametrize("group", [(), ("topic",), ("source", "sentiment"), ("language", "source", "topic")])
@pytest.mark.parametrize("limit", [1, 2])
def test_pages_cover_every_row_once(database: Database, workspace: Workspace, group: tuple[str, ...], limit: int) -> None:
    everything = read(database, workspace, replace(HOURLY, group=group))
    pages, cursor = list[TrendRow](), None
    with database.read() as connection:
        while True:
            page = trends(connection, workspace.id, replace(HOURLY, group=group, limit=limit, cursor=cursor))
            assert len(page.rows) <= limit
            pages += page.rows
            cursor = page.next
            if cursor is None:
                break
    assert tuple(pages) == everything


@pytest.mark.parametrize(
    ("wrong", "hint"),
    [
        (replace(HOURLY, interval="2h"), "5m, 1h, 1d"),  # type: ignore[arg-type]
        (replace(HOURLY, group=("colour",)), "sentiment, brand, topic, source, language, attributes.plan"),
        (replace(HOURLY, group=("attributes.tier",)), "attributes.plan"),
        (replace(HOURLY, group=("topic", "topic")), "twice"),
        (replace(HOURLY, filters={"colour": "red"}), "attributes.plan"),
        (replace(HOURLY, filters={"sentiment": "angry"}), "negative, neutral, positive"),
        (replace(HOURLY, until=HOURLY.since), "before"),
        (replace(HOURLY, limit=0), "1 to"),
        (replace(HOURLY, cursor="rubbish"), "next"),
        (replace(HOURLY, cursor=seal_cursor([2**60])), "next"),
        (replace(HOURLY, cursor=seal_cursor([0, "app"])), "next"),
        (replace(HOURLY, group=("topic",), cursor=seal_cursor([0])), "next"),
    ],
)
def test_names_what_is_valid(database: Database, workspace: Workspace, wrong: TrendQuery, hint: str) -> None:
    with pytest.raises(InvalidInput, match=hint):
        read(database, workspace, wrong)


def test_a_value_can_hold_anything(database: Database, workspace: Workspace) -> None:
    names = ["a,b", "", "é\U0001f621", "x" * 100, "'; --", "a\x1fb", "\x00", "Z", "z"]
    with database.write() as connection:
        store_annotated(connection, workspace.id, [(a_new_feedback(source=name), an_annotation()) for name in names])
        roll_up_touched(connection, limit=10, now=NOW)
        page = trends(connection, workspace.id, replace(HOURLY, group=("source",), limit=3))
        rest = trends(connection, workspace.id, replace(HOURLY, group=("source",), cursor=page.next))
    found = [row.group["source"] for row in (*page.rows, *rest.rows)]
    assert found == sorted(name.replace("\x00", "\ufffd") for name in names if name)
