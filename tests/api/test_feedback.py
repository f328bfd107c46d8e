"""/v1/feedback: nothing accepted is lost, a bad row loses nothing beside it, and what is stored is found again."""

import json
from datetime import timedelta
from typing import Any

import pytest

from core.nudges import Stage
from tests.api.annotating import WordAnnotator
from tests.api.client import Client
from tests.api.conftest import Clock

LINES = {"Content-Type": "application/x-ndjson"}


def push(api: Client, *rows: dict[str, Any], wait: bool = True) -> list[dict[str, Any]]:
    answer = api.post(f"/v1/feedback?wait={str(wait).lower()}", json={"feedback": list(rows)})
    assert answer.status_code == 202
    results: list[dict[str, Any]] = answer.json()["results"]
    return results


def test_one_object_is_stored_and_the_workers_are_woken(api: Client, nudges: list[Stage]) -> None:
    answer = api.post("/v1/feedback", json={"text": "it came late", "external_id": "7"})
    assert (answer.status_code, nudges) == (202, ["annotate"])
    assert answer.json() == {"results": [{"status": "created", "id": "1", "reason": None, "field": None, "annotation": None}]}


def test_says_what_became_of_every_row_in_order(api: Client) -> None:
    old = {"text": "it came late", "external_id": "1", "created_at": "2026-02-01T10:00:00Z"}
    push(api, old, {"text": "I love it", "external_id": "2", "created_at": "2026-02-01"})
    results = push(api, old, {"text": "I loved it", "external_id": "2", "created_at": "2026-02-01"}, {"text": " "}, {"text": "new"})
    assert [(one["status"], one["id"]) for one in results] == [("unchanged", "1"), ("updated", "2"), ("rejected", None), ("created", "3")]
    assert (results[2]["field"], results[2]["reason"][:13]) == ("text", "text is empty")


def test_sent_again_without_a_date_it_is_the_same_feedback(api: Client, clock: Clock) -> None:
    push(api, {"text": "it came late", "external_id": "1"})
    clock.move(timedelta(hours=3))
    assert [one["status"] for one in push(api, {"text": "it came late", "external_id": "1"})] == ["unchanged"]


@pytest.mark.parametrize(
    ("row", "field"),
    [
        ({}, "text"),
        ({"text": 5}, "text"),
        ({"text": "x" * 20_001}, "text"),
        ({"text": "a", "txet": "b"}, "txet"),
        ({"text": "a", "created_at": "03/04/2026"}, "created_at"),
        ({"text": "a", "created_at": "2027-01-01"}, "created_at"),
        ({"text": "a", "rating": {"value": 9, "scale": 5}}, "rating.value"),
        ({"text": "a", "kind": "rant"}, "kind"),
        ({"text": "a", "author": {"followers": 10**400}}, "author.followers"),
        ({"text": "a", "attributes": {"a": {"b": {"c": []}}}}, "attributes.a"),
        ({"text": "a", "language": "english"}, "language"),
    ],
)
def test_a_bad_row_says_which_field_and_loses_nothing_beside_it(api: Client, row: dict[str, Any], field: str) -> None:
    results = push(api, {"text": "before"}, row, {"text": "after"})
    assert [one["status"] for one in results] == ["created", "rejected", "created"]
    assert results[1]["field"] == field


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"[]", "one feedback such as"),
        (b'"text"', "one feedback such as"),
        (b'{"feedback": []}', "send 1 to 1,000"),
        (b'{"feedback": {}}', "and nothing else"),
        (b'{"feedback": [], "x": 1}', "and nothing else"),
        (b"{", "not JSON"),
        (b"", "not JSON"),
        (json.dumps({"feedback": [{"text": "a"}] * 1001}).encode(), "1,001 rows"),
    ],
)
def test_a_body_without_rows_is_refused_as_a_whole(api: Client, body: bytes, reason: str) -> None:
    answer = api.post("/v1/feedback", content=body, headers={"Content-Type": "application/json"})
    assert answer.status_code == 422
    assert reason in answer.json()["detail"]


def test_lines_are_read_one_by_one(api: Client) -> None:
    body = b'{"text": "a"}\n\nnot json\n{"text": "b"}\r\n["c"]\n\xff\n{"text": "d"}'
    results = api.post("/v1/feedback", content=body, headers=LINES).json()["results"]
    assert [one["status"] for one in results] == ["created", "rejected", "created", "rejected", "rejected", "created"]


