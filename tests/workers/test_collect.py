"""The collect stage on a real feed: rows and cursor together, the next pull on time, and trouble kept beside the source."""

import os
from collections.abc import Callable
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path

import pytest
import structlog
from structlog.testing import LogCapture

from scrapers.http import Http
from store.database import Database
from store.feedback import count_unannotated
from store.records import RejectedRow, Source, Workspace
from store.secrets import Vault
from store.sources import claim_source, create_source, get_source, list_sources
from tests.builders import NOW
from tests.scrapers.servers import Asked, Reply, Server, serving
from workers import collect
from workers.collect import LEASE, Collected

VAULT = Vault("a secret of this test")
QUOTES = """it's "so" \\"""


def never() -> bool:
    return False


def feed(entries: int) -> bytes:
    items = "".join(
        f"<item><guid>{number}</guid><description>The parcel, number {number}, came late.</description>"
        f"<pubDate>{format_datetime(NOW - timedelta(minutes=number))}</pubDate></item>"
        for number in range(entries)
    )
    return f'<?xml version="1.0"?><rss version="2.0"><channel><title>Reviews</title>{items}</channel></rss>'.encode()


def good(_: Asked) -> Reply:
    return Reply(feed(3), headers={"ETag": '"1"'})


def a_source(database: Database, workspace: Workspace, server: Server, name: str = "Reviews") -> Source:
    with database.write() as connection:
        return create_source(
            connection, workspace.id, name=name, connector="rss", options={"url": f"{server.url}/{name}"}, every_seconds=600, now=NOW,
            vault=VAULT,
        )  # fmt: skip


def go(database: Database, folder: Path, minutes: float = 0, enough: Callable[[], bool] = never) -> Collected:
    http = Http.open(["127.0.0.1"])
    try:
        return collect.run(database, http, VAULT, folder=folder, clock=lambda: NOW + timedelta(minutes=minutes), enough=enough)
    finally:
        http.close()


def seen(database: Database, workspace: Workspace, source: Source) -> Source:
    with database.read() as connection:
        return get_source(connection, workspace.id, source.id)


