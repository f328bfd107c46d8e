"""Channels in the store: secrets are sealed, rotated and never shown, and how deliveries fare is kept."""

from datetime import timedelta

import pytest

from core.errors import Conflict
from store.channels import get_channel, note_failure, note_success, secrets_of, update_channel
from store.database import Database
from store.records import Channel, Workspace
from store.secrets import Vault
from tests.builders import NOW, a_webhook

VAULT = Vault("a secret of this test")
URL = "https://hooks.example.com/T0/very-secret?token=1"


@pytest.fixture
def channel(database: Database, workspace: Workspace) -> Channel:
    with database.write() as connection:
        return a_webhook(connection, workspace.id, url=URL, signing_secret="s3cret", vault=VAULT)


def health(database: Database, channel: Channel) -> tuple[str, int, str | None]:
    with database.read() as connection:
        shown = get_channel(connection, channel.workspace_id, channel.id).health
    return shown.state, shown.failures, shown.reason


def test_secrets_are_sealed_in_the_database(database: Database, channel: Channel) -> None:
    with database.read() as connection:
        assert secrets_of(connection, channel, VAULT) == {"url": URL, "signing_secret": "s3cret"}
        stored = str(connection.exec_driver_sql("SELECT sealed_options, options FROM channels").all())
    assert channel.secrets == ("signing_secret", "url")
    assert [word for word in ("very-secret", "s3cret") if word in stored or word in repr(channel.options)] == []


def test_a_rotated_secret_replaces_the_old_one_and_starts_with_a_clean_slate(database: Database, channel: Channel) -> None:
    with database.write() as connection:
        note_failure(connection, channel.id, "answered 401", NOW, refused=True)
        changed = update_channel(
            connection, channel, name="on call", target="x", options={}, secrets={"url": URL, "signing_secret": "n3w"}, vault=VAULT,
            language="ja", time_zone="Asia/Tokyo", include_quotes=True, enabled=True,
        )  # fmt: skip
        assert secrets_of(connection, channel, VAULT)["signing_secret"] == "n3w"
    assert (changed.language, changed.time_zone, changed.include_quotes, changed.health.failures) == ("ja", "Asia/Tokyo", True, 0)


def test_a_name_that_is_taken_is_a_conflict(database: Database, workspace: Workspace, channel: Channel) -> None:
    with database.write() as connection:
        a_webhook(connection, workspace.id, name="other", vault=VAULT)
        with pytest.raises(Conflict):
            update_channel(
                connection, channel, name="other", target="x", options={}, secrets={}, vault=VAULT, language="en", time_zone="UTC",
                include_quotes=False, enabled=True,
            )  # fmt: skip


def test_a_channel_that_refuses_three_times_is_broken_until_it_takes_something(database: Database, channel: Channel) -> None:
    assert health(database, channel) == ("unused", 0, None)
    states = []
    for error, refused in (("answered 404", True), ("no answer", False), ("answered 404", True), ("answered 404", True)):
        with database.write() as connection:
            note_failure(connection, channel.id, error, NOW, refused=refused)
        states.append(health(database, channel)[0])
    assert states == ["failing", "failing", "failing", "broken"]
    with database.write() as connection:
        note_success(connection, channel.id, NOW + timedelta(hours=1))
    assert health(database, channel) == ("ok", 0, None)


def test_a_receiver_that_is_away_is_failing_and_never_broken(database: Database, channel: Channel) -> None:
    with database.write() as connection:
        for _ in range(10):
            note_failure(connection, channel.id, "no answer: ConnectTimeout", NOW, refused=False)
    assert health(database, channel) == ("failing", 10, "no answer: ConnectTimeout")
