"""Webhooks to a receiver that fails on purpose: each change arrives once, signed, in order, and nothing is lost while it is down."""

import hashlib
import hmac
import json
import random
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from threading import Thread

import httpx
import pytest

from core.network import guarded_client
from insights.message import message
from nlp.topics import load_taxonomy
from store.alerts import open_alert
from store.channels import create_channel, get_channel
from store.database import Database
from store.deliveries import claim_due, enqueue, enqueue_test, list_deliveries
from store.records import Alert, AlertFigures, Channel, Delivery, DeliveryEvent, Scope, Workspace
from store.rules import create_rule
from store.secrets import Vault
from tests.builders import NOW, a_webhook
from tests.workers.receiver import HANG, RESET, Receiver, a_receiver
from tests.workers.waiting import wait_until
from workers import deliver, posting
from workers.deliver import LEASE, PATIENCE, Delivered, Office
from workers.letters import Outside

VAULT = Vault("a secret of this test")
SIGNING = "whsec_test"
FIGURES = AlertFigures("high", 60, 40, 5.0, (1.0, 11.0), 1e-9, (), "40 negative feedback where about 5 were expected.")


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as listening:
        yield listening


@pytest.fixture
def channel(database: Database, workspace: Workspace, receiver: Receiver) -> Channel:
    with database.write() as connection:
        return a_webhook(connection, workspace.id, url=receiver.url, signing_secret=SIGNING, vault=VAULT)


@pytest.fixture
def alert(database: Database, workspace: Workspace) -> Alert:
    with database.write() as connection:
        rule = create_rule(
            connection, workspace.id, name="Negative", measure="negative", scope=Scope(), split_by=(), window_minutes=60,
            sensitivity=1e-4, least=8, channels=(), enabled=True, now=NOW,
        )  # fmt: skip
        opened = open_alert(connection, rule, Scope(), FIGURES, started_at=NOW, seen_at=NOW, now=NOW)
    assert opened is not None
    return opened


def tell(database: Database, alert: Alert, event: DeliveryEvent, channel: Channel, now: datetime = NOW) -> None:
    with database.write() as connection:
        enqueue(connection, alert, event, [channel.id], message(alert, event), now)


def run(database: Database, now: datetime = NOW, *, allowed: tuple[str, ...] = ("127.0.0.1",)) -> Delivered:
    with guarded_client(allowed) as client:
        office = Office(database, VAULT, Outside(client, allowed), load_taxonomy())
        return deliver.run(office, clock=lambda: now, rng=random.Random(1), enough=lambda: False)


def deliveries(database: Database, workspace: Workspace) -> list[Delivery]:
    with database.read() as connection:
        return list(reversed(list_deliveries(connection, workspace.id).rows))


def events(receiver: Receiver) -> list[str]:
    return [request.headers["X-Koe-Event"] for request in receiver.requests]


def test_a_change_arrives_once(database: Database, alert: Alert, channel: Channel, receiver: Receiver) -> None:
    tell(database, alert, "alert.opened", channel)
    assert run(database) == Delivered(1, 0, 0)
    assert run(database, NOW + timedelta(hours=1)) == Delivered(0, 0, 0)
    assert events(receiver) == ["alert.opened"]
    body = receiver.requests[0].json()
    assert body | json.loads(message(alert, "alert.opened")) == body
    assert (body["id"], body["headline"]) == (f"alert-{alert.id}-1", "High: 40 negative texts, usually about 5")
    assert body["text"].startswith("40 negative texts in one hour where about 5 were expected, since 2026-03-01 12:00 UTC.")


def test_the_receiver_can_check_who_sent_it_and_when(database: Database, alert: Alert, channel: Channel, receiver: Receiver) -> None:
    tell(database, alert, "alert.opened", channel)
    run(database)
    request = receiver.requests[0]
    seconds, digest = (part.split("=")[1] for part in request.headers["X-Koe-Signature"].split(","))
    assert seconds == str(int(NOW.timestamp()))
    assert digest == hmac.new(SIGNING.encode(), f"{seconds}.".encode() + request.body, hashlib.sha256).hexdigest()
    assert request.headers["X-Koe-Delivery"] == f"alert-{alert.id}-1"
    assert request.headers["Content-Type"] == "application/json"
    assert request.headers["User-Agent"].startswith("Koe/")