def test_stores_what_a_source_has_and_remembers_how_far_it_came(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(good) as server:
        source = a_source(database, workspace, server)
        assert go(database, tmp_path) == Collected(created=3)
    pulled = seen(database, workspace, source)
    assert pulled.cursor is not None
    assert (pulled.status.stored, pulled.status.last_success_at, pulled.status.last_error) == (3, NOW, None)
    with database.read() as connection:
        assert count_unannotated(connection) == 3


def test_a_source_is_pulled_when_it_is_due_and_not_before(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(good) as server:
        a_source(database, workspace, server)
        for minutes in (0, 5, 9.9, 10, 15):
            go(database, tmp_path, minutes)
        assert len(server.asked) == 2


def test_a_second_pull_doubles_nothing(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(good) as server:
        a_source(database, workspace, server)
        go(database, tmp_path)
        assert go(database, tmp_path, 10) == Collected(unchanged=3)
    with database.read() as connection:
        assert count_unannotated(connection) == 3


def test_trouble_is_kept_beside_the_source_and_comes_less_and_less_often(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(lambda _: Reply(status=500)) as server:
        source = a_source(database, workspace, server)
        errors = go(database, tmp_path).errors
        first = seen(database, workspace, source)
        go(database, tmp_path, 10)
    second = seen(database, workspace, source)
    assert "answered 500" in errors[0]
    assert "answered 500" in str(first.status.last_error)
    assert (first.next_pull_at, second.next_pull_at) == (NOW + timedelta(minutes=10), NOW + timedelta(minutes=30))
    assert second.status.failures == 2


def test_a_wait_that_a_source_asks_for_is_kept(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(lambda _: Reply(status=429, headers={"Retry-After": "3600"})) as server:
        source = a_source(database, workspace, server)
        go(database, tmp_path)
        waiting = seen(database, workspace, source).next_pull_at
    assert waiting > NOW + timedelta(minutes=30)


def test_a_broken_source_does_not_stop_the_others(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(lambda asked: Reply(b"no feed") if "broken" in asked.path else good(asked)) as server:
        broken = a_source(database, workspace, server, "broken")
        a_source(database, workspace, server, "fine")
        collected = go(database, tmp_path)
    assert (collected.created, len(collected.errors)) == (3, 1)
    assert seen(database, workspace, broken).status.last_error


def test_a_connector_that_fails_in_a_new_way_ends_its_claim(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with database.write() as connection:
        source = create_source(
            connection, workspace.id, name="gone", connector="gopher", options={}, every_seconds=600, now=NOW, vault=VAULT
        )
    assert "unknown connector 'gopher'" in go(database, tmp_path).errors[0]
    assert seen(database, workspace, source).next_pull_at == NOW + timedelta(minutes=10)


def test_what_another_worker_pulls_is_left_to_it_until_its_lease_is_over(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(good) as server:
        source = a_source(database, workspace, server)
        with database.write() as connection:
            claim_source(connection, workspace.id, source.id, now=NOW, lease=LEASE)
        assert go(database, tmp_path) == Collected()
        assert go(database, tmp_path, LEASE / timedelta(minutes=1)).created == 3


def test_a_source_is_pulled_now_when_somebody_asks(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(good) as server:
        source = a_source(database, workspace, server)
        go(database, tmp_path)
        http = Http.open(["127.0.0.1"])
        one = collect.run_one(database, http, VAULT, workspace.id, source.id, folder=tmp_path, clock=lambda: NOW)
        with database.write() as connection:
            claim_source(connection, workspace.id, source.id, now=NOW, lease=LEASE)
        two = collect.run_one(database, http, VAULT, workspace.id, source.id, folder=tmp_path, clock=lambda: NOW)
        http.close()
    assert (one, two) == (Collected(unchanged=3), None)


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> LogCapture:
    """What is logged; capture_logs hears nothing below the level that a command set earlier in this process."""
    heard = LogCapture()
    monkeypatch.setattr(collect, "log", structlog.wrap_logger(None, processors=[heard], wrapper_class=structlog.BoundLogger))
    return heard


def test_why_rows_were_rejected_is_logged_without_the_customers_words(
    database: Database, workspace: Workspace, tmp_path: Path, heard: LogCapture
) -> None:
    own = tmp_path / workspace.id
    own.mkdir()
    for name, content in (
        ("a.csv", "text,rating\n" + "late,5\n" * 9 + 'late,"The driver\'s ""shout"""\n'),
        ("b.csv", "He shouted,5\nOh,4\n"),
        ("c 'final.csv", "text,rating\n" + "late,4\n" * 9 + "late,she shouted\n"),
    ):
        (own / name).write_text(content)
        os.utime(own / name, (1_770_000_000, 1_770_000_000))
    with database.write() as connection:
        source = create_source(
            connection, workspace.id, name="surveys", connector="survey_folder", options={}, every_seconds=60, now=NOW, vault=VAULT
        )
    collected = go(database, tmp_path)
    (told,) = heard.entries
    assert (told["source"], told["rejected"], told["reasons"]) == (source.id, 3, list(collected.reasons))
    assert collected.reasons[0] == "line 11: a.csv: rating.value '…' is not a number such as 4 or 4.5"
    assert collected.reasons[1].startswith("line 1: b.csv: no column looks like the customer's text; the columns are: '…'. The first row")
    assert collected.reasons[2] == "line 11: c 'final.csv: rating.value '…' is not a number such as 4 or 4.5"
    assert (told["event"], "shout" in str(told)) == ("source.pulled", False)


@pytest.mark.parametrize("name", ["Q1 'final.csv", 'the "new one.csv', "'", '"'])
def test_a_quote_in_the_name_of_a_file_shows_none_of_the_customers_words(name: str) -> None:
    told = collect.reason_of(RejectedRow(3, f"rating.value {'shouted'!r} is not a number", file=name))
    assert told == f"line 3: {name}: rating.value '…' is not a number"


def test_why_a_pull_failed_is_logged_without_the_customers_words(
    database: Database, workspace: Workspace, tmp_path: Path, heard: LogCapture
) -> None:
    with serving(lambda _: Reply(feed(2).replace(b"<pubDate>", b"<pubDate>he shouted "))) as server:
        source = a_source(database, workspace, server)
        go(database, tmp_path)
    (told,) = heard.entries
    assert told["error"].startswith("rss: no date that can be read: '…' is neither RFC 822 nor ISO 8601 in any of 2 entries")
    assert "shouted" not in str(told)
    assert "'he shouted" in str(seen(database, workspace, source).status.last_error)


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        (f"url {'it is'!r} is wrong", "url '…' is wrong"),
        (f"url {QUOTES!r} is wrong", "url '…' is wrong"),
        (f"the customer's {'own'!r} words", "the customer's '…' words"),
        ("cut off in 'the mid", "cut off in '…'"),
        ("x" * 500, "x" * 192),
    ],
)
def test_a_reason_is_told_without_what_it_quotes(reason: str, said: str) -> None:
    assert collect.reason_of(RejectedRow(1, reason)) == f"line 1: {said}"


def test_a_worker_that_stops_leaves_the_source_due(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(good) as server:
        source = a_source(database, workspace, server)
        with database.write() as connection:
            claimed = claim_source(connection, workspace.id, source.id, now=NOW, lease=LEASE)
        assert claimed is not None
        http = Http.open(["127.0.0.1"])
        collect.collect(database, http, VAULT, claimed, folder=tmp_path, clock=lambda: NOW, enough=lambda: True)
        http.close()
    assert seen(database, workspace, source).next_pull_at == NOW


def test_many_sources_are_pulled_in_one_run(database: Database, workspace: Workspace, tmp_path: Path) -> None:
    with serving(good) as server:
        for number in range(9):
            a_source(database, workspace, server, f"feed-{number}")
        collected = go(database, tmp_path)
    with database.read() as connection:
        assert all(source.status.last_success_at == NOW for source in list_sources(connection, workspace.id))
    assert collected == Collected(created=27)
