"""/v1/channels: private targets are refused, secrets are shown once, tests are sent by the workers."""

from datetime import timedelta

import pytest

from core.nudges import Stage
from core.settings import Settings
from store.channels import list_channels, secrets_of
from store.database import Database
from store.deliveries import claim_due, mark_failed
from store.records import Delivery, Workspace
from store.secrets import Vault
from tests.api.client import Client
from tests.builders import NOW
from tests.workers.waiting import wait_until

HOOK = {"name": "on-call", "url": "https://hooks.example.invalid/koe/t0p-secret?token=hidden"}


def test_the_signing_secret_is_shown_once_and_the_address_without_its_secrets(api: Client) -> None:
    made = api.post("/v1/channels", json=HOOK)
    assert (made.status_code, len(made.json()["signing_secret"])) == (201, 50)
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
    sent = api.post("/v1/channels/1/test?wait=false")
    assert (sent.status_code, sent.json()["event"], sent.json()["state"], nudges) == (202, "channel.test", "pending", ["deliver"])
    page = api.get("/v1/channels/1/deliveries?limit=1").json()
    assert ([one["id"] for one in page["data"]], page["next"]) == ([sent.json()["id"]], None)


def test_a_deleted_channel_is_gone(api: Client) -> None:
    api.post("/v1/channels", json=HOOK)
    assert api.delete("/v1/channels/1").status_code == 204
    assert [api.get("/v1/channels/1/deliveries").status_code, api.post("/v1/channels/1/test?wait=false").status_code] == [404, 404]


def test_what_belongs_to_another_kind_is_refused_with_what_this_one_takes(api: Client) -> None:
    answer = api.post("/v1/channels", json=HOOK | {"routing_key": "a" * 32})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"field": "routing_key", "message": "routing_key is not for a channel of the kind webhook; it takes url, signing_secret"}
    ]


PAGERDUTY = {"name": "pd", "kind": "pagerduty", "routing_key": "0123456789abcdef0123456789ABCDEF"}
SLACK = {"name": "sl", "kind": "slack", "token": "xoxb-very-secret", "channel": "#alerts"}
EMAIL = {
    "name": "em", "kind": "email", "host": "mail.example.invalid", "username": "koe", "password": "hunter22", "from": "koe@example.com",
    "to": ["ops@example.com"],
}  # fmt: skip
TELEGRAM = {"name": "tg", "kind": "apprise", "url": "tgram://123456789:abcdefg_hijklmnop/12315544/"}


@pytest.mark.parametrize(
    ("body", "target", "options", "secrets"),
    [
        (PAGERDUTY, "PagerDuty", {}, ["routing_key"]),
        (SLACK, "Slack: #alerts", {"channel": "#alerts"}, ["token"]),
        (
            EMAIL,
            "ops@example.com by mail.example.invalid",
            {
                "host": "mail.example.invalid",
                "port": 587,
                "security": "starttls",
                "username": "koe",
                "from": "koe@example.com",
                "to": ["ops@example.com"],
            },
            ["password"],
        ),
        (TELEGRAM, "Telegram", {}, ["url"]),
    ],
)
def test_each_kind_shows_its_open_options_and_the_names_of_its_secrets(
    api: Client, body: dict[str, object], target: str, options: dict[str, object], secrets: list[str]
) -> None:
    made = api.post("/v1/channels", json=body)
    assert made.status_code == 201, made.text
    shown = api.get("/v1/channels/1")
    assert (shown.json()["target"], shown.json()["options"], shown.json()["secrets"]) == (target, options, secrets)
    assert [word for word in ("0123456789abcdef", "very-secret", "hunter22", "abcdefg_hij") if word in made.text + shown.text] == []
    assert (shown.json()["health"]["state"], made.json()["signing_secret"]) == ("unused", None)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        (PAGERDUTY | {"routing_key": "short"}, "routing_key"),
        (PAGERDUTY | {"api_url": "http://127.0.0.1/v2/enqueue"}, "api_url"),
        ({"name": "x", "kind": "slack"}, "url"),
        (SLACK | {"url": "https://hooks.slack.com/services/x"}, "url"),
        ({"name": "x", "kind": "slack", "token": "xoxb-1"}, "channel"),
        (EMAIL | {"security": "none"}, "security"),
        (EMAIL | {"to": []}, "to"),
        (EMAIL | {"to": ["ops@example.com\r\nBcc: all@example.com"]}, "to"),
        (EMAIL | {"from": "Koe <koe@example.com>"}, "from"),
        (EMAIL | {"host": "127.0.0.1"}, "host"),
        ({name: value for name, value in EMAIL.items() if name != "password"}, "password"),
        (EMAIL | {"port": 0}, "port"),
        (TELEGRAM | {"url": "nothing://here"}, "url"),
        (TELEGRAM | {"url": "tgram://short"}, "url"),
        (TELEGRAM | {"url": "json://127.0.0.1/x"}, "url"),
        (TELEGRAM | {"url": "mailto://user:pass@example.com"}, "url"),
        (TELEGRAM | {"url": "syslog://"}, "url"),
        (TELEGRAM | {"url": "dbus://"}, "url"),
        (TELEGRAM | {"url": "rsyslog://example.com"}, "url"),
        (TELEGRAM | {"url": "irc://example.com/#x"}, "url"),
        (TELEGRAM | {"url": "fcm://project@apikey/device?keyfile=/etc/passwd"}, "url"),
        (HOOK | {"time_zone": "Asia/Atlantis"}, "time_zone"),
        (HOOK | {"language": "tlh"}, "language"),
        (HOOK | {"kind": "pigeon"}, "kind"),
    ],
)
def test_what_cannot_work_is_refused_where_it_is_wrong(api: Client, body: dict[str, object], field: str) -> None:
    answer = api.post("/v1/channels", json=body)
    assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, field), answer.text


