"""/v1/sources: options are checked by their connector, and a secret goes in and never comes out."""

from typing import Any

import pytest

from core.nudges import Stage
from store.database import Database
from store.secrets import Vault
from store.sources import get_source, options_of
from tests.api.client import Client

FEED = {"name": "Reviews", "connector": "feed", "options": {"url": "https://example.com/feed", "token": "t0p-secret"}}


def test_connectors_say_what_they_need(api: Client) -> None:
    (feed,) = api.get("/v1/connectors").json()["data"]
    assert (feed["name"], feed["every_seconds"]) == ("feed", 900)
    assert [(option["name"], option["required"], option["secret"]) for option in feed["options"]] == [
        ("url", True, False),
        ("token", False, True),
        ("section", False, False),
    ]


def test_a_source_is_made_and_pulled_at_once(api: Client, nudges: list[Stage]) -> None:
    answer = api.post("/v1/sources", json=FEED)
    assert (answer.status_code, nudges) == (201, ["collect"])
    assert answer.json()["status"] == {"last_pull_at": None, "last_success_at": None, "last_error": None, "failures": 0, "stored": 0}
    assert (answer.json()["every_seconds"], answer.json()["enabled"]) == (900, True)


def test_a_secret_is_sealed_and_never_shown(api: Client, database: Database) -> None:
    shown = [
        api.post("/v1/sources", json=FEED),
        api.get("/v1/sources"),
        api.get("/v1/sources/1"),
        api.patch("/v1/sources/1", json={"every_seconds": 60}),
    ]
    assert all("t0p-secret" not in answer.text and "https://example.com/feed" in answer.text for answer in shown)
    with database.read() as connection:
        source = get_source(connection, "1", "1")
        assert options_of(connection, source, Vault("a secret for tests alone"))["token"] == "t0p-secret"


def test_a_secret_that_is_left_out_of_a_change_is_kept(api: Client, database: Database) -> None:
    api.post("/v1/sources", json=FEED)
    other = {"url": "https://example.com/feed", "section": "other"}
    assert api.patch("/v1/sources/1", json={"options": other}).json()["options"] == other
    with database.read() as connection:
        source = get_source(connection, "1", "1")
        assert options_of(connection, source, Vault("a secret for tests alone"))["token"] == "t0p-secret"


def test_a_secret_is_not_sent_to_a_new_address_unasked(api: Client, database: Database) -> None:
    api.post("/v1/sources", json=FEED)
    moved = {"url": "https://elsewhere.example.com/feed"}
    answer = api.patch("/v1/sources/1", json={"options": moved})
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": "token", "message": "give token again: it is not sent to a new address unasked"}],
    )
    assert api.get("/v1/sources/1").json()["options"] == {"url": "https://example.com/feed"}
    assert api.patch("/v1/sources/1", json={"options": moved | {"token": "t0p-secret"}}).json()["options"] == moved


def test_a_source_without_a_secret_moves_freely(api: Client) -> None:
    api.post("/v1/sources", json=FEED | {"options": {"url": "https://example.com/feed"}})
    assert api.patch("/v1/sources/1", json={"options": {"url": "https://elsewhere.example.com/feed"}}).status_code == 200


def test_running_and_status(api: Client, nudges: list[Stage]) -> None:
    api.post("/v1/sources", json=FEED)
    assert api.post("/v1/sources/1/run").status_code == 202
    assert api.get("/v1/sources/1/status").json()["failures"] == 0
    assert nudges == ["collect", "collect"]


def test_a_source_is_switched_off_and_deleted(api: Client) -> None:
    api.post("/v1/sources", json=FEED)
    assert api.patch("/v1/sources/1", json={"enabled": False}).json()["enabled"] is False
    assert [api.delete("/v1/sources/1").status_code, api.get("/v1/sources/1").status_code, api.post("/v1/sources/1/run").status_code] == [
        204,
        404,
        404,
    ]


@pytest.mark.parametrize(
    ("fields", "field", "reason"),
    [
        ({"connector": "carrier pigeon"}, "connector", "valid are feed"),
        ({"options": {}}, "url", "https://"),
        ({"options": {"url": "https://example.com", "token": "1"}}, "token", "begin with a letter"),
        ({"options": {"url": 5}}, "options.url", "valid string"),
        ({"every_seconds": 1}, "every_seconds", "greater than or equal to 60"),
    ],
)
def test_options_that_cannot_work_are_refused(api: Client, fields: dict[str, Any], field: str, reason: str) -> None:
    answer = api.post("/v1/sources", json=FEED | fields)
    assert answer.status_code == 422, answer.text
    assert ([fault["field"] for fault in answer.json()["errors"]], reason in answer.json()["detail"]) == ([field], True)
