"""/v1/alerts/stream behind a real server: nothing lost over a break, nothing of others, no reader that holds up the rest."""

import asyncio
import json
import logging
import re
import socket
import threading
import time
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from fastapi import FastAPI
from sqlalchemy import event
from starlette.types import Message

from api import alert_feed, alert_stream
from api.alert_feed import AlertFeed
from api.alert_stream import EventStream, rendered
from store.alerts import acknowledge_alert, list_alerts, unacknowledge_alert
from store.database import Database
from store.keys import list_keys, revoke_key
from store.records import Workspace
from store.workspaces import create_workspace
from tests.api.conftest import MakeKey
from tests.api.live import served
from tests.api.test_alerts import surge
from tests.builders import NOW
from tests.workers.waiting import wait_until

PATIENCE = 15.0
HUGE = 32_000_000
"""Bytes; more than the buffers of a connection take."""


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_feed, "POLL_SECONDS", 0.05)
    monkeypatch.setattr(alert_stream, "HEARTBEAT_SECONDS", 0.2)


@pytest.fixture
def url(app: FastAPI) -> Iterator[str]:
    with served(app) as port:
        yield f"http://127.0.0.1:{port}/v1/alerts/stream"


class Reading:
    """One stream, read in a thread: `lines` as they came."""

    def __init__(self, url: str, key: str, last: int | None = None) -> None:
        headers = {"Authorization": f"Bearer {key}"} | ({} if last is None else {"Last-Event-ID": str(last)})
        self._client = httpx.Client(trust_env=False, timeout=httpx.Timeout(PATIENCE))
        self._response = self._client.send(self._client.build_request("GET", url, headers=headers), stream=True)
        assert self._response.status_code == 200, self._response.read()
        self.lines: list[str] = []
        self.ended = threading.Event()
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._read)
        self._thread.start()
        self.wait_for(lambda: "retry: 2000" in self.lines)

    @property
    def events(self) -> list[dict[str, Any]]:
        return [json.loads(line.removeprefix("data: ")) for line in self.lines if line.startswith("data: ")]

    @property
    def ids(self) -> list[int]:
        return [int(line.removeprefix("id: ")) for line in self.lines if line.startswith("id: ")]

    def wait_for(self, happened: Any) -> None:
        deadline = time.monotonic() + PATIENCE
        while not happened():
            assert time.monotonic() < deadline, self.lines
            time.sleep(0.01)

    def hang_up(self) -> None:
        """The thread that reads does, at the next heartbeat at the latest."""
        self._closing.set()

    def close(self) -> None:
        self.hang_up()
        self._thread.join(PATIENCE)
        self._client.close()

    def _read(self) -> None:
        try:
            for line in self._response.iter_lines():
                self.lines.append(line)
                if self._closing.is_set():
                    self._response.close()
                    break
        except (httpx.HTTPError, httpx.StreamError, OSError):
            pass
        finally:
            self.ended.set()


def change(database: Database, workspace: Workspace, times: int = 1) -> None:
    """Acknowledge the alert and give it back, so many times."""
    with database.write() as connection:
        alert = list_alerts(connection, workspace.id, limit=1, cursor=None).rows[0]
        for _ in range(times):
            acknowledge_alert(connection, workspace.id, alert.id, actor="key 1", by="Mai", now=NOW)
            unacknowledge_alert(connection, workspace.id, alert.id, actor="key 1", now=NOW)


def test_changes_come_as_they_happen_with_their_numbers(url: str, database: Database, workspace: Workspace, make_key: MakeKey) -> None:
    reading = Reading(url, make_key("read"))
    surge(database, workspace.id)
    reading.wait_for(lambda: len(reading.events) == 1)
    change(database, workspace)
    reading.wait_for(lambda: len(reading.events) == 3)
    reading.close()
    assert [one["event"] for one in reading.events] == ["opened", "acknowledged", "unacknowledged"]
    assert reading.ids == sorted(set(reading.ids))
    assert (reading.events[1]["alert"]["observed"], reading.events[1]["transition"]["by"]) == (42, "Mai")
    assert "event: opened" in reading.lines


