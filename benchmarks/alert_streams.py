"""What open streams of alerts cost a classification in the same process.

What: p50 and p99 in milliseconds of single-text POST /v1/classify at a steady 20 a second against `koe serve` on SQLite, bundled model;
first with no stream open, then with 500 of GET /v1/alerts/stream, then with these while 20 changes of alerts are committed at once, every
five seconds. `ratio` is p50 with the streams over p50 without; `told_s` the seconds from a commit until all streams had read its changes,
the wait for the poll (up to one) included.

Method: requests as `benchmarks.api_latency` makes them, an open loop. The streams are held by a process of their own on the same machine,
which reads what comes; nothing happens to alerts in the second measurement, so a stream costs its heartbeat and its share of one poll a
second. The changes are written into the database by the process that measures, as a worker does.

Correctness check: every answer is a 200 with the annotation that the same text had before; every stream has begun before the second
measurement, has read every change, and is still open and has beaten when it ends.

    python -m benchmarks.alert_streams [--seconds 30] [--streams 500] [--json]
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from threading import Thread
from urllib.parse import urlsplit

from benchmarks.api_latency import Answers, describe, measure
from benchmarks.ingest_rate import database_url, home, serving
from core.times import utcnow
from store.alerts import acknowledge_alert, last_transition, open_alert, unacknowledge_alert
from store.database import Database
from store.records import AlertFigures, Scope
from store.rules import list_rules
from store.workspaces import find_workspace

SHORTEST_SECONDS = 20
"""A stream beats every 15 seconds: a shorter measurement could not see that each does."""
AT_ONCE = 50
PATIENCE_SECONDS = 120
CHANGES = 20
EVERY_SECONDS = 5
FIGURES = AlertFigures("high", 60, 40, 5.0, (1.0, 11.0), 1e-9, (), "40 negative texts where about 5 were expected.")


def main() -> None:
    options = read_options()
    with home(None) as environment, serving(environment) as (url, key):
        answers: Answers = {}
        without = asyncio.run(measure(url, key, options.seconds, answers))
        with streams(url, key, options.streams) as holder:
            beside = asyncio.run(measure(url, key, options.seconds, answers))
            told: list[float] = []
            bursting = Thread(target=burst_often, args=(environment, holder, options.seconds, told))
            bursting.start()
            burst = asyncio.run(measure(url, key, options.seconds, answers))
            bursting.join()
    ratio = round(beside.p50_ms / without.p50_ms, 2)
    latencies = {"without": describe(without), "with": describe(beside), "burst": describe(burst)}
    print(json.dumps({"streams": options.streams, **latencies, "ratio": ratio, "told_s": [round(one, 2) for one in told]}), flush=True)
    if not options.json:
        print(f"p50 with {options.streams} open streams is {ratio} times the p50 without", file=sys.stderr)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Latency of single-text classify with and without open streams of alerts.")
    parser.add_argument("--seconds", type=int, default=30, help=f"length of each of the three measurements, at least {SHORTEST_SECONDS}")
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.seconds < SHORTEST_SECONDS:
        parser.error(f"--seconds is at least {SHORTEST_SECONDS}: a stream beats every 15")
    return options


def burst_often(environment: dict[str, str], holder: Connection, seconds: int, told: list[float]) -> None:
    """Commit 20 changes at once, every five seconds; add to `told` how long it took until all streams had them."""
    database = Database(database_url(environment))
    with database.write() as connection:
        workspace = find_workspace(connection, "default")
        assert workspace is not None
        workspace_id = workspace.id
        rule = list_rules(connection, workspace_id)[0]
        alert = open_alert(connection, rule, Scope(source="burst"), FIGURES, started_at=utcnow(), seen_at=utcnow(), now=utcnow())
    assert alert is not None
    over = time.monotonic() + seconds - EVERY_SECONDS
    while time.monotonic() < over:
        with database.write() as connection:
            for _ in range(CHANGES // 2):
                acknowledge_alert(connection, workspace_id, alert.id, actor="benchmark", now=utcnow())
                unacknowledge_alert(connection, workspace_id, alert.id, actor="benchmark", now=utcnow())
            last = last_transition(connection, workspace_id)
        began = time.time()
        holder.send(last)
        assert holder.poll(PATIENCE_SECONDS), "some streams never got it"
        told.append(holder.recv() - began)
        time.sleep(EVERY_SECONDS)
    database.dispose()


@contextmanager
def streams(url: str, key: str, count: int) -> Iterator[Connection]:
    """So many streams are open until the end of the block. Fails when one ended, or never beat.

    Whoever sends the number of a change gets the time at which all streams had read it.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(theirs, url, key, count))
    process.start()
    try:
        assert ours.poll(PATIENCE_SECONDS), "the streams do not open"
        assert ours.recv() == count
        yield ours
        ours.send("stop")
        assert ours.poll(PATIENCE_SECONDS), "the holder of the streams does not answer"
        alive = ours.recv()
        assert alive == count, f"{count - alive} of {count} streams ended or never beat"
    finally:
        process.terminate()
        process.join()


def hold(pipe: Connection, url: str, key: str, count: int) -> None:
    asyncio.run(_hold(pipe, url, key, count))


async def _hold(pipe: Connection, url: str, key: str, count: int) -> None:
    beats, seen = [0] * count, [0] * count
    begun = asyncio.Semaphore(AT_ONCE)
    ready = [asyncio.Event() for _ in range(count)]
    readers = [asyncio.create_task(_read(url, key, begun, ready[number], beats, seen, number)) for number in range(count)]
    await asyncio.gather(*(one.wait() for one in ready))
    pipe.send(sum(not reader.done() for reader in readers))
    while (asked := await asyncio.to_thread(pipe.recv)) != "stop":
        while min(seen) < asked:
            await asyncio.sleep(0.005)
        pipe.send(time.time())
    pipe.send(sum(not reader.done() and beats[number] > 0 for number, reader in enumerate(readers)))
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)


async def _read(url: str, key: str, begun: asyncio.Semaphore, ready: asyncio.Event, beats: list[int], seen: list[int], number: int) -> None:
    """A bare socket: 500 full clients would take the processor that is measured."""
    where = urlsplit(url)
    try:
        async with begun:
            reader, writer = await asyncio.open_connection(where.hostname, where.port)
            writer.write(f"GET /v1/alerts/stream HTTP/1.1\r\nHost: {where.netloc}\r\nAuthorization: Bearer {key}\r\n\r\n".encode())
            await reader.readuntil(b"retry: 2000")
        ready.set()
        while line := await reader.readline():
            beats[number] += line.startswith(b": heartbeat")
            if line.startswith(b"id: "):
                seen[number] = int(line[4:])
    finally:
        ready.set()


if __name__ == "__main__":
    main()
