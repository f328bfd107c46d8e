"""GET /v1/trends: counts by bucket and group, and what is unknown is answered with what is known."""

from datetime import timedelta

import pytest

from store.database import Database
from store.records import Workspace
from tests.api.client import Client
from tests.api.counted import count_all, put, said
from tests.builders import NOW


@pytest.fixture
def counted(api: Client, database: Database, workspace: Workspace) -> Client:
    assert api.patch("/v1/workspace", json={"dimensions": ["airline"]}).status_code == 200
    hour, day = NOW - timedelta(hours=2), NOW - timedelta(days=2)
    rows = [
        said("late again", "negative", "delivery", at=hour, airline="Delta"),
        said("late once more", "negative", "delivery", at=hour, airline="United", source="forum"),
        said("what a lovely crew", "positive", "staff", at=hour, airline="Delta", language="ja"),
        said("a plane", "neutral", at=day, airline="Delta"),
    ]
    put(database, workspace.id, rows)
    return api


def rows_of(api: Client, query: str) -> list[tuple[str, dict[str, str], int, int]]:
    answer = api.get(f"/v1/trends?{query}")
    assert answer.status_code == 200, answer.text
    return [(row["start"], row["group"], row["count"], row["negative"]) for row in answer.json()["data"]]


def test_a_row_has_the_shape_of_the_contract(counted: Client) -> None:
    assert counted.get("/v1/trends?interval=1h&group=sentiment&sentiment=negative").json() == {
        "data": [
            {
                "start": "2026-03-01T10:00:00Z",
                "group": {"sentiment": "negative"},
                "count": 2,
                "effective": 2,
                "negative": 2,
                "negative_share": 1.0,
            }
        ],
        "next": None,
    }


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("interval=1d", [("2026-02-27T00:00:00Z", {}, 1, 0), ("2026-03-01T00:00:00Z", {}, 3, 2)]),
        ("interval=5m", [("2026-03-01T10:00:00Z", {}, 3, 2)]),
        ("interval=1h&group=topic&topic=staff", [("2026-03-01T10:00:00Z", {"topic": "staff"}, 1, 0)]),
        (
            "interval=5m&group=language",
            [("2026-03-01T10:00:00Z", {"language": "en"}, 2, 2), ("2026-03-01T10:00:00Z", {"language": "ja"}, 1, 0)],
        ),
        ("interval=5m&group=airline&source=forum", [("2026-03-01T10:00:00Z", {"attributes.airline": "United"}, 1, 1)]),
        ("interval=1d&attributes.airline=Delta&from=2026-03-01", [("2026-03-01T00:00:00Z", {}, 2, 1)]),
        ("interval=1d&to=2026-02-28", [("2026-02-27T00:00:00Z", {}, 1, 0)]),
        ("interval=1h&source=nowhere", []),
    ],
)
def test_counts_by_bucket_and_group(counted: Client, query: str, expected: list[object]) -> None:
    assert rows_of(counted, query) == expected


def test_a_brand_is_known_by_id_or_name(counted: Client, database: Database) -> None:
    assert counted.post("/v1/brands", json={"name": "Delta", "query": "attributes.airline:Delta"}).status_code == 201
    count_all(database)
    assert rows_of(counted, "interval=1d&brand=delta&from=2026-03-01") == [("2026-03-01T00:00:00Z", {}, 2, 1)]
    assert rows_of(counted, "interval=1d&group=brand&from=2026-03-01") == [("2026-03-01T00:00:00Z", {"brand": "1"}, 2, 1)]


def test_pages_go_on_where_the_last_ended(counted: Client) -> None:
    first = counted.get("/v1/trends?interval=1h&group=airline,sentiment&limit=2").json()
    second = counted.get("/v1/trends", params={"interval": "1h", "group": "airline,sentiment", "limit": 2, "cursor": first["next"]}).json()
    assert [row["group"]["attributes.airline"] for row in first["data"] + second["data"]] == ["Delta", "Delta", "Delta", "United"]


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("interval=2h", "interval", "'5m', '1h' or '1d'"),
        ("group=weather", "group", "valid are sentiment, topic, source, language, brand, attributes.airline"),
        ("group=topic,topic", "group", "each once"),
        ("group=topic,source,language,brand", "group", "at most 3"),
        ("attributes.plan=pro", "attributes.plan", "valid are airline"),
        ("topic=weather", "topic", "valid are delivery"),
        ("brand=9", "brand", "there are none"),
        ("from=2027-01-01", "from", "before to"),
        ("gruop=topic", "gruop", "valid are brand, cursor, from"),
        ("group=topic&cursor=WzFd", "cursor", "not one of ours"),
        ("from=1969-01-01", "from", "1970"),
        ("limit=0", "limit", "greater than"),
    ],
)
def test_a_bad_question_is_told_what_is_valid(counted: Client, query: str, field: str, reason: str) -> None:
    answer = counted.get(f"/v1/trends?{query}")
    assert answer.status_code == 422, answer.text
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert reason in answer.json()["detail"]
