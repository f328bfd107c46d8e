"""/v1/feedback/{id}/corrections and /v1/corrections: what a human says holds, is kept, and can be fetched for training."""

import json
from typing import Any

import pytest

from core.nudges import Stage
from store.database import Database
from tests.api.client import Client
from tests.api.conftest import MakeKey
from tests.api.counted import count_all


@pytest.fixture
def stored(api: Client) -> str:
    """The id of a text that is negative, and about delivery."""
    answer = api.post("/v1/feedback?wait=true", json={"text": "it came late", "created_at": "2026-03-01T11:50:00Z"})
    return str(answer.json()["results"][0]["id"])


def correct(api: Client, one: str, **labels: object) -> dict[str, Any]:
    answer = api.post(f"/v1/feedback/{one}/corrections", json=labels)
    assert answer.status_code == 201, answer.text
    corrected: dict[str, Any] = answer.json()
    return corrected


def test_a_correction_holds_in_everything_that_is_asked(api: Client, stored: str, database: Database, nudges: list[Stage]) -> None:
    answer = correct(
        api, stored, sentiment="positive", complaint=False, language="pt-BR", topics=[{"id": "price"}, {"id": "delivery", "present": False}]
    )
    assert nudges[-1] == "roll_up"
    count_all(database)
    annotation = answer["annotation"]
    assert api.get(f"/v1/feedback/{stored}").json() == answer
    assert annotation == api.get("/v1/feedback?sentiment=positive&topic=price&language=pt&complaint=false").json()["data"][0]["annotation"]
    assert api.get("/v1/feedback?topic=delivery").json()["data"] == []
    assert [row["group"] for row in api.get("/v1/trends?group=sentiment,topic").json()["data"]] == [
        {"sentiment": "positive", "topic": "price"}
    ]
    assert [theme["id"] for theme in api.get("/v1/themes").json()["data"]] == ["price"]


def test_a_correction_shows_who_said_what_against_what(api: Client, stored: str) -> None:
    said = correct(api, stored, sentiment="neutral")["corrections"]
    nothing: dict[str, object] = {"complaint": None, "language": None, "topics": []}
    assert said == [
        {
            "id": "1", "feedback_id": stored, "revision": 1, "at": "2026-03-01T12:00:00Z", "actor": "key 1",
            "labels": {"sentiment": "neutral", **nothing}, "before": {"sentiment": "negative", **nothing},
        }
    ]  # fmt: skip
    listed = api.get("/v1/corrections").json()
    assert listed == {"data": [{"text": "it came late", **said[0]}], "next": None}


def test_corrected_texts_are_fetched_as_lines_for_training(api: Client, stored: str) -> None:
    correct(api, stored, sentiment="neutral", topics=[{"id": "price", "sentiment": "negative"}])
    correct(api, stored, sentiment="positive")
    answer = api.get("/v1/corrections/export")
    assert answer.headers["content-type"].startswith("application/x-ndjson")
    assert [json.loads(line) for line in answer.text.splitlines()] == [
        {
            "feedback_id": stored, "text": "it came late", "sentiment": "positive",
            "topics": [{"id": "price", "present": True, "sentiment": "negative"}],
        }
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("body", "field", "reason"),
    [
        ({}, None, "one or more of sentiment, complaint, language, topics"),
        ({"topics": []}, None, "nothing is corrected"),
        ({"sentiment": "angry"}, "sentiment", "'negative', 'neutral' or 'positive'"),
        ({"complaint": "yes"}, "complaint", "valid boolean"),
        ({"language": "klingonese"}, "language", "ISO 639"),
        ({"topics": [{"id": "weather"}]}, "topics.0.id", "valid are delivery, price"),
        ({"topics": [{"id": "price"}, {"id": "price"}]}, "topics.1.id", "named twice"),
        ({"topics": [{"id": "price", "present": False, "sentiment": "negative"}]}, "topics.0.sentiment", "has no sentiment"),
        ({"mood": "bad"}, "mood", "no such member; valid are sentiment, complaint, language, topics"),
    ],
)
def test_names_the_fault_and_what_would_be_valid(api: Client, stored: str, body: object, field: str | None, reason: str) -> None:
    answer = api.post(f"/v1/feedback/{stored}/corrections", json=body)
    assert answer.status_code == 422
    assert reason in answer.json()["detail"]
    assert field is None or field in [fault["field"] for fault in answer.json()["errors"]]


def test_a_feedback_that_is_not_there_cannot_be_corrected(api: Client, stranger: Client, stored: str) -> None:
    assert api.post("/v1/feedback/99/corrections", json={"complaint": True}).status_code == 404
    assert stranger.post(f"/v1/feedback/{stored}/corrections", json={"complaint": True}).status_code == 404
    assert stranger.get("/v1/corrections").json()["data"] == []
    assert stranger.get("/v1/corrections/export").text == ""


def test_correcting_needs_manage_and_reading_needs_read(api: Client, stored: str, make_key: MakeKey) -> None:
    reader = api.with_key(make_key("read", "ingest", "classify"))
    assert reader.post(f"/v1/feedback/{stored}/corrections", json={"complaint": True}).json()["scope"] == "manage"
    assert reader.get("/v1/corrections").status_code == 200
    assert api.with_key(make_key("manage")).get("/v1/corrections/export").json()["scope"] == "read"


def test_what_was_corrected_before_it_was_annotated_is_answered_as_corrected(api: Client) -> None:
    one = api.post("/v1/feedback", json={"text": "it came late", "external_id": "2"}).json()["results"][0]["id"]
    assert correct(api, one, sentiment="positive")["annotation"] is None
    answer = api.post("/v1/feedback?wait=true", json={"text": "it came late", "external_id": "2"}).json()["results"][0]
    assert answer["annotation"]["sentiment"]["label"] == "positive"


def test_erasing_a_feedback_erases_its_corrections(api: Client, stored: str) -> None:
    correct(api, stored, sentiment="neutral")
    assert api.delete(f"/v1/feedback/{stored}").status_code == 204
    assert api.get("/v1/corrections").json()["data"] == []
