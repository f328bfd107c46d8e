"""No call shows, changes or counts anything of another workspace: the list of calls is the OpenAPI document, so none can be forgotten."""

import re
from datetime import timedelta
from typing import Any

import pytest

from store.database import Database
from store.records import Workspace
from tests.api.client import Client
from tests.api.counted import put, said
from tests.api.test_alerts import surge
from tests.builders import NOW

MARK = "ours-alone"
HOUR_AGO = NOW - timedelta(hours=1)
A_TOPIC = {"name": "topic", "values": ["delivery"]}
SCHEDULE: dict[str, Any] = {"name": MARK, "time_zone": "Asia/Tokyo", "starts_on": "2026-03-01", "rotation": ["1"]}
A_NEW_TOPIC = {"id": "theirs", "name": {"en": "theirs"}}
BODIES: dict[str, dict[str, Any]] = {
    "POST /v1/classify": {"json": {"texts": ["a"]}},
    "POST /v1/feedback": {"json": {"text": "theirs", "external_id": "same"}},
    "POST /v1/feedback/{feedback_id}/corrections": {"json": {"sentiment": "negative"}},
    "POST /v1/imports": {"content": b"text\nx", "params": {"filename": "theirs.csv"}},
    "POST /v1/brands": {"json": {"name": "theirs", "query": "a"}},
    "PATCH /v1/brands/{brand_id}": {"json": {"name": "taken over"}},
    "POST /v1/sources": {"json": {"name": "theirs", "connector": "feed", "options": {"url": "https://example.com"}}},
    "PATCH /v1/sources/{source_id}": {"json": {"enabled": False}},
    "POST /v1/rules": {"json": {"name": "theirs"}},
    "PATCH /v1/rules/{rule_id}": {"json": {"enabled": False}},
    "POST /v1/rules/backtest": {"json": {}},
    "POST /v1/rules/preview": {"json": {}},
    "POST /v1/alerts/{alert_id}/snooze": {"json": {"minutes": 5}},
    "POST /v1/silences": {"json": {"matchers": [A_TOPIC], "ends_at": "2026-03-02", "comment": "theirs"}},
    "PATCH /v1/silences/{silence_id}": {"json": {"ends_at": "2026-03-03"}},
    "POST /v1/inhibitions": {"json": {"name": "theirs", "source": [A_TOPIC], "target": [A_TOPIC]}},
    "POST /v1/policies": {"json": {"name": "theirs", "steps": [{"channels": ["2"]}]}},
    "PUT /v1/policies/{policy_id}": {"json": {"name": "theirs", "steps": [{"channels": ["2"]}]}},
    "POST /v1/schedules": {"json": SCHEDULE | {"name": "theirs", "rotation": ["2"]}},
    "PUT /v1/schedules/{schedule_id}": {"json": SCHEDULE | {"rotation": ["2"]}},
    "POST /v1/schedules/{schedule_id}/overrides": {"json": {"channel": "1", "starts_at": "2026-03-02", "ends_at": "2026-03-03"}},
    "PUT /v1/channels/{channel_id}/quiet-hours": {"json": {"time_zone": "Asia/Tokyo", "windows": [{"start": "22:00", "end": "07:00"}]}},
    "PATCH /v1/channels/{channel_id}": {"json": {"enabled": False}},
    "POST /v1/channels": {"json": {"name": "theirs", "url": "https://hooks.example.invalid/"}},
    "POST /v1/keys": {"json": {"name": "theirs", "scopes": ["read"]}},
    "PATCH /v1/workspace": {"json": {"dimensions": ["theirs"]}},
    "POST /v1/taxonomy/topics": {"json": A_NEW_TOPIC},
    "PUT /v1/taxonomy/topics/{topic_id}": {"json": {"name": {"en": "taken over"}}},
    "PUT /v1/taxonomy/hidden": {"json": {"hidden": ["delivery"]}},
    "POST /v1/taxonomy/preview": {"json": {"topic": A_NEW_TOPIC}},
    "POST /v1/reannotation": {"json": {"since": "2026-01-01"}},
}
"""What a stranger sends to calls that read a body."""