def test_a_reader_that_comes_back_misses_nothing_and_reads_nothing_twice(
    url: str, database: Database, workspace: Workspace, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_feed, "BATCH", 3)
    key = make_key("read")
    surge(database, workspace.id)
    change(database, workspace, 5)
    first = Reading(url, key, last=0)
    first.wait_for(lambda: len(first.ids) == 11)
    first.close()
    change(database, workspace, 4)
    again = Reading(url, key, last=first.ids[6])
    change(database, workspace, 2)
    again.wait_for(lambda: len(again.ids) == 16)
    time.sleep(0.3)
    again.close()
    assert again.ids == sorted(set(again.ids))
    assert again.ids[:4] == first.ids[7:]
    assert len(again.ids) == 4 + 8 + 4


def test_without_a_number_the_past_is_not_told(url: str, database: Database, workspace: Workspace, make_key: MakeKey) -> None:
    surge(database, workspace.id)
    reading = Reading(url, make_key("read"))
    change(database, workspace)
    reading.wait_for(lambda: len(reading.events) == 2)
    reading.close()
    assert reading.events[0]["event"] == "acknowledged"


def test_nothing_of_another_workspace_is_told(url: str, database: Database, workspace: Workspace, make_key: MakeKey) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
    ours, theirs = Reading(url, make_key("read"), last=0), Reading(url, make_key("read", workspace_id=other.id), last=0)
    surge(database, workspace.id, source="ours")
    surge(database, other.id, source="theirs")
    for reading, name in ((ours, "ours"), (theirs, "theirs")):
        reading.wait_for(lambda reading=reading: reading.events)
        time.sleep(0.2)
        reading.close()
        assert [one["alert"]["scope"]["source"] for one in reading.events] == [name]


def test_a_stream_ends_when_its_key_is_revoked(url: str, database: Database, workspace: Workspace, make_key: MakeKey) -> None:
    stays, goes = Reading(url, make_key("read")), Reading(url, make_key("read", "manage"))
    with database.write() as connection:
        revoke_key(connection, workspace.id, list_keys(connection, workspace.id)[-1].id, NOW)
    assert goes.ended.wait(PATIENCE)
    assert not stays.ended.is_set()
    stays.close()
    goes.close()


def test_a_silent_stream_beats_so_that_nobody_takes_it_for_dead(url: str, make_key: MakeKey) -> None:
    reading = Reading(url, make_key("read"))
    reading.wait_for(lambda: reading.lines.count(": heartbeat") >= 2)
    reading.close()


def test_a_burst_is_read_whole_by_a_reader_that_keeps_up(
    url: str, database: Database, workspace: Workspace, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_feed, "MOST_BEHIND", 2)
    surge(database, workspace.id)
    reading = Reading(url, make_key("read"))
    change(database, workspace, 10)
    reading.wait_for(lambda: len(reading.ids) == 20)
    change(database, workspace)
    reading.wait_for(lambda: len(reading.ids) == 22)
    assert reading.ids == sorted(set(reading.ids))
    assert not reading.ended.is_set()
    reading.close()


class Peer:
    """The other end of a stream without a network: it takes an event only while `reads` is set."""

    def __init__(self, feed: AlertFeed, workspace: Workspace) -> None:
        self.ids: list[int] = []
        self.reads = asyncio.Event()
        self.came = asyncio.Event()
        self._feed, self._workspace_id = feed, workspace.id

    async def follow(self) -> None:
        """Everything from the first change on."""
        position = await self._feed.position(self._workspace_id)
        await EventStream(self._feed, self._workspace_id, None, position, 0)({"type": "http"}, self._never, self._take)

    async def until(self, count: int) -> None:
        while len(self.ids) < count:
            self.came.clear()
            await asyncio.wait_for(self.came.wait(), PATIENCE)

    async def _take(self, message: Message) -> None:
        number = re.match(rb"id: (\d+)\n", message.get("body", b""))
        if number:
            await self.reads.wait()
            self.ids.append(int(number[1]))
            self.came.set()

    async def _never(self) -> Message:
        await asyncio.Event().wait()
        raise AssertionError


