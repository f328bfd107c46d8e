"""/v1/rules: what can never fire is refused with what would be valid."""

from typing import Any

import pytest

from tests.api.client import Client


def make(api: Client, **fields: Any) -> dict[str, Any]:
    answer = api.post("/v1/rules", json={"name": "complaints"} | fields)
    assert answer.status_code == 201, answer.text
    rule: dict[str, Any] = answer.json()
    return rule


def test_a_rule_has_sensible_values_for_what_is_left_out(api: Client) -> None:
    assert make(api) == {
        "id": "1",
        "name": "complaints",
        "measure": "negative",
        "scope": {"brand": None, "topic": None, "source": None, "language": None, "attributes": {}},
        "split_by": [],
        "only": {},
        "window_minutes": 60,
        "windows": [],
        "budget": None,
        "budget_from": "workspace",
        "sensitivity": 1e-3,
        "threshold": None,
        "timezone": None,
        "country": None,
        "schedule": [],
        "calibration": None,
        "least": 8,
        "channels": [],
        "enabled": True,
        "created_at": "2026-03-01T12:00:00Z",
    }


def test_a_change_leaves_the_rest_as_it_was(api: Client) -> None:
    rule = make(api, scope={"topic": "delivery", "language": "EN-us"}, split_by=["source"], least=20)
    changed = api.patch("/v1/rules/1", json={"enabled": False, "window_minutes": 30}).json()
    assert changed == rule | {"enabled": False, "window_minutes": 30}
    assert changed["scope"]["language"] == "en"


def test_of_budget_sensitivity_and_number_one_replaces_the_others(api: Client) -> None:
    make(api, measure="volume", threshold=50.0, windows=[30, 60])
    shown = [api.patch("/v1/rules/1", json=change).json() for change in ({"least": 9}, {"budget": 2.0}, {"sensitivity": 1e-4})]
    assert [(one["threshold"], one["budget"], one["budget_from"]) for one in shown] == [
        (50.0, None, "sensitivity"),
        (None, 2.0, "rule"),
        (None, None, "sensitivity"),
    ]
    assert shown[2]["sensitivity"] == 1e-4


def test_the_shortest_window_is_the_one_that_is_judged(api: Client) -> None:
    assert make(api, windows=[15, 60, 180])["window_minutes"] == 15
    assert api.patch("/v1/rules/1", json={"windows": [30, 60]}).json()["window_minutes"] == 30
    assert api.patch("/v1/rules/1", json={"window_minutes": 120}).json()["windows"] == []


def test_rules_are_listed_and_deleted(api: Client) -> None:
    make(api)
    assert [rule["id"] for rule in api.get("/v1/rules").json()["data"]] == ["1"]
    assert [api.delete("/v1/rules/1").status_code, api.get("/v1/rules/1").status_code, api.delete("/v1/rules/1").status_code] == [
        204,
        404,
        404,
    ]


def test_a_rule_whose_topic_is_gone_can_still_be_renamed_and_switched_off(api: Client) -> None:
    channel = api.post("/v1/channels", json={"name": "on-call", "url": "https://hooks.example.invalid/koe"}).json()["id"]
    rule = make(api, scope={"topic": "delivery"}, channels=[channel], threshold=5.0)
    assert api.request("PUT", "/v1/taxonomy/hidden", json={"hidden": ["delivery"]}).status_code == 200
    changes: list[dict[str, Any]] = [{"name": "old"}, {"channels": [], "budget": None}, {"enabled": False}]
    for change in changes:
        answer = api.patch("/v1/rules/1", json=change)
        assert answer.status_code == 200, answer.text
    assert api.get("/v1/rules/1").json() == rule | {"name": "old", "channels": [], "enabled": False}
    assert [api.patch("/v1/rules/1", json=change).json()["errors"][0]["field"] for change in ({"enabled": True}, {"least": 9})] == [
        "scope.topic",
        "scope.topic",
    ]
    assert api.patch("/v1/rules/1", json={"channels": ["9"]}).json()["errors"][0]["field"] == "channels"
    assert api.patch("/v1/rules/1", json={"scope": {}, "enabled": True}).json()["enabled"] is True


def test_a_name_is_taken_once(api: Client) -> None:
    make(api)
    answer = api.post("/v1/rules", json={"name": "complaints"})
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:koe:conflict")


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"name": " "}, "name", "at least 1 character"),
        ({"scope": {"attributes": {"plan": "pro"}}}, "attributes.plan", "PATCH /v1/workspace"),
        ({"scope": {"topic": "weather"}}, "scope.topic", "valid are delivery"),
        ({"scope": {"brand": "Acme"}}, "brand", "there are none"),
        ({"scope": {"planet": "earth"}}, "scope.planet", "no such member; valid are brand, topic, source, language, attributes"),
        ({"scope": {"source": "a"}, "split_by": ["source"]}, "split_by", "nothing to split by"),
        ({"split_by": ["topic", "topic"]}, "split_by", "twice"),
        ({"split_by": ["topic", "source", "language"]}, "split_by", "at most 2 items"),
        ({"window_minutes": 3}, "window_minutes", "multiple of 5"),
        ({"window_minutes": 2000}, "window_minutes", "from 5 to 1440"),
        ({"window_minutes": 10**30}, "window_minutes", ""),
        ({"windows": [60, 61]}, "windows", "a multiple of 5"),
        ({"windows": [180, 60]}, "windows", "ascending"),
        ({"windows": [60, 90]}, "windows", "no multiple of the shortest"),
        ({"windows": [2, 60]}, "windows", "from 5, a bucket,"),
        ({"timezone": "Mars/Base"}, "timezone", "valid are UTC, Europe/Berlin"),
        ({"country": "Atlantis"}, "country", "such as US, JP"),
        ({"budget": 1.0, "sensitivity": 1e-3}, "sensitivity", "contradict"),
        ({"budget": 0.0}, "budget", "greater than or equal to 0.01"),
        ({"measure": "share", "threshold": 40.0}, "threshold", "such as 0.4"),
        ({"measure": "silence", "threshold": 1.0}, "threshold", "no threshold"),
        ({"measure": "silence", "split_by": ["topic"]}, "measure", "no silence"),
        ({"only": {"source": ["a"]}}, "only", "needs split_by"),
        ({"split_by": ["topic"], "only": {"topic": ["weather"]}}, "only.topic", "valid are delivery"),
        ({"split_by": ["topic"], "only": {"topic": []}}, "only", "could never fire"),
        ({"schedule": [{"start": "08:00", "end": "08:00"}]}, "schedule", "no time passes"),
        ({"schedule": [{"start": "8 am"}]}, "schedule.0.start", "pattern"),
        ({"sensitivity": 0.5}, "sensitivity", "less than or equal to 0.1"),
        ({"least": 0}, "least", "greater than or equal to 1"),
        ({"channels": ["9"]}, "channels", "there are none yet"),
        ({"enabled": "yes"}, "enabled", "valid boolean"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(api: Client, fields: dict[str, Any], field: str, reason: str) -> None:
    answer = api.post("/v1/rules", json={"name": "complaints"} | fields)
    assert answer.status_code == 422, answer.text
    assert ([fault["field"] for fault in answer.json()["errors"]], reason in answer.json()["detail"]) == ([field], True), answer.text
