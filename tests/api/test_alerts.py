"""/v1/alerts: listed, read with what became of them, acknowledged and resolved."""

import pytest

from core.nudges import Stage
from store.alert_groups import join_group
from store.alerts import get_alert, open_alert
from store.database import Database
from store.records import AlertFigures, Scope, TopicShare, Workspace
from store.rules import ensure_default_rule, list_rules
from tests.api.client import Client
from tests.builders import NOW

FIGURES = AlertFigures(
    severity="high",
    window_minutes=60,
    observed=42,
    expected=3.5,
    interval=(0.0, 8.0),
    p_value=1e-12,
    top_topics=(TopicShare("delivery", 30),),
    summary="42 negative feedback in one hour where about 3.5 were expected.",
)


def surge(database: Database, workspace_id: str, *, source: str = "shop") -> None:
    with database.write() as connection:
        ensure_default_rule(connection, workspace_id, NOW)
        rule = list_rules(connection, workspace_id)[0]
        assert open_alert(connection, rule, Scope(source=source), FIGURES, started_at=NOW, seen_at=NOW, now=NOW)


@pytest.fixture
def alerted(api: Client, database: Database, workspace: Workspace) -> Client:
    surge(database, workspace.id)
    return api


def test_an_alert_has_the_shape_of_the_contract(alerted: Client) -> None:
    alert = alerted.get("/v1/alerts").json()["data"][0]
    assert alert == {
        "id": "1",
        "rule": "1",
        "rule_name": "Negative feedback",
        "state": "open",
        "severity": "high",
        "started_at": "2026-03-01T12:00:00Z",
        "last_seen_at": "2026-03-01T12:00:00Z",
        "ended_at": None,
        "measure": "negative",
        "scope": {"brand": None, "topic": None, "source": "shop", "language": None, "attributes": {}},
        "window_minutes": 60,
        "observed": 42,
        "total": None,
        "expected": 3.5,
        "interval": [0.0, 8.0],
        "p_value": 1e-12,
        "top_topics": [{"topic": "delivery", "count": 30}],
        "summary": FIGURES.summary,
        "snoozed_until": None,
        "silenced": False,
        "inhibited_by": None,
    }


def test_acknowledged_then_resolved_and_every_step_is_kept(alerted: Client) -> None:
    assert [alerted.post("/v1/alerts/1/acknowledge").json()["state"] for _ in range(2)] == ["acknowledged", "acknowledged"]
    resolved = alerted.post("/v1/alerts/1/resolve").json()
    assert (resolved["state"], resolved["ended_at"]) == ("resolved", "2026-03-01T12:00:00Z")
    steps = alerted.get("/v1/alerts/1").json()["history"]
    assert [(step["from"], step["to"]) for step in steps] == [(None, "open"), ("open", "acknowledged"), ("acknowledged", "resolved")]
    assert [step["actor"] for step in steps] == ["detector", "key 1", "key 1"]


@pytest.mark.parametrize(("call", "body"), [("acknowledge", {}), ("unacknowledge", {}), ("snooze", {"minutes": 5})])
def test_what_is_resolved_stays_so_and_the_answer_says_what_would_be_valid(alerted: Client, call: str, body: dict[str, int]) -> None:
    alerted.post("/v1/alerts/1/resolve")
    answer = alerted.post(f"/v1/alerts/1/{call}", json=body)
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:koe:conflict")
    assert "open: acknowledge, snooze, resolve" in answer.json()["detail"]


def test_the_same_asked_twice_is_kept_once(alerted: Client) -> None:
    for call in ("acknowledge", "resolve"):
        assert [alerted.post(f"/v1/alerts/1/{call}").status_code for _ in range(2)] == [200, 200]
    assert [step["event"] for step in alerted.get("/v1/alerts/1").json()["history"]] == ["opened", "acknowledged", "resolved"]


def test_who_and_why_are_kept_beside_the_key(alerted: Client, nudges: list[Stage]) -> None:
    alerted.post("/v1/alerts/1/acknowledge", json={"by": "Mai", "note": "the courier is on strike"})
    step = alerted.get("/v1/alerts/1").json()["history"][-1]
    assert (step["actor"], step["by"], step["reason"]) == ("key 1", "Mai", "the courier is on strike")
    assert nudges == ["notify"]