def test_too_many_lines_are_sent_to_the_imports(api: Client) -> None:
    answer = api.post("/v1/feedback", content=b'{"text": "a"}\n' * 10_001, headers=LINES)
    assert (answer.status_code, "POST /v1/imports" in answer.json()["detail"]) == (422, True)


def test_another_media_type_is_refused(api: Client) -> None:
    answer = api.post("/v1/feedback", content=b"text=a", headers={"Content-Type": "application/x-www-form-urlencoded"})
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:koe:unsupported-media-type")


def test_waiting_gives_the_annotation_and_saves_it(api: Client, nudges: list[Stage]) -> None:
    result = push(api, {"text": "it came late", "language": "en"})[0]
    assert result["annotation"]["sentiment"]["label"] == "negative"
    assert api.get("/v1/feedback/1").json()["annotation"] == result["annotation"]
    assert nudges[-1] == "roll_up"


def test_waiting_again_gives_the_stored_annotation(api: Client, annotator: WordAnnotator) -> None:
    row = {"text": "it came late", "external_id": "1"}
    assert push(api, row)[0]["annotation"] == push(api, row)[0]["annotation"]
    assert annotator.texts == ["it came late"]


def test_what_the_model_has_no_room_for_is_stored_and_left_to_the_workers(
    api: Client, annotator: WordAnnotator, nudges: list[Stage]
) -> None:
    annotator.gate.clear()
    crowd = [api.begin("POST", "/v1/classify", json={"texts": ["a"] * count}) for count in (1, 256)]
    assert annotator.asked.wait(5)
    results = push(api, *({"text": f"text {number}"} for number in range(250)))
    annotator.gate.set()
    assert {(one["status"], one["annotation"]) for one in results} == {("created", None)}
    assert ([one.result().status_code for one in crowd], nudges) == ([200, 200], ["annotate"])


def test_what_the_model_fails_on_is_stored_and_left_to_the_workers(api: Client, annotator: WordAnnotator) -> None:
    annotator.failure = ValueError("out of memory")
    result = push(api, {"text": "it came late"})[0]
    assert (result["status"], result["annotation"]) == ("created", None)


def test_at_most_256_rows_can_be_waited_for(api: Client) -> None:
    answer = api.post("/v1/feedback?wait=true", json={"feedback": [{"text": "a"}] * 257})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "wait")
    assert api.get("/v1/feedback").json()["data"] == []


def test_a_feedback_is_shown_as_it_was_sent(api: Client) -> None:
    row = {
        "text": "it came late",
        "external_id": "7",
        "source": "shop",
        "created_at": "2026-02-01T09:30:00+09:00",
        "title": "Hm",
        "author": {"id": "a", "name": "Ana", "followers": 3},
        "url": "https://example.com/1",
        "language": "pt-BR",
        "country": "br",
        "kind": "review",
        "rating": {"value": 2, "scale": 5},
        "scores": {"nps": 3},
        "question": "How was it?",
        "product": "Box",
        "attributes": {"plan": "pro", "seats": 5, "trial": True},
        "parent_id": "6",
    }
    push(api, row, wait=False)
    shown = api.get("/v1/feedback/1").json()
    changed = {
        "created_at": "2026-02-01T00:30:00Z",
        "language": "pt",
        "country": "BR",
        "attributes": {"plan": "pro", "seats": "5", "trial": "true"},
    }
    changed |= {"scores": {"nps": 3, "csat": None, "ces": None}}
    assert {name: shown[name] for name in row} == row | changed
    assert (shown["annotation"], shown["history"], shown["revision"]) == (None, [], 1)


def test_an_edit_keeps_the_text_before(api: Client) -> None:
    for text in ("it came late", "it came, late but well"):
        push(api, {"text": text, "external_id": "1"})
    assert [(one["revision"], one["text"]) for one in api.get("/v1/feedback/1").json()["history"]] == [(1, "it came late")]


