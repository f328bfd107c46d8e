"""How long a single text takes: in the model, through POST /v1/classify, and while an import is read and annotated beside it.

What: against `koe serve` on SQLite, bundled model. `model` and `api`: p50 and p99 in milliseconds of `Annotator.annotate` of one text in
this process, and of a request for one text; `api_ratio` is that of their p50. `idle` and `beside_import`: the same requests at a steady 20
a second, first with nothing beside, then while the workers read an uploaded file and annotate it; `import_ratio` is p99 beside the import
over the idle p50. `api_peak_mb`: peak memory of the API process after 40 requests for one text and one for 128, read from /proc.

Method: model and API take turns in rounds of 20 texts, one every 50 ms, so that other work on the machine meets both; the client is
http.client, which costs a tenth of a millisecond. Then an open loop: request number n is due at n/20 s whether the one before was answered
or not, and its time runs from then, so that a stall is felt by every request that it delays. One client process with kept connections on
the same machine; the first two seconds are not counted.

Correctness check: every answer is a 200 whose annotation is the same as that of the same text before, and as this process gives it; rows of
the import are still waiting for their annotation when the last measurement ends, and more of them are annotated than when it began.

    python -m benchmarks.api_latency [--seconds 60] [--rounds 10] [--rows 50000] [--json]
    python -m benchmarks.api_latency --rows 0    # model, API and memory alone
"""

import argparse
import asyncio
import http.client
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from api.schemas import AnnotationOut
from benchmarks.ingest_rate import database_url, home, serving, some_rows
from benchmarks.texts import some_texts
from core.settings import Settings
from core.times import utcnow
from nlp.annotator import Annotator, TextInput, load_annotator
from store.database import Database
from store.feedback import count_unannotated

PER_SECOND = 20
WARM_UP_SECONDS = 2
PATIENCE_SECONDS = 120
A_ROUND = 20
Answers = dict[str, object]
Report = dict[str, object]


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
        answers: Answers = {}
        report: Report = {"api_peak_mb": peak_after_a_first_use(url, key, environment)}
        annotator = load_annotator(Settings(home=Path(environment["KOE_HOME"])))
        model, api = take_turns(annotator, url, key, options.rounds, answers)
        report |= {"model": describe(model), "api": describe(api), "api_ratio": round(api.p50_ms / model.p50_ms, 2)}
        if options.rows:
            report |= measure_beside_an_import(url, key, environment, options, answers)
    print(json.dumps(report), flush=True)
    if not options.json:
        print(f"a single text through the API takes {report['api_ratio']} times what it takes in the model", file=sys.stderr)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Latency of single-text classify, idle and beside an import.")
    parser.add_argument("--seconds", type=int, default=60, help="length of each of the two open loops")
    parser.add_argument("--rounds", type=int, default=10, help="rounds of 20 texts, of the model and through the API")
    parser.add_argument("--rows", type=int, default=50_000, help="rows of the import; they must last for the loop beside it; 0: no loops")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


class Caller:
    """One kept connection."""

    def __init__(self, url: str, key: str) -> None:
        self._connection = http.client.HTTPConnection(url.removeprefix("http://"))
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}

    def classify(self, texts: Sequence[str]) -> list[object]:
        self._connection.request("POST", "/v1/classify", json.dumps({"texts": texts}), self._headers)
        answer = self._connection.getresponse()
        body = answer.read()
        assert answer.status == 200, body[:500]
        results: list[object] = json.loads(body)["results"]
        return results


def peak_after_a_first_use(url: str, key: str, environment: dict[str, str]) -> float | None:
    """Megabytes; None where there is no /proc."""
    caller, texts = Caller(url, key), some_texts(168, seed=2)
    for text in texts[:40]:
        caller.classify([text])
    caller.classify(texts[40:])
    marks = (b"cli.main\0api\0", f"KOE_HOME={environment['KOE_HOME']}\0".encode())
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            if marks[0] in (folder / "cmdline").read_bytes() and marks[1] in (folder / "environ").read_bytes():
                status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
                return round(int(status["VmHWM"].split()[0]) / 1024, 1)
        except OSError:  # somebody else's process, or one that ended
            continue
    return None


def take_turns(annotator: Annotator, url: str, key: str, rounds: int, answers: Answers) -> tuple[Latency, Latency]:
    """The model in this process, and the API; the first round of each is not counted."""
    caller, texts = Caller(url, key), some_texts(A_ROUND * (rounds + 1), seed=2)
    ways: tuple[Callable[[str], object], ...] = (
        lambda text: annotator.annotate([TextInput(text)])[0],
        lambda text: caller.classify([text])[0],
    )
    took: tuple[list[float], ...] = ([], [])
    for first in range(0, len(texts), A_ROUND):
        for annotate, times in zip(ways, took, strict=True):
            for text in texts[first : first + A_ROUND]:
                time.sleep(1 / PER_SECOND)
                started = time.perf_counter()
                annotation = annotate(text)
                times.append((time.perf_counter() - started) * 1000)
                agree(text, annotation, answers)
    model, api = (summary(times[A_ROUND:]) for times in took)
    return model, api


def agree(text: str, annotation: object, answers: Answers) -> None:
    """A text has one answer, wherever it is asked for."""
    shown = AnnotationOut.model_validate(annotation).model_dump(mode="json")
    assert answers.setdefault(text, shown) == shown, "the same text was answered differently"


def measure_beside_an_import(url: str, key: str, environment: dict[str, str], options: argparse.Namespace, answers: Answers) -> Report:
    database = Database(database_url(environment))
    idle = asyncio.run(measure(url, key, options.seconds, answers))
    waiting = begin_import(url, key, Path(environment["KOE_HOME"]), options.rows, database)
    busy = asyncio.run(measure(url, key, options.seconds, answers))
    left = count_waiting(database)
    assert left > 0, "the import was done before the measurement: ask for more --rows"
    assert left < waiting, f"nothing was annotated meanwhile: {waiting} rows waited, {left} do"
    database.dispose()
    ratio = round(busy.p99_ms / idle.p50_ms, 2)
    return {"idle": describe(idle), "beside_import": describe(busy), "import_ratio": ratio, "annotated_meanwhile": waiting - left}


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
    agree(text, answer.json()["results"][0], answers)
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