@pytest.fixture
def ours(api: Client, database: Database, workspace: Workspace) -> Client:
    """A workspace with one of everything, its id 1, bearing MARK wherever a word fits."""
    put(
        database,
        workspace.id,
        [said(f"{MARK} it came late {number}", "negative", "delivery", at=HOUR_AGO, source=MARK) for number in range(3)],
    )
    surge(database, workspace.id, source=MARK)
    for path, body in (
        ("brands", {"name": MARK, "query": MARK}),
        ("sources", {"name": MARK, "connector": "feed", "options": {"url": f"https://example.com/{MARK}"}}),
        ("channels", {"name": MARK, "url": "https://hooks.example.invalid/"}),
        ("keys", {"name": MARK, "scopes": ["read"]}),
        ("silences", {"matchers": [{"name": "source", "values": [MARK]}], "ends_at": "2026-03-02", "comment": MARK}),
        ("inhibitions", {"name": MARK, "source": [{"name": "source", "values": ["x"]}], "target": [{"name": "source", "values": ["y"]}]}),
        ("policies", {"name": MARK, "steps": [{"channels": ["1"]}]}),
        ("schedules", SCHEDULE),
        ("schedules/1/overrides", {"channel": "1", "starts_at": "2026-03-02", "ends_at": "2026-03-03"}),
    ):
        assert api.post(f"/v1/{path}", json=body).status_code == 201
    hours = {"time_zone": "Asia/Tokyo", "windows": [{"start": "22:00", "end": "07:00"}]}
    assert api.request("PUT", "/v1/channels/1/quiet-hours", json=hours).status_code == 200
    assert api.post("/v1/feedback/1/corrections", json={"sentiment": "positive"}).status_code == 201
    assert api.post("/v1/channels/1/test?wait=false").status_code == 202
    assert api.post(f"/v1/imports?filename={MARK}.csv", content=b"text\nx").status_code == 202
    assert api.patch("/v1/workspace", json={"dimensions": ["ours"]}).status_code == 200
    return api


def calls_of(api: Client) -> list[tuple[str, str]]:
    paths = api.get("/openapi.json").json()["paths"]
    # The stream has no end; tests/api/test_alert_stream.py holds two workspaces apart.
    asked = [path for path in paths if path.startswith("/v1/") and path != "/v1/alerts/stream"]
    return [(method.upper(), path) for path in asked for method in paths[path]]


def url_of(path: str) -> str:
    return re.sub(r"{\w+}", "1", path.replace("{theme_id}", "delivery"))


def everything(api: Client) -> dict[str, str]:
    """What our administrator sees in every list and under every id."""
    gets = [path for method, path in calls_of(api) if method == "GET" and "/keys" not in path]
    return {path: api.get(url_of(path)).text for path in gets}


def test_no_call_of_a_stranger_shows_or_changes_anything_of_ours(ours: Client, stranger: Client) -> None:
    before = everything(ours)
    assert [path for path, text in before.items() if '"data":[]' in text or '"status":404' in text] == []
    for method, path in calls_of(ours):
        call = f"{method} {path}"
        answer = stranger.request(method, url_of(path), **BODIES.get(call, {}))
        assert MARK not in answer.text, call
        if "{" in path:
            assert answer.status_code == 404, call
        else:
            assert answer.status_code < 300, (call, answer.text)
    assert everything(ours) == before


def test_a_stranger_counts_and_finds_nothing_by_our_names(ours: Client, stranger: Client) -> None:
    for query in (f"source={MARK}", f"q={MARK}", "sentiment=negative"):
        assert stranger.get(f"/v1/feedback?{query}").json()["data"] == []
    assert stranger.get(f"/v1/trends?source={MARK}").json()["data"] == []
    assert stranger.get("/v1/trends?brand=1").status_code == 422
    assert stranger.get("/v1/trends?group=ours").status_code == 422
    assert stranger.post("/v1/rules", json={"name": "x", "channels": ["1"]}).status_code == 422
    assert stranger.post("/v1/rules/backtest", json={"rule": "1"}).status_code == 404


def test_the_same_external_id_is_another_feedback_in_another_workspace(ours: Client, stranger: Client) -> None:
    row = {"text": "one text", "external_id": "same"}
    first, second = ours.post("/v1/feedback", json=row).json(), stranger.post("/v1/feedback", json=row).json()
    assert [one["results"][0]["status"] for one in (first, second)] == ["created", "created"]
    assert first["results"][0]["id"] != second["results"][0]["id"]
