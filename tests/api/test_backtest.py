"""POST /v1/rules/backtest: finds the surges of the past, and takes no beginning for one."""

from datetime import timedelta
from typing import Any

import pytest

from store.database import Database
from store.records import Workspace
from tests.api.client import Client
from tests.api.counted import count_all, days_of_complaints, put, said
from tests.builders import NOW, store_annotated

SURGE = NOW - timedelta(days=1, hours=3)


@pytest.fixture
def flown(api: Client, database: Database, workspace: Workspace) -> Client:
    """Delta surges after eight ordinary days; American begins, loudly, a day before the end."""
    assert api.patch("/v1/workspace", json={"dimensions": ["airline"]}).status_code == 200
    delta = days_of_complaints("Delta", days=8, per_hour=2, surge_at=SURGE, surge=40)
    put(database, workspace.id, delta + days_of_complaints("American", days=1, per_hour=25))
    return api


def backtest(api: Client, **body: Any) -> dict[str, Any]:
    answer = api.post("/v1/rules/backtest", json=body)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_finds_the_surge_and_not_the_beginning_of_a_stream(flown: Client) -> None:
    found = backtest(flown, split_by=["attributes.airline"])
    assert [(one["scope"]["attributes"], one["hour"]) for one in found["alerts"]] == [({"airline": "Delta"}, "2026-02-28T09:00:00Z")]
    assert found["series"] == 2
    assert found["pages_per_week"] == pytest.approx(7 / 8, abs=0.05)


def test_an_alert_of_the_past_has_the_shape_of_a_live_one(flown: Client) -> None:
    alert = backtest(flown, split_by=["airline"], scope={"topic": None, "attributes": {}})["alerts"][0]
    assert (alert["state"], alert["observed"], alert["measure"], alert["window_minutes"]) == ("resolved", 42, "negative", 60)
    assert (alert["interval"][0] <= alert["expected"] <= alert["interval"][1] < alert["observed"], alert["p_value"] < 1e-4) == (True, True)
    assert alert["top_topics"] == [{"topic": "delivery", "count": 42}]
    assert "42 negative texts with airline Delta" in alert["summary"]
    assert {"id", "rule", "severity", "started_at", "ended_at", "last_seen_at", "scope"} <= alert.keys()


def test_judges_a_stretch_by_all_that_came_before_it(flown: Client) -> None:
    assert [one["hour"] for one in backtest(flown, scope={"attributes": {"airline": "Delta"}}, **{"from": "2026-02-28"})["alerts"]] == [
        "2026-02-28T09:00:00Z"
    ]
    assert backtest(flown, scope={"attributes": {"airline": "Delta"}}, to="2026-02-28")["alerts"] == []


def test_tries_a_stored_rule_with_other_fields(flown: Client) -> None:
    rule = flown.post("/v1/rules", json={"name": "airlines", "split_by": ["attributes.airline"]}).json()
    assert [one["rule"] for one in backtest(flown, rule=rule["id"])["alerts"]] == [rule["id"]]
    assert backtest(flown, rule=rule["id"], least=1000)["alerts"] == []


def test_an_empty_workspace_has_no_surges(api: Client) -> None:
    found = backtest(api)
    assert (found["alerts"], found["pages_per_week"], found["series"]) == ([], 0.0, 0)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        ({"rule": "99"}, 404, "no rule"),
        ({"window_minutes": 61}, 422, "multiple of 5 from 5 to 1440"),
        ({"from": "2026-02-28", "to": "2026-02-27"}, 422, "before to"),
        ({"from": "soon"}, 422, "2026-03-01T09:30:00Z"),
        ({"split_by": ["weather"]}, 422, "valid are topic, source, language, brand, attributes.airline"),
        ({"scope": {"topic": "delivery"}, "split_by": ["topic"]}, 422, "nothing to split by"),
        ({"window_minutes": 5, "from": "1971-01-01"}, 422, "more than 50,000 windows"),
        ({"sensitivity": 0}, 422, "greater than 0"),
        ({"measure": "shape"}, 422, 'valid is "split_by": ["source"]'),
        ({"measure": "shape", "split_by": ["source"], "scope": {"language": "de"}}, 422, "valid in scope is source alone"),
        ({"measure": "shape", "split_by": ["source"], "window_minutes": 15}, 422, "leave out window_minutes"),
        ({"measure": "shape", "split_by": ["source"], "threshold": 3}, 422, "a shape has no threshold"),
        ({"measure": "anger"}, 422, "'negative', 'complaint', 'volume', 'share', 'silence' or 'shape'"),
    ],
)
def test_a_bad_rule_is_told_what_is_valid(flown: Client, body: dict[str, Any], status: int, reason: str) -> None:
    answer = flown.post("/v1/rules/backtest", json=body)
    assert (answer.status_code, reason in answer.json()["detail"]) == (status, True), answer.text


