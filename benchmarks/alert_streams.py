"""What open streams of alerts cost a classification in the same process.

What: p50 and p99 in milliseconds of single-text POST /v1/classify at a steady 20 a second against `koe serve` on SQLite, bundled model;
first with no stream open, then with 500 of GET /v1/alerts/stream. `ratio` is p50 with the streams over p50 without.

Method: requests as `benchmarks.api_latency` makes them, an open loop. The streams are held by a process of their own on the same machine,
which reads what comes; nothing happens to alerts meanwhile, so a stream costs its heartbeat and its share of one poll a second.

Correctness check: every answer is a 200 with the annotation that the same text had before; every stream has begun before the second
measurement, and is still open and has beaten when it ends.

    python -m benchmarks.alert_streams [--seconds 30] [--streams 500] [--json]
"""

import argparse
import asyncio
import json
import multiprocessing
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from urllib.parse import urlsplit

from benchmarks.api_latency import Answers, describe, measure
from benchmarks.ingest_rate import home, serving

SHORTEST_SECONDS = 20
"""A stream beats every 15 seconds: a shorter measurement could not see that each does."""
AT_ONCE = 50
PATIENCE_SECONDS = 120


def main() -> None:
    options = read_options()
    with home(None) as environment, serving(environment) as (url, key):
        answers: Answers = {}
        without = asyncio.run(measure(url, key, options.seconds, answers))
        with streams(url, key, options.streams):
            beside = asyncio.run(measure(url, key, options.seconds, answers))
    ratio = round(beside.p50_ms / without.p50_ms, 2)
    print(json.dumps({"without": describe(without), "streams": options.streams, "with": describe(beside), "ratio": ratio}), flush=True)
    if not options.json:
        print(f"p50 with {options.streams} open streams is {ratio} times the p50 without", file=sys.stderr)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Latency of single-text classify with and without open streams of alerts.")
    parser.add_argument("--seconds", type=int, default=30, help=f"length of each of the two measurements, at least {SHORTEST_SECONDS}")
    parser.add_argument("--streams", type=int, default=500)
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.seconds < SHORTEST_SECONDS:
        parser.error(f"--seconds is at least {SHORTEST_SECONDS}: a stream beats every 15")
    return options


@contextmanager
def streams(url: str, key: str, count: int) -> Iterator[None]:
    """So many streams are open until the end of the block. Fails when one ended, or never beat."""
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=hold, args=(theirs, url, key, count))
    process.start()
    try:
        assert ours.poll(PATIENCE_SECONDS), "the streams do not open"
        assert ours.recv() == count
        yield
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
    beats = [0] * count
    begun = asyncio.Semaphore(AT_ONCE)
    ready = [asyncio.Event() for _ in range(count)]
    readers = [asyncio.create_task(_read(url, key, begun, ready[number], beats, number)) for number in range(count)]
    await asyncio.gather(*(one.wait() for one in ready))
    pipe.send(sum(not reader.done() for reader in readers))
    await asyncio.to_thread(pipe.recv)
    pipe.send(sum(not reader.done() and beats[number] > 0 for number, reader in enumerate(readers)))
    for reader in readers:
        reader.cancel()
    await asyncio.gather(*readers, return_exceptions=True)


async def _read(url: str, key: str, begun: asyncio.Semaphore, ready: asyncio.Event, beats: list[int], number: int) -> None:
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
    finally:
        ready.set()


if __name__ == "__main__":
    main()
