"""/v1/alerts: listed, read with what became of them, acknowledged and resolved."""

import pytest

from store.alerts import open_alert
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
        "expected": 3.5,
        "interval": [0.0, 8.0],
        "p_value": 1e-12,
        "top_topics": [{"topic": "delivery", "count": 30}],
        "summary": FIGURES.summary,
    }


def test_acknowledged_then_resolved_and_every_step_is_kept(alerted: Client) -> None:
    assert [alerted.post("/v1/alerts/1/acknowledge").json()["state"] for _ in range(2)] == ["acknowledged", "acknowledged"]
    resolved = alerted.post("/v1/alerts/1/resolve").json()
    assert (resolved["state"], resolved["ended_at"]) == ("resolved", "2026-03-01T12:00:00Z")
    steps = alerted.get("/v1/alerts/1").json()["history"]
    assert [(step["from"], step["to"]) for step in steps] == [(None, "open"), ("open", "acknowledged"), ("acknowledged", "resolved")]
    assert [step["actor"] for step in steps] == ["detector", "key 1", "key 1"]


@pytest.mark.parametrize("call", ["acknowledge", "resolve"])
def test_what_is_resolved_stays_so(alerted: Client, call: str) -> None:
    alerted.post("/v1/alerts/1/resolve")
    answer = alerted.post(f"/v1/alerts/1/{call}")
    assert (answer.status_code, answer.json()["type"]) == (409, "urn:koe:conflict")


def test_lists_by_state_and_page(alerted: Client, database: Database, workspace: Workspace) -> None:
    surge(database, workspace.id, source="forum")
    alerted.post("/v1/alerts/1/resolve")
    assert [alert["id"] for alert in alerted.get("/v1/alerts?state=open").json()["data"]] == ["2"]
    first = alerted.get("/v1/alerts?limit=1").json()
    assert [alert["id"] for alert in alerted.get("/v1/alerts", params={"cursor": first["next"]}).json()["data"]] == ["1"]


@pytest.mark.parametrize("query", ["state=loud", "cursor=x", "stat=open", "limit=-1"])
def test_a_bad_question_is_refused(alerted: Client, query: str) -> None:
    assert alerted.get(f"/v1/alerts?{query}").status_code == 422