def test_a_preview_says_when_a_rule_would_have_paged_and_with_which_budget_not(flown: Client) -> None:
    answer = flown.post("/v1/rules/preview", json={"name": "airlines", "split_by": ["attributes.airline"], "budget": 1.0})
    found = answer.json()
    assert answer.status_code == 200, answer.text
    assert [one["noticed_at"] for one in found["alerts"]] == ["2026-02-28T10:00:00Z"]
    assert (found["budget"], found["sensitivity"]) == (1.0, 1e-3)
    assert found["quiet_budget"] == pytest.approx(found["alerts"][0]["p_value"] * 168 * 2, rel=0.05)
    assert [one["budget"] for one in found["budgets"]] == [0.1, 0.25, 0.5, 1.0, 2.0, 5.0]
    assert [rule["name"] for rule in flown.get("/v1/rules").json()["data"]] == []


@pytest.mark.parametrize("measure", ["negative", "complaint", "volume", "share", "silence"])
def test_every_measure_can_be_tried(flown: Client, measure: str) -> None:
    assert backtest(flown, measure=measure, timezone="America/New_York", country="US")["series"] == 1


def test_a_text_that_is_copied_pages_nobody(api: Client, database: Database, workspace: Workspace) -> None:
    copies = [
        said("the parcel is late again, what a shame", "negative", "delivery", at=SURGE + n * timedelta(minutes=1)) for n in range(40)
    ]
    put(database, workspace.id, days_of_complaints("Delta", days=8, per_hour=2) + copies)
    found = backtest(api)
    assert (found["alerts"], found["reposts"], found["pages_per_week"]) == ([], 1, 0.0)


def test_a_surge_that_another_rule_explains_is_told_by_that_rule(flown: Client) -> None:
    assert len(backtest(flown)["alerts"]) == 1
    narrow = flown.post("/v1/rules", json={"name": "airlines", "split_by": ["attributes.airline"]}).json()["id"]
    wide = backtest(flown)
    assert (wide["alerts"], wide["inhibited"], wide["pages_per_week"]) == ([], 1, 0.0)
    assert len(backtest(flown, rule=narrow)["alerts"]) == 1
    flown.patch(f"/v1/rules/{narrow}", json={"enabled": False})
    assert (len(backtest(flown)["alerts"]), backtest(flown)["inhibited"]) == (1, 0)


def test_a_rule_whose_channel_hears_of_no_other_pages_by_itself(flown: Client) -> None:
    channel = flown.post("/v1/channels", json={"name": "desk", "url": "https://hooks.example.com/a"}).json()["id"]
    flown.post("/v1/rules", json={"name": "airlines", "split_by": ["attributes.airline"]})
    preview = flown.post("/v1/rules/preview", json={"name": "all", "channels": [channel]}).json()
    assert (len(preview["alerts"]), preview["inhibited"]) == (1, 0)


def test_the_shape_of_sources_can_be_tried_on_live_rows(api: Client, database: Database, workspace: Workspace) -> None:
    rows = days_of_complaints("Delta", days=1, per_hour=20)
    put(database, workspace.id, rows[: len(rows) // 2])
    assert backtest(api, measure="shape", split_by=["source"])["series"] == 0
    with database.write() as connection:
        store_annotated(connection, workspace.id, rows[-20:], live=True)
    count_all(database)
    found = backtest(api, measure="shape", split_by=["source"])
    assert (found["series"], found["alerts"]) == (1, [])
    assert backtest(api, measure="shape", scope={"source": "api"})["series"] == 1


def test_tries_only_the_values_that_are_named(flown: Client) -> None:
    assert backtest(flown, split_by=["attributes.airline"], only={"airline": ["American"]})["alerts"] == []


def test_tries_a_plain_number(flown: Client) -> None:
    found = backtest(flown, threshold=40, scope={"attributes": {"airline": "Delta"}})
    assert [one["hour"] for one in found["alerts"]] == ["2026-02-28T09:00:00Z"]
    assert (found["sensitivity"], found["budgets"]) == (None, [])
