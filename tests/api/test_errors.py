"""Whatever goes wrong leaves as a problem: typed, in words, and without a word too many."""

import logging
from typing import Any

import pytest
from fastapi import FastAPI

from api.errors import KINDS, kind_of
from core.errors import InvalidInput, KoeError, Misconfigured, TransientError
from store.query import InvalidQuery
from tests.api.annotating import WordAnnotator
from tests.api.client import Client, client_of, in_pieces
from tests.api.conftest import MakeKey

JSON = {"Content-Type": "application/json"}
BOMBS: list[bytes] = [
    b"",
    b"\x00",
    b"{",
    b"[" * 50_000,
    b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
    b'{"texts": NaN}',
    b'{"name": -Infinity}',
    b'{"least": ' + b"9" * 10_000 + b"}",
    b'{"least": 1e400}',
    b'{"texts": ["\\ud800"], "name": "\\udfff", "\\ud800": 1}',
    b'{"name": "\\u0000", "query": "\\u0000"}',
    b'\xff\xfe{\x00"\x00',
    b"\xef\xbb\xbf{}",
    b'{"texts": ["a"], "texts": 5, "texts": null}',
    b'{"name": {"$gt": ""}, "query": ["a"], "scope": {"attributes": {"__proto__": "x"}}}',
    b"null",
    b"true",
    b'"x"',
    b"[]",
]


@pytest.mark.parametrize("path", ["classify", "feedback", "brands", "sources", "rules", "rules/backtest", "channels", "keys"])
def test_no_body_breaks_a_call(api: Client, path: str) -> None:
    for body in BOMBS:
        answer = api.post(f"/v1/{path}", content=body, headers=JSON)
        assert answer.status_code < 500, (body[:60], answer.text)
        if answer.status_code >= 400:
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json().keys() >= {"type", "title", "status", "detail"}


@pytest.mark.parametrize(
    ("path", "body", "field", "names"),
    [
        ("brands", {"name": "a", "query": "a", "colour": "red"}, "colour", "name, query"),
        ("rules", {"name": "a", "schedule": [{}, {"day": "mon"}]}, "schedule.1.day", "days, start, end"),
        ("silences", {"matchers": [{"name": "topic", "value": "x"}]}, "matchers.0.value", "name, op, values"),
        ("reannotation", {"until": "2026-01-01"}, "until", "since"),
    ],
)
def test_an_unknown_member_is_refused_with_those_there_are(api: Client, path: str, body: dict[str, object], field: str, names: str) -> None:
    faults = api.post(f"/v1/{path}", json=body).json()["errors"]
    assert {"field": field, "message": f"There is no such member; valid are {names}"} in faults


def test_members_are_named_as_they_are_sent(api: Client) -> None:
    (fault,) = api.post("/v1/channels", json={"name": "a", "form": "koe@example.com"}).json()["errors"]
    assert (", from, " in fault["message"], "sender" in fault["message"]) == (True, False)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/v1/export", 404),
        ("GET", "/v1/experience", 404),
        ("GET", "/v1/feedback/1/2", 404),
        ("PUT", "/v1/brands", 405),
        ("TRACE", "/healthz", 405),
    ],
)
def test_what_is_not_there_is_a_problem_too(api: Client, method: str, path: str, status: int) -> None:
    answer = api.request(method, path)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_405_names_all_methods_of_the_path(api: Client) -> None:
    assert api.request("PUT", "/v1/brands/1").headers["allow"] == "GET, PATCH, DELETE"


@pytest.mark.parametrize(("path", "cap"), [("brands", 1), ("keys", 1), ("feedback", 64), ("classify", 64)])
def test_a_body_over_the_cap_is_refused_while_it_comes(api: Client, path: str, cap: int) -> None:
    mebibyte = b" " * 1024 * 1024
    sent = 0

    async def endless() -> Any:
        nonlocal sent
        while sent < 500:
            sent += 1
            yield mebibyte

    answer = api.post(f"/v1/{path}", content=endless(), headers=JSON)
    assert (answer.status_code, sent, answer.json()["type"]) == (413, cap + 1, "urn:koe:too-large")


def test_a_length_that_is_announced_over_the_cap_is_refused_unread(api: Client) -> None:
    answer = api.post("/v1/brands", content=in_pieces(b"{}"), headers=JSON | {"Content-Length": "500000000"})
    assert answer.status_code == 413


