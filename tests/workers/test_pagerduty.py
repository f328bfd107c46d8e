"""PagerDuty, played by a server that holds requests to the published schema of the Events API v2, and fails on purpose."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from store.database import Database
from store.records import Workspace
from tests.builders import NOW
from tests.workers.letters import PUBLIC_URL, Desk, a_desk
from tests.workers.receiver import HANG, Receiver, Request, a_receiver
from workers import posting
from workers.deliver import Delivered

KEY = "0123456789abcdef0123456789abcdef"
SHAPE: dict[str, type | tuple[type, ...]] = {
    "routing_key": str, "event_action": str, "dedup_key": str, "client": str, "client_url": str, "payload": dict, "links": list,
    "images": list,
}  # fmt: skip
PAYLOAD = {
    "summary": str,
    "source": str,
    "severity": str,
    "timestamp": str,
    "component": str,
    "group": str,
    "class": str,
    "custom_details": dict,
}


def faults(event: Any) -> list[str]:
    """What the Events API would say of an event: https://github.com/PagerDuty/api-schema, reference/events-v2."""
    found = [f"unknown or wrong {name}" for name, value in event.items() if not isinstance(value, SHAPE.get(name, ()))]
    if len(event.get("routing_key", "")) != 32:
        found.append("Length of 'routing_key' is incorrect (should be 32 characters)")
    if event.get("event_action") not in {"trigger", "acknowledge", "resolve"}:
        found.append("'event_action' is invalid")
    if not 0 < len(event.get("dedup_key", "")) <= 255:
        found.append("'dedup_key' is missing or too long")
    if event.get("event_action") == "trigger":
        payload = event.get("payload", {})
        found += [f"unknown or wrong payload.{name}" for name, value in payload.items() if not isinstance(value, PAYLOAD.get(name, ()))]
        found += [f"'payload.{name}' is missing or blank" for name in ("summary", "source", "severity") if not payload.get(name)]
        if payload.get("severity") not in {"critical", "error", "warning", "info"} or len(payload.get("summary", "")) > 1024:
            found.append("'payload' is invalid")
        found += ["'links' is invalid" for link in event.get("links", []) if not str(link.get("href", "")).startswith("http")]
    return found


def reply(request: Request) -> tuple[int, bytes]:
    event = request.json()
    if event["routing_key"] != KEY:
        wrong = {"status": "invalid event", "message": "Event object is invalid", "errors": ["Invalid routing key"]}
        return 400, json.dumps(wrong).encode()
    if found := faults(event):
        return 400, json.dumps({"status": "invalid event", "message": "Event object is invalid", "errors": found}).encode()
    return 202, json.dumps({"status": "success", "message": "Event processed", "dedup_key": event["dedup_key"]}).encode()


@pytest.fixture
def pagerduty() -> Iterator[Receiver]:
    with a_receiver() as listening:
        listening.reply = reply
        yield listening


@pytest.fixture
def desk(database: Database, workspace: Workspace, pagerduty: Receiver) -> Desk:
    return a_desk(database, workspace, "pagerduty", {"routing_key": KEY}, {"api_url": pagerduty.url})


def test_an_alert_is_triggered_acknowledged_and_resolved_under_one_key(desk: Desk, pagerduty: Receiver) -> None:
    assert desk.tell("alert.opened", "alert.extended", "alert.acknowledged", "alert.resolved") == Delivered(4, 0, 0)
    events = [request.json() for request in pagerduty.requests]
    assert [event["event_action"] for event in events] == ["trigger", "trigger", "acknowledge", "resolve"]
    assert len({event["dedup_key"] for event in events}) == 1
    assert desk.health() == "ok"


def test_a_trigger_bears_the_figures_the_severity_and_the_link(desk: Desk, pagerduty: Receiver) -> None:
    desk.tell("alert.opened")
    event = pagerduty.requests[0].json()
    payload, details = event["payload"], event["payload"]["custom_details"]
    assert payload["summary"].startswith("Critical: 1,480 complaints on <b>A & B</b> *Co*")
    assert (payload["severity"], payload["timestamp"], payload["class"]) == ("critical", "2026-03-01T11:40:00Z", "complaint")
    assert (details["observed"], details["expected"], details["interval"]) == (1480, 63.9, [40.0, 90.0])
    assert (details["scope"]["brand"], details["top_topics"][0]["count"], details["window_minutes"]) == (desk.alert.scope.brand, 900, 60)
    assert details["text"].startswith("1,480 complaints on")
    assert event["links"][0]["href"].startswith(f"{PUBLIC_URL}/acknowledge/")


def test_several_alerts_are_one_incident_as_bad_as_the_worst(desk: Desk, pagerduty: Receiver) -> None:
    desk.tell("alert.opened")
    desk.enqueue_group()
    assert desk.run() == Delivered(1, 0, 0)
    first, then = (request.json() for request in pagerduty.requests)
    assert (then["dedup_key"], then["event_action"], then["payload"]["severity"]) == (first["dedup_key"], "trigger", "critical")
    assert then["payload"]["summary"].startswith("Critical: 2 surges of complaints on <b>A & B</b> *Co*")
    details = then["payload"]["custom_details"]
    assert (details["alert"], details["observed"], details["scope"]["topic"]) == ("77", 1480, "delivery")
    assert details["alerts"][1] == "Low: 70 complaints, usually about 64"


def test_a_test_opens_an_incident_of_the_lowest_severity_and_closes_it(desk: Desk, pagerduty: Receiver) -> None:
    assert desk.test() == Delivered(1, 0, 0)
    events = [request.json() for request in pagerduty.requests]
    assert [event["event_action"] for event in events] == ["trigger", "resolve"]
    assert events[0]["payload"]["severity"] == "info"
    assert events[0]["payload"]["summary"].startswith("Test: ")
    assert '"status": "success"' in str(desk.deliveries()[0].answer)


def test_an_invalid_routing_key_is_for_good_and_breaks_the_channel(database: Database, workspace: Workspace, pagerduty: Receiver) -> None:
    desk = a_desk(database, workspace, "pagerduty", {"routing_key": "f" * 32}, {"api_url": pagerduty.url})
    assert desk.tell("alert.opened", "alert.extended", "alert.resolved") == Delivered(0, 0, 3)
    assert "Invalid routing key" in str(desk.last_error())
    assert "f" * 32 not in str(desk.last_error())
    assert desk.health() == "broken"
    assert len(pagerduty.requests) == 3


@pytest.mark.parametrize("answer", [429, 500, 503, HANG])
def test_what_passes_is_tried_again(desk: Desk, pagerduty: Receiver, answer: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(posting, "TIME_LIMIT", 0.5 if answer == HANG else 8.0)
    pagerduty.answers, pagerduty.headers = [answer], {"Retry-After": "90"} if answer == 429 else {}
    assert desk.tell("alert.opened") == Delivered(0, 1, 0)
    waits = desk.deliveries()[0].next_attempt_at - NOW
    assert waits == timedelta(seconds=90) if answer == 429 else waits < timedelta(seconds=15)
    desk.now = NOW + timedelta(seconds=90)
    monkeypatch.setattr(posting, "TIME_LIMIT", 8.0)
    assert desk.run() == Delivered(1, 0, 0)
