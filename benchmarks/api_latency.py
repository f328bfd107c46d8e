"""How long a single text takes through POST /v1/classify, on an idle machine and while an import is read and annotated beside it.

What: p50 and p99 in milliseconds of single-text requests at a steady 20 a second against `koe serve` on SQLite, bundled model; first
idle, then while the workers read an uploaded file and annotate it. `ratio` is p99 beside the import over the idle p50.

Method: an open loop. Request number n is due at n/20 s whether the one before was answered or not, and its time runs from then, so that a
stall is felt by every request that it delays. One client process with kept connections on the same machine; the first two seconds are not
counted.

Correctness check: every answer is a 200 whose annotation is the same as that of the same text before; rows of the import are still waiting
for their annotation when the second measurement ends, and more of them are annotated than when it began.

    python -m benchmarks.api_latency [--seconds 60] [--rows 50000] [--json]
"""

import argparse
import asyncio
import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from benchmarks.ingest_rate import database_url, home, serving, some_rows
from benchmarks.texts import some_texts
from core.times import utcnow
from store.database import Database
from store.feedback import count_unannotated

PER_SECOND = 20
WARM_UP_SECONDS = 2
PATIENCE_SECONDS = 120
Answers = dict[str, object]


@dataclass(frozen=True, slots=True)
class Latency:
    """Milliseconds, from the moment a request was due to the end of its answer."""

    requests: int
    p50_ms: float
    p99_ms: float
    worst_ms: float


def main() -> None:
    options = read_options()
    with home(None) as environment, serving(environment) as (url, key):
        database = Database(database_url(environment))
        answers: Answers = {}
        idle = asyncio.run(measure(url, key, options.seconds, answers))
        waiting = begin_import(url, key, Path(environment["KOE_HOME"]), options.rows, database)
        busy = asyncio.run(measure(url, key, options.seconds, answers))
        left = count_waiting(database)
        assert left > 0, "the import was done before the measurement: ask for more --rows"
        assert left < waiting, f"nothing was annotated meanwhile: {waiting} rows waited, {left} do"
        database.dispose()
    report = {"idle": describe(idle), "beside_import": describe(busy), "ratio": round(busy.p99_ms / idle.p50_ms, 2)}
    print(json.dumps(report), flush=True)
    if not options.json:
        print(
            f"p99 beside an import is {report['ratio']} times the idle p50; {waiting - left} rows were annotated meanwhile", file=sys.stderr
        )


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Latency of single-text classify, idle and beside an import.")
    parser.add_argument("--seconds", type=int, default=60, help="length of each of the two measurements")
    parser.add_argument("--rows", type=int, default=50_000, help="rows of the import; they must last for the second measurement")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


async def measure(url: str, key: str, seconds: int, answers: Answers) -> Latency:
    """Requests at their due times; `answers` holds what each text was answered first, and every later answer must equal it."""
    texts = some_texts(200, seed=2)
    headers = {"Authorization": f"Bearer {key}"}
    limits = httpx.Limits(max_keepalive_connections=50)
    async with httpx.AsyncClient(base_url=url, headers=headers, limits=limits, timeout=60, trust_env=False) as client:
        started = asyncio.get_running_loop().time()
        count = (seconds + WARM_UP_SECONDS) * PER_SECOND
        tasks = [asyncio.create_task(ask(client, texts[n % len(texts)], started + n / PER_SECOND, answers)) for n in range(count)]
        took = await asyncio.gather(*tasks)
    return summary(took[WARM_UP_SECONDS * PER_SECOND :])


async def ask(client: httpx.AsyncClient, text: str, due: float, answers: Answers) -> float:
    """Milliseconds from `due` to the answer."""
    loop = asyncio.get_running_loop()
    await asyncio.sleep(max(0.0, due - loop.time()))
    answer = await client.post("/v1/classify", json={"texts": [text]})
    took = (loop.time() - due) * 1000
    assert answer.status_code == 200, answer.text[:500]
    annotation = answer.json()["results"][0]
    assert answers.setdefault(text, annotation) == annotation, "the same text was answered differently"
    return took


def summary(took: Sequence[float]) -> Latency:
    ordered = sorted(took)
    return Latency(len(ordered), ordered[len(ordered) // 2], ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))], ordered[-1])


def begin_import(url: str, key: str, folder: Path, rows: int, database: Database) -> int:
    """Upload a file; how many rows wait for their annotation once the workers are at it."""
    path = folder / "rows.jsonl"
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in some_rows(rows, utcnow())), encoding="utf-8")
    with path.open("rb") as file:
        answer = httpx.post(
            f"{url}/v1/imports?filename=rows.jsonl",
            content=file,
            headers={"Authorization": f"Bearer {key}", "Content-Type": "application/octet-stream"},
            timeout=120,
            trust_env=False,
        )
    assert answer.status_code == 202, answer.text
    deadline = time.monotonic() + PATIENCE_SECONDS
    while count_waiting(database) == 0:
        assert time.monotonic() < deadline, "no worker takes the import"
        time.sleep(0.2)
    return rows


def count_waiting(database: Database) -> int:
    with database.read() as connection:
        return count_unannotated(connection)


def describe(latency: Latency) -> dict[str, float]:
    return {
        "requests": latency.requests,
        "p50_ms": round(latency.p50_ms, 1),
        "p99_ms": round(latency.p99_ms, 1),
        "worst_ms": round(latency.worst_ms, 1),
    }


if __name__ == "__main__":
    main()
