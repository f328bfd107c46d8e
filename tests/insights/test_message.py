"""What a channel is told: the alert as the API shows it."""

import json
from dataclasses import fields, replace
from datetime import timedelta

from insights.message import message, read_message
from store.records import Alert, Scope, TopicShare
from tests.builders import NOW

ALERT = Alert(
    id="7", workspace_id="1", rule_id="3", rule_name="Negative", state="open", severity="high", started_at=NOW - timedelta(minutes=20),
    last_seen_at=NOW, ended_at=None, measure="negative", scope=Scope(topic="delivery", attributes={"airline": "Delta"}), window_minutes=60,
    observed=40, expected=5.25, interval=(1.0, 11.0), p_value=1e-9, top_topics=(TopicShare("staff", 9),), summary="40 negative feedback.",
)  # fmt: skip


def test_shows_everything_that_an_alert_holds_but_whose_it_is() -> None:
    shown = json.loads(message(ALERT, "alert.opened"))["alert"]
    assert set(shown) == {one.name for one in fields(Alert)} - {"workspace_id", "rule_id"} | {"rule"}


def test_times_scope_and_topics_are_those_of_the_api() -> None:
    told = json.loads(message(ALERT, "alert.opened"))
    assert told["event"] == "alert.opened"
    assert told["alert"]["started_at"] == "2026-03-01T11:40:00Z"
    assert told["alert"]["ended_at"] is None
    assert told["alert"]["scope"] == {
        "brand": None,
        "topic": "delivery",
        "source": None,
        "language": None,
        "attributes": {"airline": "Delta"},
    }
    assert told["alert"]["top_topics"] == [{"topic": "staff", "count": 9}]


def test_a_group_is_told_as_its_alerts_are_and_one_of_an_older_version_as_its_first() -> None:
    others = [ALERT, replace(ALERT, id="8", severity="critical")]
    told = json.loads(message(ALERT, "alert.extended", group=others))
    assert [one["id"] for one in told["group"]] == ["7", "8"]
    assert told["group"][0] == told["alert"]
    assert [one.id for one in read_message(json.dumps(told)).spoken_of] == ["8", "7"]
    told["group"] = [{"id": one.id, "state": one.state, "severity": one.severity, "summary": one.summary} for one in others]
    assert [one.id for one in read_message(json.dumps(told)).spoken_of] == ["7"]


def test_what_somebody_looks_at_is_spoken_of_when_there_is_nothing_else() -> None:
    taken, open_one = replace(ALERT, state="acknowledged", severity="critical"), replace(ALERT, id="8")
    ended = replace(ALERT, id="9", state="resolved")
    assert [one.id for one in read_message(message(ALERT, "alert.extended", group=[taken, open_one, ended])).spoken_of] == ["8"]
    assert [one.id for one in read_message(message(ALERT, "alert.acknowledged", group=[taken, ended])).spoken_of] == ["7"]
