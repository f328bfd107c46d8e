"""How long a trend over 30 days takes with a million stored rows.

What: p50 and p99 of hourly trends over 30 days (720 buckets), by nothing, by sentiment, by topic and by brand, and of daily trends by
source and language, each as `GET /v1/trends` asks for it (pages of 1000 rows, the first page).

Method: rows spread over 30 days by hour of the day, of 5 sources, 8 languages, 20 topics and one brand, go through the store's own
functions: `add_new`, `claim_unannotated`, `save_annotations` with answers drawn at random instead of the model's, `roll_up_touched`. Then
each query is asked `--repeats` times on fresh read transactions, in turn, in one process. SQLite in a folder of its own, unless --database
is given.

Correctness check: each trend from the cells, all pages, equals the same trend counted from the rows; the sums equal the number of rows.

    python -m benchmarks.trends_query [--rows 1000000] [--repeats 100] [--database URL] [--keep FOLDER] [--json]

With --keep, a second run finds the rows of the first.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.texts import some_texts
from nlp.topics import load_taxonomy
from store.annotations import save_annotations
from store.brands import create_brand
from store.database import Database
from store.feedback import add_new, claim_unannotated, count_unannotated
from store.records import (
    SENTIMENTS,
    Annotation,
    Complaint,
    Interval,
    Language,
    NewFeedback,
    Scope,
    SentimentScore,
    Span,
    TopicMention,
    TrendQuery,
    TrendRow,
)
from store.rollups import count_touched, roll_up_touched, totals, trends
from store.workspaces import create_workspace, find_workspace

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 30
CHUNK = 5000
SOURCES = ("app-store", "survey", "mastodon", "helpdesk", "web")
LANGUAGES = ("en", "ja", "de", "es", "fr", "pt", "zh", "ar")
HOURLY = (2, 1, 1, 1, 1, 2, 4, 7, 9, 9, 9, 10, 12, 11, 9, 9, 9, 10, 12, 14, 15, 13, 9, 5)
QUERIES: dict[str, tuple[Interval, tuple[str, ...]]] = {
    "hourly": ("1h", ()),
    "hourly by sentiment": ("1h", ("sentiment",)),
    "hourly by topic": ("1h", ("topic",)),
    "hourly by brand": ("1h", ("brand",)),
    "daily by source and language": ("1d", ("source", "language")),
}


def main() -> None:
    options = read_options()
    with tempfile.TemporaryDirectory() as folder:
        kept = options.keep or Path(folder)
        kept.mkdir(parents=True, exist_ok=True)
        database = Database(options.database or f"sqlite:///{kept.absolute() / 'koe.sqlite3'}")
        database.upgrade()
        workspace, seconds = fill(database, options.rows)
        check(database, workspace, options.rows)
        report = {"rows": options.rows, "database": database.name, "filled_in_s": round(seconds, 1)}
        report |= {"ms": measure(database, workspace, options.repeats)}
        database.dispose()
    print(json.dumps(report), flush=True)
    if not options.json:
        for name, (median, worst) in report["ms"].items():
            print(f"{name:30} p50 {median:7.1f} ms   p99 {worst:7.1f} ms", file=sys.stderr)


def read_options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="p50 and p99 of trends over a million rows.")
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=100)
    parser.add_argument("--database", help="URL of an empty database; SQLite in a folder of its own without")
    parser.add_argument("--keep", type=Path, help="folder for the SQLite file, to be used again")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


# --- rows ------------------------------------------------------------------------------------------------------------


def fill(database: Database, rows: int) -> tuple[str, float]:
    """A workspace with so many annotated and counted rows, and the seconds it took to make them; one that is there is taken as it is."""
    started = time.perf_counter()
    with database.read() as connection:
        found = find_workspace(connection, "benchmark")
    if found is not None:
        return found.id, 0.0
    with database.write() as connection:
        workspace = create_workspace(connection, "benchmark", NOW).id
        create_brand(connection, workspace, name="Delivery", query="parcel OR delivery OR Lieferung", now=NOW)
    rng, done = random.Random(1), 0
    for chunk in chunks(rows, rng):
        with database.write() as connection:
            add_new(connection, workspace, chunk, now=NOW, live=False)
        annotate(database, rng)
        done += len(chunk)
        if sys.stderr.isatty():
            print(f"\r{done:,} of {rows:,} rows stored and annotated", end="", file=sys.stderr)
    while roll_up(database):
        pass
    return workspace, time.perf_counter() - started


def chunks(rows: int, rng: random.Random) -> Iterator[list[NewFeedback]]:
    texts = some_texts(5000, seed=1)
    for first in range(0, rows, CHUNK):
        yield [a_row(number, texts, rng) for number in range(first, min(first + CHUNK, rows))]


def a_row(number: int, texts: Sequence[str], rng: random.Random) -> NewFeedback:
    hour = rng.choices(range(24), HOURLY)[0]
    written = NOW - timedelta(days=DAYS) + timedelta(days=rng.randrange(DAYS), hours=hour, seconds=rng.randrange(3600))
    return NewFeedback(
        text=f"{texts[number % len(texts)]} {number}",
        created_at=written,
        source=rng.choice(SOURCES),
        external_id=str(number),
        language=rng.choice(LANGUAGES),
    )


def annotate(database: Database, rng: random.Random) -> None:
    topics = [topic.id for topic in load_taxonomy().topics]
    while True:
        with database.write() as connection:
            claimed = claim_unannotated(connection, limit=CHUNK, now=NOW, lease=timedelta(minutes=5))
            if not claimed:
                return
            save_annotations(connection, [(one, an_answer(one.language or "und", topics, rng)) for one in claimed], NOW)


def an_answer(language: str, topics: Sequence[str], rng: random.Random) -> Annotation:
    label = rng.choices(SENTIMENTS, (3, 2, 5))[0]
    mentions = tuple(TopicMention(topic, 0.9, label, (Span(0, 3),)) for topic in rng.sample(topics, rng.choice((0, 1, 1, 1, 2))))
    return Annotation(
        language=Language(language, 0.99),
        sentiment=SentimentScore(label, 0.8, {one: 0.8 if one == label else 0.1 for one in SENTIMENTS}, abstained=False),
        topics=mentions,
        complaint=Complaint(label == "negative" and rng.random() < 0.5, 0.9),
        model="benchmark",
        taxonomy="1",
    )


def roll_up(database: Database) -> int:
    with database.write() as connection:
        return roll_up_touched(connection, limit=200, now=NOW)


# --- trends ----------------------------------------------------------------------------------------------------------


def question(name: str, cursor: str | None = None) -> TrendQuery:
    interval, group = QUERIES[name]
    return TrendQuery(interval=interval, since=NOW - timedelta(days=DAYS), until=NOW, group=group, cursor=cursor)


def check(database: Database, workspace: str, rows: int) -> None:
    """Raises AssertionError unless cells and rows tell the same."""
    with database.read() as connection:
        assert (count_unannotated(connection), count_touched(connection)) == (0, 0), "not everything is annotated and counted"
        assert totals(connection, workspace, NOW - timedelta(days=DAYS), NOW, by=None, scope=Scope())[""].count == rows
    for name in QUERIES:
        from_cells, from_rows = (
            every_row(database, workspace, name, in_advance=None),
            every_row(database, workspace, name, in_advance=False),
        )
        assert from_cells == from_rows, f"{name}: cells and rows differ"
        assert name != "hourly" or sum(row.count for row in from_cells) == rows


def every_row(database: Database, workspace: str, name: str, *, in_advance: bool | None) -> list[TrendRow]:
    found: list[TrendRow] = []
    cursor: str | None = None
    with database.read() as connection:
        while True:
            page = trends(connection, workspace, question(name, cursor), in_advance=in_advance)
            found += page.rows
            if page.next is None:
                return found
            cursor = page.next


def measure(database: Database, workspace: str, repeats: int) -> dict[str, tuple[float, float]]:
    """Milliseconds, p50 and p99, of each query."""
    taken: dict[str, list[float]] = {name: [] for name in QUERIES}
    for _ in range(repeats):
        for name, times in taken.items():
            started = time.perf_counter()
            with database.read() as connection:
                trends(connection, workspace, question(name))
            times.append(1000 * (time.perf_counter() - started))
    return {name: (round(statistics.median(times), 2), round(percentile(times, 0.99), 2)) for name, times in taken.items()}


def percentile(values: Sequence[float], share: float) -> float:
    return sorted(values)[min(len(values) - 1, int(share * len(values)))]


if __name__ == "__main__":
    main()
