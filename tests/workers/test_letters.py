"""What a letter says: the words that a workspace has for its own things, in the language of the channel."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from store.database import Database
from store.records import CustomTopic, Scope, TopicShare
from store.topics import add_topic
from store.workspaces import create_workspace
from tests.builders import NOW
from tests.workers.letters import Desk, a_desk
from tests.workers.receiver import Receiver, a_receiver


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    with a_receiver() as listening:
        yield listening


@pytest.fixture
def desk(sqlite_database: Database, receiver: Receiver) -> Desk:
    """A Japanese webhook."""
    with sqlite_database.write() as connection:
        workspace = create_workspace(connection, "acme", NOW)
    return a_desk(sqlite_database, workspace, "webhook", {"url": receiver.url, "signing_secret": "s" * 16}, language="ja")


def test_topics_of_the_workspace_are_called_by_their_names(desk: Desk, receiver: Receiver) -> None:
    with desk.database.write() as connection:
        add_topic(connection, desk.workspace.id, CustomTopic("loyalty", None, (("en", "Loyalty"), ("ja", "ポイント")), (), ()), NOW)
        add_topic(connection, desk.workspace.id, CustomTopic("wifi", None, (("en", "Wi-Fi on board"),), (), ()), NOW)
    desk.alert = replace(desk.alert, scope=Scope(topic="loyalty"), top_topics=(TopicShare("wifi", 30), TopicShare("delivery", 9)))
    desk.tell("alert.opened")
    told = receiver.requests[0].json()
    assert told["headline"] == "【重大】ポイントに関する苦情 1,480件（通常は約64件）"
    assert told["text"].endswith("主な話題はWi-Fi on board（30件）、配送（9件）です。")
    assert told["alert"]["scope"]["topic"] == "loyalty"


def test_a_webhook_of_several_alerts_has_each_in_a_line_and_with_its_figures(desk: Desk, receiver: Receiver) -> None:
    desk.enqueue_group()
    desk.run()
    told = receiver.requests[0].json()
    assert told["headline"].endswith("の苦情の急増2件、最も深刻なもの：配送に関する苦情 1,480件（通常は約64件）")
    assert told["lines"] == ["【重大】配送に関する苦情 1,480件（通常は約64件）", "【低】苦情 70件（通常は約64件）"]
    assert [(one["severity"], one["observed"]) for one in told["group"]] == [("low", 70), ("critical", 1480)]
    assert told["alert"]["id"] == desk.alert.id
