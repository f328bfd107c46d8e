"""Slack, played by a server that holds messages to the published limits of Block Kit and answers as Slack does."""

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from store.database import Database
from store.records import Workspace
from tests.builders import NOW
from tests.workers.letters import PUBLIC_URL, Desk, a_desk
from tests.workers.receiver import Receiver, Request, a_receiver
from workers.deliver import Delivered

TOKEN = "xoxb-very-secret-token"
LONGEST = {"header": 150, "section": 3000, "context": 2000}


def faults(message: Any) -> list[str]:
    """What Slack would refuse: https://docs.slack.dev/reference/block-kit/blocks."""
    found = [] if message.get("text") else ["no_text"]
    if not 0 < len(message["blocks"]) <= 50:
        found.append("invalid_blocks")
    for block in message["blocks"]:
        texts = [block["text"]] if "text" in block else block.get("fields", []) + block.get("elements", [])
        if block["type"] not in LONGEST or not texts or len(texts) > 10:
            found.append("invalid_blocks_format")
        for text in texts:
            if text["type"] not in {"plain_text", "mrkdwn"} or not 0 < len(text["text"]) <= LONGEST[block["type"]]:
                found.append("invalid_blocks_format")
            if block["type"] == "header" and text["type"] != "plain_text":
                found.append("invalid_blocks_format")
    return found


def by_webhook(request: Request) -> tuple[int, bytes]:
    if found := faults(request.json()):
        return 400, found[0].encode()
    return (200, b"ok") if request.path.endswith("/T0/B0/s3cret") else (404, b"no_service")


def by_token(request: Request) -> tuple[int, bytes]:
    message = request.json()
    if request.headers.get("Authorization") != f"Bearer {TOKEN}":
        return 200, b'{"ok": false, "error": "invalid_auth"}'
    if message["channel"] == "#gone":
        return 200, b'{"ok": false, "error": "channel_not_found"}'
    if found := faults(message):
        return 200, json.dumps({"ok": False, "error": found[0]}).encode()
    return 200, json.dumps({"ok": True, "channel": "C1", "ts": "1772366400.000100", "message": {}}).encode()


@pytest.fixture
def slack() -> Iterator[Receiver]:
    with a_receiver() as listening:
        yield listening


@pytest.fixture
def hook(database: Database, workspace: Workspace, slack: Receiver) -> Desk:
    slack.reply = by_webhook
    return a_desk(database, workspace, "slack", {"url": f"{slack.url}/T0/B0/s3cret"}, language="ja")


def bot(database: Database, workspace: Workspace, slack: Receiver, *, token: str = TOKEN, channel: str = "#alerts") -> Desk:
    slack.reply = by_token
    return a_desk(database, workspace, "slack", {"token": token}, {"channel": channel, "api_url": slack.url})


def test_a_webhook_gets_blocks_in_the_language_of_the_channel_with_a_link_to_acknowledge(hook: Desk, slack: Receiver) -> None:
    assert hook.tell("alert.opened") == Delivered(1, 0, 0)
    message = slack.requests[0].json()
    assert message["blocks"][0]["text"]["text"].startswith("【重大】<b>A & B</b> *Co*")
    assert "1時間で1,480件（通常は約64件）、2026年3月1日 20:40 JSTから続いています。" in message["blocks"][1]["text"]["text"]
    assert f"<{PUBLIC_URL}/acknowledge/" in json.dumps(message["blocks"])
    assert hook.deliveries()[0].answer == "200 ok"


def test_several_alerts_are_listed_the_worst_first(hook: Desk, slack: Receiver) -> None:
    hook.enqueue_group()
    assert hook.run() == Delivered(1, 0, 0)
    blocks = slack.requests[0].json()["blocks"]
    assert "の苦情の急増2件、最も深刻なもの：配送に関する苦情 1,480件" in blocks[0]["text"]["text"]
    assert blocks[2]["text"]["text"] == "• 【重大】配送に関する苦情 1,480件（通常は約64件）\n• 【低】苦情 70件（通常は約64件）"