def test_a_change_keeps_what_it_does_not_name_and_takes_a_new_secret(api: Client, database: Database, workspace: Workspace) -> None:
    api.post("/v1/channels", json=EMAIL)
    changed = api.patch(
        "/v1/channels/1", json={"password": "n3w-one", "to": ["a@example.com"], "language": "ja", "time_zone": "Asia/Tokyo"}
    )
    assert changed.status_code == 200, changed.text
    assert (changed.json()["options"]["host"], changed.json()["options"]["to"]) == ("mail.example.invalid", ["a@example.com"])
    assert (changed.json()["language"], changed.json()["time_zone"], changed.json()["name"]) == ("ja", "Asia/Tokyo", "em")
    with database.read() as connection:
        channel = list_channels(connection, workspace.id)[0]
        assert secrets_of(connection, channel, Vault("a secret for tests alone")) == {"password": "n3w-one"}
    assert api.patch("/v1/channels/1", json={"password": None}).json()["errors"][0]["field"] == "password"
    assert api.patch("/v1/channels/1", json={"routing_key": "x"}).status_code == 422
    assert api.patch("/v1/channels/1", json={"username": None, "password": None, "enabled": False}).json()["secrets"] == []


def test_blanks_around_a_pasted_key_are_not_part_of_it(api: Client, database: Database, workspace: Workspace) -> None:
    for body in (SLACK | {"token": " xoxb-1-2\n"}, PAGERDUTY | {"routing_key": "\t" + "a" * 32 + "\r\n"}):
        made = api.post("/v1/channels", json=body)
        assert made.status_code == 201, made.text
    with database.read() as connection:
        stored = [secrets_of(connection, one, Vault("a secret for tests alone")) for one in list_channels(connection, workspace.id)]
    assert stored == [{"token": "xoxb-1-2"}, {"routing_key": "a" * 32}]


@pytest.mark.parametrize("token", ["xoxb-very secret", "xoxb-very\r\nsecret", "xoxb-very\u200bsecret", "xoxb-very-sécret", "xoxb\x00very"])
def test_a_token_that_no_header_can_carry_is_refused_and_not_repeated(api: Client, token: str) -> None:
    api.post("/v1/channels", json=SLACK)
    for answer in (api.post("/v1/channels", json=SLACK | {"token": token}), api.patch("/v1/channels/1", json={"token": token})):
        assert (answer.status_code, answer.json()["errors"][0]["field"]) == (422, "token")
        assert ("header" in answer.text, "very" in answer.text) == (True, False)


def test_a_field_that_is_null_when_a_channel_is_made_is_one_left_out(api: Client) -> None:
    hook = api.post("/v1/channels", json=HOOK | {"signing_secret": None})
    assert (hook.json()["secrets"], len(hook.json()["signing_secret"])) == (["signing_secret", "url"], 50)
    mail = api.post("/v1/channels", json=EMAIL | {"port": None, "security": None})
    assert mail.status_code == 201, mail.text
    assert (mail.json()["options"]["port"], mail.json()["options"]["security"]) == (587, "starttls")


