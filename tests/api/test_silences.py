"""/v1/silences: made with an end and a reason, shown with the alerts they lie over, ended early; what could never match is refused."""

from datetime import timedelta
from typing import Any

import pytest

from core.nudges import Stage
from store.database import Database
from store.records import Workspace
from tests.api.client import Client
from tests.api.conftest import Clock
from tests.api.test_alerts import surge

SHOP: dict[str, Any] = {
    "matchers": [{"name": "source", "values": ["shop"]}], "ends_at": "2026-03-01T14:00:00Z", "comment": "a strike, and we know",
}  # fmt: skip


@pytest.fixture
def alerted(api: Client, database: Database, workspace: Workspace) -> Client:
    surge(database, workspace.id)
    surge(database, workspace.id, source="forum")
    return api


def test_a_silence_says_who_made_it_why_and_until_when(alerted: Client) -> None:
    made = alerted.post("/v1/silences", json=SHOP | {"author": "Mai"})
    assert made.status_code == 201
    assert made.json() == {
        "id": "1",
        "status": "active",
        "matchers": [{"name": "source", "op": "=", "values": ["shop"]}],
        "starts_at": "2026-03-01T12:00:00Z",
        "ends_at": "2026-03-01T14:00:00Z",
        "author": "Mai",
        "comment": "a strike, and we know",
        "created_at": "2026-03-01T12:00:00Z",
    }
    assert alerted.get("/v1/silences/1").json() == made.json()


def test_an_alert_shows_that_it_is_silenced_while_the_silence_lasts(alerted: Client, clock: Clock) -> None:
    alerted.post("/v1/silences", json=SHOP)
    assert [one["silenced"] for one in alerted.get("/v1/alerts").json()["data"]] == [False, True]
    clock.move(timedelta(hours=2))
    assert alerted.get("/v1/alerts/1").json()["silenced"] is False
    assert [one["status"] for one in alerted.get("/v1/silences").json()["data"]] == ["expired"]


def test_a_silence_is_ended_early_or_given_another_end(alerted: Client, clock: Clock, nudges: list[Stage]) -> None:
    alerted.post("/v1/silences", json=SHOP)
    assert alerted.patch("/v1/silences/1", json={"ends_at": "2026-03-01T18:00:00Z"}).json()["ends_at"] == "2026-03-01T18:00:00Z"
    clock.move(timedelta(hours=1))
    assert [alerted.delete("/v1/silences/1").json()["ends_at"] for _ in range(2)] == ["2026-03-01T13:00:00Z"] * 2
    assert alerted.patch("/v1/silences/1", json={"ends_at": "2026-03-01T18:00:00Z"}).status_code == 409
    assert "notify" in nudges


def test_silences_are_listed_by_whether_they_are_in_force(alerted: Client) -> None:
    alerted.post("/v1/silences", json=SHOP)
    alerted.post("/v1/silences", json=SHOP | {"starts_at": "2026-03-01T13:00:00Z"})
    assert [one["id"] for one in alerted.get("/v1/silences").json()["data"]] == ["2", "1"]
    assert [one["id"] for one in alerted.get("/v1/silences?status=pending").json()["data"]] == ["2"]


def test_a_redundant_alert_names_the_one_beside_it(alerted: Client) -> None:
    rule = {"name": "i", "source": [{"name": "source", "values": ["forum"]}], "target": [{"name": "source", "values": ["shop"]}]}
    assert alerted.post("/v1/inhibitions", json=rule | {"equal": ["rule"]}).status_code == 201
    assert [one["inhibited_by"] for one in alerted.get("/v1/alerts").json()["data"]] == [None, "2"]
    alerted.post("/v1/alerts/2/resolve")
    assert alerted.get("/v1/alerts/1").json()["inhibited_by"] is None
    assert alerted.post("/v1/inhibitions", json=rule).status_code == 409
    assert alerted.delete("/v1/inhibitions/1").status_code == 204


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"matchers": [{"name": "topik", "values": ["delivery"]}]}, "valid are brand, topic, source, language, rule, measure, severity"),
        ({"matchers": [{"name": "attributes.tier", "values": ["gold"]}]}, "no dimension of the workspace"),
        ({"matchers": [{"name": "topic", "values": ["nonsense"]}]}, "valid are"),
        ({"matchers": [{"name": "severity", "values": ["loud"]}]}, "low, medium, high, critical"),
        ({"matchers": [{"name": "rule", "values": ["none"]}]}, "there are 1 (Negative feedback)"),
        ({"matchers": [{"name": "brand", "values": ["none"]}]}, "unknown brand"),
        ({"matchers": [{"name": "source", "op": "=~", "values": [".*"]}]}, "'=' or '!='"),
        ({"matchers": []}, "at least 1"),
        ({"ends_at": "2026-03-01T11:00:00Z"}, "must be after 2026-03-01T12:00:00Z"),
        ({"ends_at": "2030-03-01"}, "within 366 days"),
        ({"starts_at": "2026-03-01T15:00:00Z"}, "before ends_at"),
        ({"comment": " "}, "at least 1"),
        ({"until": "2026-03-02"}, "until"),
    ],
)
def test_what_could_never_match_or_never_ends_is_refused_with_what_would_be_valid(
    alerted: Client, change: dict[str, object], says: str
) -> None:
    answer = alerted.post("/v1/silences", json=SHOP | change)
    assert answer.status_code == 422
    assert says in answer.text