@pytest.mark.parametrize("kind", ["text/html", "", "application/jsonp", "multipart/form-data; boundary=x", "application/json-seq", "json"])
def test_a_body_that_is_not_said_to_be_json_is_refused(api: Client, kind: str) -> None:
    answer = api.post("/v1/brands", content=b"{}", headers={"Content-Type": kind})
    assert (answer.status_code, answer.json()["type"]) == (415, "urn:koe:unsupported-media-type")


def test_too_many_texts_are_told_when_to_come_again(api: Client, annotator: WordAnnotator) -> None:
    annotator.gate.clear()
    first = api.begin("POST", "/v1/classify", json={"texts": ["a"] * 200})
    assert annotator.asked.wait(5)
    answer = api.post("/v1/classify", json={"texts": ["a"] * 200})
    annotator.gate.set()
    assert (answer.status_code, answer.json()["type"], int(answer.headers["retry-after"]) >= 1) == (429, "urn:koe:overloaded", True)
    assert first.result().status_code == 200


SECRET = "Anna Karenina, 4 Elm Street"  # what a customer wrote


def test_a_crash_tells_the_client_nothing_and_the_log_no_word_of_a_customer(
    api: Client, annotator: WordAnnotator, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    annotator.failure = RuntimeError(f"cannot read {SECRET}")
    with caplog.at_level(logging.DEBUG):
        answer = api.post("/v1/classify", json={"texts": [SECRET]})
    assert (answer.status_code, answer.json()["type"], answer.json()["instance"][:9]) == (500, "urn:koe:internal", "urn:uuid:")
    logged = caplog.text + "".join(capfd.readouterr())
    assert answer.json()["instance"] in logged
    assert SECRET not in answer.text + logged


def test_neither_texts_nor_keys_nor_questions_are_logged(
    api: Client, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        api.post(
            "/v1/feedback?wait=true", json={"feedback": [{"text": SECRET, "author": {"name": SECRET}}, {"text": SECRET, "kind": SECRET}]}
        )
        api.post("/v1/classify", json={"texts": [SECRET], "language": SECRET})
        api.get("/v1/feedback", params={"q": SECRET})
        api.with_key("koe_deadbeef_guess").get("/v1/feedback")
        made = api.post("/v1/keys", json={"name": "desk", "scopes": ["read"]}).json()["key"]
        api.with_key(made).get("/v1/feedback")
    ours = [record.getMessage() for record in caplog.records if not record.name.startswith("httpx")]
    logged = "".join([*ours, *capfd.readouterr()])
    assert api.key is not None
    for word in (SECRET, "Karenina", api.key, made, "koe_deadbeef_guess"):
        assert word not in logged


def test_what_is_echoed_is_data_in_json_and_never_a_header(api: Client) -> None:
    nasty = "</script><img src=x onerror=alert(1)>\r\nSet-Cookie: a=b\u2028"
    answers = [
        api.post("/v1/classify", json={"texts": ["a"], "topics": [nasty]}),
        api.post("/v1/brands", json={"name": nasty, "query": "a", nasty: 1}),
        api.get("/v1/feedback", params={nasty: "1"}),
        api.get(f"/v1/brands/{'%0d%0aSet-Cookie:%20a=b'}"),
        api.post("/v1/imports", content=b"x", params={"filename": f"{nasty}.csv"}),
    ]
    for answer in answers:
        assert answer.headers["content-type"] in {"application/json", "application/problem+json"}
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert "set-cookie" not in answer.headers
        assert answer.json()


def test_customers_words_are_not_kept_by_caches_on_the_way(api: Client) -> None:
    assert api.get("/v1/feedback").headers["cache-control"] == "no-store"


def test_every_error_on_purpose_has_its_status_or_is_a_500() -> None:
    assert kind_of(InvalidQuery("x")) == KINDS[InvalidInput]
    assert kind_of(TransientError("x")) == KINDS[TransientError]
    assert [kind_of(Misconfigured("x")), kind_of(KoeError("x"))] == [None, None]


def test_a_misconfiguration_met_in_a_request_is_not_told_to_the_client(app: FastAPI, make_key: MakeKey) -> None:
    @app.get("/broken")
    async def broken() -> None:
        raise Misconfigured("KOE_SECRET=hidden is wrong")

    with client_of(app, make_key("admin")) as api:
        answer = api.get("/broken")
    assert (answer.status_code, "hidden" in answer.text) == (500, False)