def test_no_name_calls_everybody_or_becomes_markup(hook: Desk, slack: Receiver) -> None:
    hook.tell("alert.opened")
    message = slack.requests[0].json()
    marked = [message["text"]] + [
        text["text"] for block in message["blocks"] for text in block.get("fields", []) if text["type"] == "mrkdwn"
    ]
    assert "&lt;!channel&gt;" in message["text"]
    assert [text for text in marked if "<!" in text or "<b>" in text] == []


def test_a_test_is_marked_and_bears_no_link(hook: Desk, slack: Receiver) -> None:
    assert hook.test() == Delivered(1, 0, 0)
    message = slack.requests[0].json()
    assert message["text"] == "【テスト】Koeのアラートはここに届きます"
    assert "acknowledge" not in json.dumps(message)


def test_a_webhook_that_was_removed_is_refused_for_good(database: Database, workspace: Workspace, slack: Receiver) -> None:
    slack.reply = by_webhook
    desk = a_desk(database, workspace, "slack", {"url": f"{slack.url}/T0/B0/removed"})
    assert desk.tell("alert.opened") == Delivered(0, 0, 1)
    assert desk.last_error() == "answered 404 no_service"


def test_later_changes_answer_in_the_thread_of_the_first(database: Database, workspace: Workspace, slack: Receiver) -> None:
    desk = bot(database, workspace, slack)
    assert desk.tell("alert.opened", "alert.resolved") == Delivered(2, 0, 0)
    assert [request.json().get("thread_ts") for request in slack.requests] == [None, "1772366400.000100"]
    assert slack.requests[0].json()["channel"] == "#alerts"


@pytest.mark.parametrize(
    ("token", "channel", "reason"), [("xoxb-old-token", "#alerts", "invalid_auth"), (TOKEN, "#gone", "channel_not_found")]
)
def test_a_yes_that_means_no_is_a_refusal(
    database: Database, workspace: Workspace, slack: Receiver, token: str, channel: str, reason: str
) -> None:
    desk = bot(database, workspace, slack, token=token, channel=channel)
    assert desk.tell("alert.opened") == Delivered(0, 0, 1)
    assert desk.last_error() == f"Slack refused it: {reason}"


@pytest.mark.parametrize("said", [b'{"ok": false, "error": "ratelimited"}', b'{"ok": false, "error": "internal_error"}', b"<html>oops"])
def test_a_no_that_passes_is_tried_again(database: Database, workspace: Workspace, slack: Receiver, said: bytes) -> None:
    desk = bot(database, workspace, slack)
    slack.reply = lambda _: (200, said)
    assert desk.tell("alert.opened") == Delivered(0, 1, 0)
    slack.reply, desk.now = by_token, NOW + timedelta(minutes=2)
    assert desk.run() == Delivered(1, 0, 0)


def test_the_wait_that_slack_asks_for_is_kept(hook: Desk, slack: Receiver) -> None:
    slack.answers, slack.headers = [429], {"Retry-After": "30"}
    assert hook.tell("alert.opened") == Delivered(0, 1, 0)
    assert hook.deliveries()[0].next_attempt_at == NOW + timedelta(seconds=30)


@pytest.mark.parametrize("token", ["xoxb-very-secret-token\n", "xoxb-très-secret"])
def test_a_token_that_is_no_header_is_refused_without_being_told(
    database: Database, workspace: Workspace, slack: Receiver, token: str
) -> None:
    desk = bot(database, workspace, slack, token=token)
    assert desk.tell("alert.opened") == Delivered(0, 0, 1)
    (told,) = desk.deliveries()
    assert told.last_error is not None
    assert "blank or a letter that HTTP does not take" in told.last_error
    assert "secret" not in told.last_error
    assert not slack.requests
