"""/v1/channels: private targets are refused, secrets are shown once, tests are sent by the workers."""

import pytest

from core.nudges import Stage
from core.settings import Settings
from tests.api.client import Client

HOOK = {"name": "on-call", "url": "https://hooks.example.invalid/koe/t0p-secret?token=hidden"}


def test_the_signing_secret_is_shown_once_and_the_address_without_its_secrets(api: Client) -> None:
    made = api.post("/v1/channels", json=HOOK)
    assert (made.status_code, len(made.json()["signing_secret"])) == (201, 43)
    for answer in (api.get("/v1/channels"), api.get("/v1/channels/1")):
        assert made.json()["signing_secret"] not in answer.text
        assert "hooks.example.invalid" in answer.text
        assert "t0p-secret" not in answer.text
        assert "hidden" not in answer.text


def test_a_secret_of_ones_own_is_taken(api: Client) -> None:
    assert api.post("/v1/channels", json=HOOK | {"signing_secret": "s" * 20}).json()["signing_secret"] == "s" * 20


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/x",
        "http://localhost:9000/",
        "https://10.1.2.3/",
        "http://169.254.169.254/latest/meta-data",
        "http://[::1]/",
        "http://[::ffff:127.0.0.1]/",
        "http://0x7f000001/",
        "http://2130706433/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https://",
        "https://user@:99999/",
        "hooks.example.com",
        "https://example.com/a b",
        "https://example.com/\r\nX: y",
    ],
)
def test_what_is_private_or_no_address_is_refused(api: Client, url: str) -> None:
    answer = api.post("/v1/channels", json=HOOK | {"url": url})
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "url")


@pytest.mark.parametrize("settings", [Settings(allowed_hosts=("127.0.0.1:9000",))])
def test_a_private_host_that_the_administrator_allowed_is_taken(api: Client) -> None:
    assert api.post("/v1/channels", json=HOOK | {"url": "http://127.0.0.1:9000/hook"}).status_code == 201
    assert api.post("/v1/channels", json=HOOK | {"url": "http://127.0.0.1:9001/hook", "name": "b"}).status_code == 422


def test_a_test_is_queued_for_the_workers_and_seen_among_the_deliveries(api: Client, nudges: list[Stage]) -> None:
    api.post("/v1/channels", json=HOOK)
    sent = api.post("/v1/channels/1/test")
    assert (sent.status_code, sent.json()["event"], sent.json()["state"], nudges) == (202, "channel.test", "pending", ["deliver"])
    page = api.get("/v1/channels/1/deliveries?limit=1").json()
    assert ([one["id"] for one in page["data"]], page["next"]) == ([sent.json()["id"]], None)


def test_a_deleted_channel_is_gone(api: Client) -> None:
    api.post("/v1/channels", json=HOOK)
    assert api.delete("/v1/channels/1").status_code == 204
    assert [api.get("/v1/channels/1/deliveries").status_code, api.post("/v1/channels/1/test").status_code] == [404, 404]