def test_a_signing_secret_that_is_taken_away_is_made_anew_and_shown_once(api: Client, database: Database, workspace: Workspace) -> None:
    first = api.post("/v1/channels", json=HOOK).json()["signing_secret"]
    second = api.patch("/v1/channels/1", json={"signing_secret": None}).json()["signing_secret"]
    assert (len(second), second != first) == (50, True)
    with database.read() as connection:
        assert (
            secrets_of(connection, list_channels(connection, workspace.id)[0], Vault("a secret for tests alone"))["signing_secret"]
            == second
        )
    for body in ({"name": "on call"}, {"signing_secret": "s" * 20}, {"url": "https://hooks.example.invalid/other"}):
        assert api.patch("/v1/channels/1", json=body).json()["signing_secret"] is None


def test_port_and_security_that_are_taken_away_are_the_usual_ones_again(api: Client) -> None:
    open_mail = {name: value for name, value in EMAIL.items() if name not in {"username", "password"}}
    api.post("/v1/channels", json=open_mail | {"port": 25, "security": "none"})
    changed = api.patch("/v1/channels/1", json={"port": None, "security": None})
    assert changed.status_code == 200, changed.text
    assert (changed.json()["options"]["port"], changed.json()["options"]["security"]) == (587, "starttls")


@pytest.mark.parametrize(
    ("body", "change", "secret"),
    [
        (PAGERDUTY, {"api_url": "https://elsewhere.example.invalid/"}, "routing_key"),
        (SLACK, {"api_url": "https://elsewhere.example.invalid/"}, "token"),
        (SLACK | {"api_url": "https://slack.example.invalid/"}, {"api_url": None}, "token"),
        (EMAIL, {"host": "elsewhere.example.invalid"}, "password"),
        (EMAIL, {"port": 2525}, "password"),
        (EMAIL | {"security": "tls"}, {"security": "starttls"}, "password"),
    ],
)
def test_a_secret_is_not_sent_to_a_new_address_unasked(
    api: Client, body: dict[str, object], change: dict[str, object], secret: str
) -> None:
    api.post("/v1/channels", json=body)
    before = api.get("/v1/channels/1").json()
    answer = api.patch("/v1/channels/1", json=change)
    assert (answer.status_code, answer.json()["errors"]) == (
        422,
        [{"field": secret, "message": f"give {secret} again: it is not sent to a new address unasked"}],
    )
    assert api.get("/v1/channels/1").json() == before
    assert api.patch("/v1/channels/1", json=change | {secret: body[secret]}).status_code == 200


def test_what_has_no_secret_for_it_and_what_stays_where_it_is_moves_freely(api: Client) -> None:
    api.post("/v1/channels", json=EMAIL)
    assert api.patch("/v1/channels/1", json={"host": EMAIL["host"], "port": None, "name": "same"}).status_code == 200
    assert api.patch("/v1/channels/1", json={"host": "elsewhere.example.invalid", "username": None, "password": None}).status_code == 200
    assert api.patch("/v1/channels/1", json={"host": "other.example.invalid", "port": 25}).status_code == 200
    api.post("/v1/channels", json=HOOK)
    assert api.patch("/v1/channels/2", json={"url": "https://other.example.invalid/"}).status_code == 200


def test_a_test_answers_what_the_receiver_said(api: Client, database: Database) -> None:
    api.post("/v1/channels", json=HOOK)
    asked = api.begin("POST", "/v1/channels/1/test")
    claimed: list[Delivery] = []

    def claim() -> bool:
        with database.write() as connection:
            claimed.extend(claim_due(connection, limit=1, now=NOW, lease=timedelta(seconds=60)))
        return bool(claimed)

    wait_until(claim)
    with database.write() as connection:
        mark_failed(connection, claimed[0], "answered 404 no_service", None, NOW, refused=True, answer="404 no_service")
    answer = asked.result(10)
    assert (answer.status_code, answer.json()["state"], answer.json()["answer"]) == (200, "dead", "404 no_service")
    shown = api.get("/v1/channels/1").json()
    assert (shown["health"]["state"], shown["health"]["refusals"], shown["health"]["reason"]) == ("failing", 1, "answered 404 no_service")