def test_snoozed_until_a_time_and_given_back(alerted: Client) -> None:
    asleep = alerted.post("/v1/alerts/1/snooze", json={"until": "2026-03-01T22:00:00+09:00"}).json()
    assert (asleep["state"], asleep["snoozed_until"]) == ("snoozed", "2026-03-01T13:00:00Z")
    assert alerted.post("/v1/alerts/1/snooze", json={"minutes": 90}).json()["snoozed_until"] == "2026-03-01T13:30:00Z"
    back = alerted.post("/v1/alerts/1/unacknowledge", json={}).json()
    assert (back["state"], back["snoozed_until"]) == ("open", None)


def test_a_group_shares_the_fate_of_one_of_its_alerts_where_that_is_asked_for(
    alerted: Client, database: Database, workspace: Workspace
) -> None:
    for source in ("forum", "web", "app"):
        surge(database, workspace.id, source=source)
    with database.write() as connection:
        for number, key in (("1", "one"), ("2", "one"), ("3", "one"), ("4", "other")):
            join_group(connection, get_alert(connection, workspace.id, number), key=key, policy=None, now=NOW)

    def states() -> list[str]:
        return [alerted.get(f"/v1/alerts/{number}").json()["state"] for number in (1, 2, 3, 4)]

    alerted.post("/v1/alerts/2/acknowledge")
    assert states() == ["open", "acknowledged", "open", "open"]
    alerted.post("/v1/alerts/3/resolve")
    answer = alerted.post("/v1/alerts/1/snooze", json={"minutes": 90, "group": True, "by": "Mai"})
    assert (answer.status_code, answer.json()["id"]) == (200, "1")
    assert states() == ["snoozed", "snoozed", "resolved", "open"]
    assert alerted.get("/v1/alerts/2").json()["history"][-1]["by"] == "Mai"
    assert alerted.post("/v1/alerts/3/acknowledge", json={"group": True}).status_code == 409
    assert states() == ["snoozed", "snoozed", "resolved", "open"]


@pytest.mark.parametrize(
    "body",
    [{}, {"until": "2026-03-01T11:00:00Z"}, {"until": "2027-03-01"}, {"minutes": 5, "until": "2026-03-01T13:00:00Z"}, {"minutes": 0}],
)
def test_a_snooze_that_ends_at_no_sensible_time_is_refused(alerted: Client, body: dict[str, object]) -> None:
    assert alerted.post("/v1/alerts/1/snooze", json=body).status_code == 422


def test_lists_by_what_was_asked_with_counts_by_state(alerted: Client) -> None:
    counts = {"open": 1, "acknowledged": 0, "snoozed": 0, "resolved": 0}
    for query in ("rule=1", "rule=Negative%20feedback", "severity=high", "from=2026-03-01", "to=2026-03-02"):
        answer = alerted.get(f"/v1/alerts?{query}").json()
        assert (len(answer["data"]), answer["counts"]) == (1, counts), query
    for query in ("severity=low", "from=2026-03-02", "to=2026-03-01", "state=resolved"):
        assert alerted.get(f"/v1/alerts?{query}").json()["data"] == [], query
    assert alerted.get("/v1/alerts?state=resolved").json()["counts"] == counts


def test_lists_by_state_and_page(alerted: Client, database: Database, workspace: Workspace) -> None:
    surge(database, workspace.id, source="forum")
    alerted.post("/v1/alerts/1/resolve")
    assert [alert["id"] for alert in alerted.get("/v1/alerts?state=open").json()["data"]] == ["2"]
    first = alerted.get("/v1/alerts?limit=1").json()
    assert [alert["id"] for alert in alerted.get("/v1/alerts", params={"cursor": first["next"]}).json()["data"]] == ["1"]


@pytest.mark.parametrize("query", ["state=loud", "cursor=x", "stat=open", "limit=-1", "rule=none", "brand=none", "severity=x", "from=x"])
def test_a_bad_question_is_refused(alerted: Client, query: str) -> None:
    assert alerted.get(f"/v1/alerts?{query}").status_code == 422