@pytest.mark.parametrize("answer", [500, 503, 408, 429, RESET])
def test_a_receiver_in_trouble_is_asked_again_later_with_the_same_delivery(
    database: Database, workspace: Workspace, alert: Alert, channel: Channel, receiver: Receiver, answer: int
) -> None:
    receiver.answers = [answer]
    tell(database, alert, "alert.opened", channel)
    assert run(database) == Delivered(0, 1, 0)
    waiting = deliveries(database, workspace)[0]
    assert timedelta(seconds=7) < waiting.next_attempt_at - NOW < timedelta(seconds=13)
    assert run(database, waiting.next_attempt_at) == Delivered(1, 0, 0)
    assert len({request.headers["X-Koe-Delivery"] for request in receiver.requests}) == 1


def test_a_receiver_that_hangs_is_given_up_in_time(
    database: Database, workspace: Workspace, alert: Alert, channel: Channel, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TIME_LIMIT", 0.5)
    receiver.answers = [HANG]
    tell(database, alert, "alert.opened", channel)
    assert run(database) == Delivered(0, 1, 0)
    assert deliveries(database, workspace)[0].last_error == "no answer: ReadTimeout"


@pytest.mark.parametrize("header", ["120", format_datetime(NOW + timedelta(seconds=120), usegmt=True)])
def test_the_wait_that_a_receiver_asks_for_is_kept(
    database: Database, workspace: Workspace, alert: Alert, channel: Channel, receiver: Receiver, header: str
) -> None:
    receiver.answers, receiver.headers = [429], {"Retry-After": header}
    tell(database, alert, "alert.opened", channel)
    run(database)
    assert deliveries(database, workspace)[0].next_attempt_at == NOW + timedelta(seconds=120)
    assert run(database, NOW + timedelta(seconds=119)) == Delivered(0, 0, 0)
    assert run(database, NOW + timedelta(seconds=120)) == Delivered(1, 0, 0)


@pytest.mark.parametrize(("answer", "reason"), [(400, "answered 400"), (410, "answered 410"), (302, "a redirect, which is not followed")])
def test_a_refusal_ends_the_delivery_and_the_channel_shows_why(
    database: Database, workspace: Workspace, alert: Alert, channel: Channel, receiver: Receiver, answer: int, reason: str
) -> None:
    receiver.answers, receiver.headers = [answer], {"Location": receiver.url}
    tell(database, alert, "alert.opened", channel)
    assert run(database) == Delivered(0, 0, 1)
    with database.read() as connection:
        shown = get_channel(connection, workspace.id, channel.id).last_error
    assert shown is not None
    assert reason in shown
    assert len(receiver.requests) == 1


def test_a_private_address_is_never_reached(
    database: Database, workspace: Workspace, alert: Alert, channel: Channel, receiver: Receiver
) -> None:
    tell(database, alert, "alert.opened", channel)
    assert run(database, allowed=()) == Delivered(0, 0, 1)
    assert receiver.requests == []
    assert "KOE_ALLOWED_HOSTS" in str(deliveries(database, workspace)[0].last_error)


def test_a_later_change_waits_for_the_earlier_one(database: Database, alert: Alert, channel: Channel, receiver: Receiver) -> None:
    receiver.answers = [500]
    tell(database, alert, "alert.opened", channel)
    tell(database, alert, "alert.resolved", channel)
    run(database)
    run(database, NOW + timedelta(minutes=1))
    run(database, NOW + timedelta(minutes=2))
    assert events(receiver) == ["alert.opened", "alert.opened", "alert.resolved"]


def test_a_dead_change_does_not_hold_up_the_next(database: Database, alert: Alert, channel: Channel, receiver: Receiver) -> None:
    receiver.answers = [400]
    tell(database, alert, "alert.opened", channel)
    tell(database, alert, "alert.resolved", channel)
    assert run(database) == Delivered(1, 0, 1)


def test_a_receiver_that_was_down_for_a_day_loses_nothing(
    database: Database, workspace: Workspace, alert: Alert, channel: Channel, receiver: Receiver
) -> None:
    now = NOW
    receiver.answers = [500] * 1000
    tell(database, alert, "alert.opened", channel)
    while now < NOW + timedelta(days=1):
        run(database, now)
        now = max(now + timedelta(minutes=1), deliveries(database, workspace)[0].next_attempt_at)
    attempts = len(receiver.requests)
    receiver.answers.clear()
    assert run(database, now) == Delivered(1, 0, 0)
    assert 20 < attempts < 60


def test_a_receiver_that_stays_away_is_given_up_after_three_days(
    database: Database, workspace: Workspace, alert: Alert, channel: Channel, receiver: Receiver
) -> None:
    receiver.answers = [500]
    tell(database, alert, "alert.opened", channel)
    assert run(database, NOW + PATIENCE) == Delivered(0, 0, 1)
    assert deliveries(database, workspace)[0].state == "dead"


def test_what_a_killed_worker_held_is_sent_by_the_next(database: Database, alert: Alert, channel: Channel, receiver: Receiver) -> None:
    tell(database, alert, "alert.opened", channel)
    with database.write() as connection:
        claim_due(connection, limit=1, now=NOW, lease=LEASE)
    assert run(database, NOW) == Delivered(0, 0, 0)
    assert run(database, NOW + LEASE) == Delivered(1, 0, 0)


def test_a_hanging_receiver_does_not_hold_up_another(
    database: Database, workspace: Workspace, alert: Alert, channel: Channel, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(posting, "TIME_LIMIT", 4.0)
    receiver.answers = [HANG]
    with a_receiver() as quick:
        with database.write() as connection:
            other = a_webhook(connection, workspace.id, name="quick", url=quick.url, vault=VAULT)
            enqueue(connection, alert, "alert.opened", [channel.id, other.id], message(alert, "alert.opened"), NOW)
        running = Thread(target=run, args=(database,))
        running.start()
        wait_until(lambda: len(quick.requests) == 1, seconds=3)
        running.join()


def test_a_test_of_a_channel_is_delivered_like_an_alert(
    database: Database, workspace: Workspace, channel: Channel, receiver: Receiver
) -> None:
    with database.write() as connection:
        enqueue_test(connection, workspace.id, channel.id, NOW)
    assert run(database) == Delivered(1, 0, 0)
    assert events(receiver) == ["channel.test"]


@pytest.mark.parametrize("wait", ["soon", "Mon, 01 Jan 99999999999999999999 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359"])
def test_a_nonsense_wait_is_ignored(wait: str) -> None:
    response = httpx.Response(503, headers={"Retry-After": wait})
    assert posting.judge(response, datetime.now(UTC)).retry_after in (None, timedelta(days=1))


def test_a_yes_in_a_charset_that_is_none_is_a_yes(database: Database, alert: Alert, channel: Channel, receiver: Receiver) -> None:
    receiver.reply, receiver.headers = (lambda _: (200, b"taken")), {"Content-Type": "text/plain; charset=base64"}
    tell(database, alert, "alert.opened", channel)
    assert run(database) == Delivered(1, 0, 0)


def test_a_letter_that_cannot_be_sent_holds_up_nobody_and_sends_nothing_twice(
    database: Database, workspace: Workspace, alert: Alert, channel: Channel, receiver: Receiver
) -> None:
    with database.write() as connection:
        broken = create_channel(
            connection, workspace.id, name="broken", kind="webhook", target="", secrets={"url": receiver.url}, now=NOW, vault=VAULT
        )
        enqueue(connection, alert, "alert.opened", [broken.id, channel.id], message(alert, "alert.opened"), NOW)
    assert run(database) == Delivered(delivered=1, postponed=1, dead=0)
    assert run(database, NOW + LEASE) == Delivered(delivered=0, postponed=1, dead=0)
    assert events(receiver) == ["alert.opened"]
    (held,) = [one for one in deliveries(database, workspace) if one.channel_id == broken.id]
    assert (held.state, held.last_error) == ("pending", "the message could not be sent: KeyError")