def test_what_was_erased_is_gone_and_stays_away(api: Client) -> None:
    push(api, {"text": "it came late", "external_id": "1"})
    assert api.delete("/v1/feedback/1").status_code == 204
    assert [api.get("/v1/feedback/1").status_code, api.delete("/v1/feedback/1").status_code] == [404, 404]
    again = push(api, {"text": "it came late", "external_id": "1"})[0]
    assert (again["status"], again["id"], again["reason"][:6]) == ("rejected", None, "erased")


@pytest.fixture
def three(api: Client) -> Client:
    push(
        api,
        {"text": "it came late, said Müller", "created_at": "2026-02-01T10:00:00Z", "source": "shop", "attributes": {"plan": "pro"}},
        {
            "text": "the staff was rude",
            "created_at": "2026-02-02T10:00:00Z",
            "source": "shop",
            "language": "ja",
            "attributes": {"plan": "free"},
        },
        {"text": "I love the box", "created_at": "2026-02-03T10:00:00Z", "source": "forum"},
    )
    return api


@pytest.mark.parametrize(
    ("query", "ids"),
    [
        ("", ["3", "2", "1"]),
        ("sentiment=negative", ["2", "1"]),
        ("topic=staff", ["2"]),
        ("theme=staff", ["2"]),
        ("language=eng", ["3", "1"]),
        ("source=forum", ["3"]),
        ("language=ja", ["2"]),
        ("language=EN-us", ["3", "1"]),
        ("complaint=true", ["2", "1"]),
        ("complaint=false", ["3"]),
        ("emotion=joy", ["3"]),
        ("emotion=anger", []),
        ("from=2026-02-02", ["3", "2"]),
        ("to=2026-02-02", ["1"]),
        ("from=2026-02-02T18:00:00+09:00&to=2026-02-02T19:00:01%2B09:00", ["2"]),
        ("q=late+OR+rude", ["2", "1"]),
        ("q=m%C3%BCller", ["1"]),
        ("attributes.plan=pro", ["1"]),
        ("attributes.plan=pro&sentiment=positive", []),
        ("source=%00", []),
    ],
)
def test_finds_feedback_newest_first(three: Client, query: str, ids: list[str]) -> None:
    answer = three.get(f"/v1/feedback?{query}")
    assert answer.status_code == 200
    assert [one["id"] for one in answer.json()["data"]] == ids


def test_pages_hold_every_row_once(three: Client) -> None:
    first = three.get("/v1/feedback?limit=2").json()
    second = three.get("/v1/feedback", params={"limit": 2, "cursor": first["next"]}).json()
    assert [one["id"] for one in first["data"] + second["data"]] == ["3", "2", "1"]
    assert second["next"] is None


@pytest.mark.parametrize(
    ("query", "field", "reason"),
    [
        ("sentimnet=negative", "sentimnet", "valid are brand, complaint, cursor, emotion, from"),
        ("sentiment=bad", "sentiment", "'negative', 'neutral' or 'positive'"),
        ("topic=weather", "topic", "valid are delivery"),
        ("theme=weather", "theme", "valid are delivery"),
        ("theme=staff&topic=price", "theme", "not two different ones"),
        ("language=xx", "language", "aa, ab, ae"),
        ("language=klingonish", "language", "ISO 639"),
        ("brand=Acme", "brand", "there are none"),
        ("from=yesterday", "from", "2026-03-01T09:30:00Z"),
        ("from=2026-02-02&to=2026-02-01", "from", "before to"),
        ("q=(late", "q", ""),
        ("cursor=xyz", "cursor", "not one of ours"),
        ("limit=1001", "limit", "less than or equal to 1000"),
        ("complaint=perhaps", "complaint", "boolean"),
        ("emotion=rage", "emotion", "'surprise' or 'neutral'"),
        ("source=a&source=b", "source", "given 2 times"),
        ("attributes.=a", "attributes.", "attributes.<name>"),
    ],
)
def test_a_bad_question_is_told_what_is_valid(three: Client, query: str, field: str, reason: str) -> None:
    answer = three.get(f"/v1/feedback?{query}")
    assert answer.status_code == 422
    assert [fault["field"] for fault in answer.json()["errors"]] == [field]
    assert reason in answer.json()["detail"]


@pytest.mark.parametrize("one", ["0", "abc", "1%20", "9" * 30, "-1", "1e3", "%00", "١"])
def test_what_is_no_id_is_not_found(three: Client, one: str) -> None:
    assert three.get(f"/v1/feedback/{one}").status_code == 404