def test_a_reader_that_takes_nothing_is_cut(database: Database, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alert_stream, "SLOW_SECONDS", 0.05)
    surge(database, workspace.id)

    async def main() -> tuple[list[int], int]:
        feed = AlertFeed(database, rendered)
        peer = Peer(feed, workspace)
        await asyncio.wait_for(peer.follow(), PATIENCE)
        return peer.ids, feed.streams

    assert asyncio.run(main()) == ([], 0)


def test_a_reader_that_is_cut_leaves_no_socket_and_no_error_behind(
    url: str, app: FastAPI, make_key: MakeKey, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(alert_stream, "SLOW_SECONDS", 0.3)
    monkeypatch.setattr(alert_stream, "HEARTBEAT", b": " + b"x" * HUGE + b"\n\n")
    where, got = urlsplit(url), 0
    with socket.create_connection((where.hostname, where.port), timeout=PATIENCE) as peer:
        peer.sendall(f"GET {where.path} HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer {make_key('read')}\r\n\r\n".encode())
        got += len(peer.recv(1))  # it has begun
        wait_until(lambda: bool(app.state.services.feed.streams == 0), seconds=PATIENCE)
        while part := peer.recv(1_000_000):
            got += len(part)
    assert got < HUGE
    assert [record.getMessage() for record in caplog.records if record.levelno >= logging.ERROR] == []


def test_a_reader_that_stops_holds_up_nobody_and_reads_on_where_it_was(
    database: Database, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(alert_feed, "MOST_BEHIND", 2)
    surge(database, workspace.id)

    async def main() -> tuple[list[int], list[int], list[int]]:
        feed = AlertFeed(database, rendered)
        quick, slow = Peer(feed, workspace), Peer(feed, workspace)
        quick.reads.set()
        following = [asyncio.create_task(peer.follow()) for peer in (quick, slow)]
        await feed.start()
        await quick.until(1)
        for total in (11, 21):
            await asyncio.to_thread(change, database, workspace, 5)
            await quick.until(total)
        waited = list(slow.ids)
        slow.reads.set()
        await slow.until(21)
        await feed.stop()
        await asyncio.wait_for(asyncio.gather(*following), PATIENCE)
        return waited, slow.ids, quick.ids

    waited, slow, quick = asyncio.run(main())
    assert waited == []
    assert slow == quick == sorted(set(quick))


def test_many_streams_are_fed_by_one_query_at_a_time(
    url: str, app: FastAPI, database: Database, workspace: Workspace, make_key: MakeKey
) -> None:
    key = make_key("read")
    readings = [Reading(url, key) for _ in range(50)]
    asked: list[str] = []
    with database.read() as connection:
        event.listen(connection.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    began = time.monotonic()
    surge(database, workspace.id)
    for reading in readings:
        reading.wait_for(lambda reading=reading: len(reading.events) == 1)
    time.sleep(0.3)
    polls = [one for one in list(asked) if "FROM alerts JOIN alert_transitions" in one]
    assert 1 <= len(polls) <= (time.monotonic() - began) / alert_feed.POLL_SECONDS + 1
    for reading in readings:
        reading.hang_up()
    for reading in readings:
        reading.close()
    readings[0].wait_for(lambda: app.state.services.feed.streams == 0)


@pytest.mark.parametrize("number", ["x", "-1", "9" * 19, "1.5", "٣"])
def test_what_is_no_number_of_an_event_is_refused(url: str, make_key: MakeKey, number: str) -> None:
    headers = [(b"Authorization", f"Bearer {make_key('read')}".encode()), (b"Last-Event-ID", number.encode())]
    assert httpx.get(url, headers=headers, trust_env=False).status_code == 422


def test_a_key_that_may_not_read_gets_no_stream(url: str, make_key: MakeKey) -> None:
    answer = httpx.get(url, headers={"Authorization": f"Bearer {make_key('ingest')}"}, trust_env=False)
    assert answer.status_code == 403
