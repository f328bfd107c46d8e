"""Services of the library apprise, each message in a confined process: what it may reach, and what an answer means."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from store.database import Database
from store.workspaces import create_workspace
from tests.builders import NOW
from tests.workers.letters import Desk, a_desk
from tests.workers.receiver import HANG, RESET, Receiver, a_receiver
from workers import apprise_url
from workers.apprise_url import defused
from workers.deliver import Delivered


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as listening:
        yield listening


@pytest.fixture
def desk(sqlite_database: Database, receiver: Receiver) -> Desk:
    with sqlite_database.write() as connection:
        workspace = create_workspace(connection, "acme", NOW)
    return a_desk(sqlite_database, workspace, "apprise", {"url": f"json://127.0.0.1:{receiver.port}/very-secret"})


def test_a_service_gets_headline_sentences_and_link(desk: Desk, receiver: Receiver) -> None:
    receiver.reply = lambda _: (200, b"taken, very-secret")
    assert desk.tell("alert.opened") == Delivered(1, 0, 0)
    sent = receiver.requests[0].json()
    assert sent["title"].startswith("Critical: 1,480 complaints on")
    assert "where about 64 were expected" in sent["message"]
    assert "https://koe.example.com/acknowledge/" in sent["message"]
    assert (sent["type"], desk.deliveries()[0].answer) == ("failure", "200 taken, …")


def test_several_alerts_are_listed(desk: Desk, receiver: Receiver) -> None:
    desk.enqueue_group()
    assert desk.run() == Delivered(1, 0, 0)
    sent = receiver.requests[0].json()
    assert "- Critical: 1,480 complaints about Delivery, usually about 64\n- Low: 70 complaints" in sent["message"]
    assert sent["type"] == "failure"


@pytest.mark.parametrize(
    ("answer", "came_of_it", "reason"),
    [
        (404, Delivered(0, 0, 1), "answered 404"),
        (503, Delivered(0, 1, 0), "answered 503"),
        (302, Delivered(0, 0, 1), "a redirect, which is not followed"),
        (RESET, Delivered(0, 1, 0), "no answer: ConnectionError"),
    ],
)
def test_an_answer_means_what_it_means_elsewhere(desk: Desk, receiver: Receiver, answer: int, came_of_it: Delivered, reason: str) -> None:
    receiver.answers, receiver.headers = [answer] * 9, {"Location": receiver.url}
    assert desk.tell("alert.opened") == came_of_it
    assert reason in str(desk.last_error())
    assert {request.path for request in receiver.requests} == {"/very-secret"}


def test_the_wait_that_a_service_asks_for_is_kept(desk: Desk, receiver: Receiver) -> None:
    receiver.answers, receiver.headers = [429] * 9, {"Retry-After": "120"}
    assert desk.tell("alert.opened") == Delivered(0, 1, 0)
    assert desk.deliveries()[0].next_attempt_at == NOW + timedelta(seconds=120)


def test_a_service_that_hangs_is_ended_in_time(desk: Desk, receiver: Receiver, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(apprise_url, "TIME_LIMIT", 4.0)
    receiver.answers = [HANG] * 9
    assert desk.tell("alert.opened") == Delivered(0, 1, 0)


def test_a_private_address_is_not_reached(desk: Desk, receiver: Receiver) -> None:
    desk.allowed = ()
    assert desk.tell("alert.opened") == Delivered(0, 0, 1)
    assert "is a private address" in str(desk.last_error())
    assert receiver.requests == []


def test_a_customers_words_call_nobody_and_hide_no_link() -> None:
    assert defused("@everyone [look](https://evil.example) <@123>") == "@\u200beveryone [look]\u200b(https://evil.example) ‹@\u200b123›"
