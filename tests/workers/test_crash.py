"""Nothing accepted is lost and nothing counts twice: real workers on a real broker, killed in the middle, on both databases."""

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import redis

from core.times import utcnow
from store.alerts import list_alerts
from store.database import Database
from store.feedback import add_new, count_unannotated
from store.heartbeats import alive
from store.reannotations import reannotation_progress
from store.records import Counts, FeedbackQuery, NewFeedback, Scope, Workspace
from store.rollups import count_touched, totals
from store.rules import create_rule
from store.search import search_feedback
from store.secrets import Vault
from tests.builders import a_webhook
from tests.workers.processes import SECRET, Processes, Role, processes
from tests.workers.receiver import a_receiver
from tests.workers.waiting import wait_until

ROWS = 600
DAY = timedelta(days=1)


@pytest.fixture
def koe(tmp_path: Path, database: Database, broker: redis.Redis) -> Iterator[Processes]:
    with processes(tmp_path, database) as started:
        yield started


def push(database: Database, workspace: Workspace, count: int, text: str, *, hours: float, live: bool = True) -> None:
    """So many texts, spread over the last hours."""
    now = utcnow()
    step = timedelta(hours=hours) / count
    rows = [NewFeedback(f"{text} {number}", now - number * step, external_id=f"{text}-{number}") for number in range(count)]
    with database.write() as connection:
        add_new(connection, workspace.id, rows, now=now, live=live)


def counts(database: Database, workspace: Workspace) -> Counts:
    with database.read() as connection:
        return totals(connection, workspace.id, utcnow() - 20 * DAY, utcnow() + DAY)[""]


def settled(database: Database) -> bool:
    """Nothing waits for the model or for counting."""
    with database.read() as connection:
        return count_unannotated(connection) == 0 == count_touched(connection)


def annotated(database: Database, workspace: Workspace) -> dict[str, int]:
    """How many texts bear annotations of which model."""
    with database.read() as connection:
        return {one.model: one.texts for one in reannotation_progress(connection, workspace.id, utcnow()).annotated}


def state(database: Database, workspace: Workspace) -> str | None:
    with database.read() as connection:
        latest = reannotation_progress(connection, workspace.id, utcnow()).latest
    return None if latest is None else latest.state


def failed(database: Database, workspace: Workspace) -> list[str]:
    with database.read() as connection:
        page = search_feedback(connection, workspace.id, FeedbackQuery(limit=1000))
    return [row.error or "no annotation" for row in page.rows if row.annotation is None]


def test_workers_killed_in_the_middle_of_batches_lose_and_double_nothing(koe: Processes, database: Database, workspace: Workspace) -> None:
    push(database, workspace, ROWS, "late", hours=3)
    koe.start("stages")
    koe.start("beat")
    for kills in range(3):
        koe.start("annotate", seconds=2)
        koe.wait_for_batches(1 + kills % 2)
        koe.kill("annotate")
        koe.kill("stages")
        koe.start("stages")
    assert not settled(database)
    koe.start("annotate")
    wait_until(lambda: settled(database), 120)
    assert failed(database, workspace) == []
    assert counts(database, workspace) == Counts(count=ROWS, effective=ROWS, negative=ROWS, complaint=ROWS)


def test_workers_killed_while_they_annotate_again_lose_double_and_miscount_nothing(
    koe: Processes, database: Database, workspace: Workspace
) -> None:
    push(database, workspace, ROWS, "parcel", hours=3, live=False)
    roles: tuple[Role, ...] = ("annotate", "stages", "beat")
    for role in roles:
        koe.start(role)
    wait_until(lambda: settled(database), 120)
    assert counts(database, workspace) == Counts(count=ROWS, effective=ROWS, neutral=ROWS)
    koe.kill("annotate")
    for kills in range(3):
        koe.start("annotate", seconds=2, model="gloomy-1")
        koe.wait_for_batches(1 + kills % 2)
        koe.kill("annotate")
        koe.kill("stages")
        koe.start("stages")
        assert sum(annotated(database, workspace).values()) == counts(database, workspace).count == ROWS
    assert annotated(database, workspace)["keywords-1"] > 0
    koe.start("annotate", model="gloomy-1")
    wait_until(lambda: state(database, workspace) == "done", 120)
    assert annotated(database, workspace) == {"gloomy-1": ROWS}
    assert counts(database, workspace) == Counts(count=ROWS, effective=ROWS, negative=ROWS, complaint=ROWS)


def test_a_broker_that_forgets_everything_loses_nothing(
    koe: Processes, database: Database, workspace: Workspace, broker: redis.Redis
) -> None:
    koe.start("annotate", seconds=0.5)
    koe.start("stages")
    koe.start("beat")
    push(database, workspace, ROWS, "late", hours=3)
    wait_until(lambda: koe.batches() > 0, 60)
    broker.flushall()
    wait_until(lambda: koe.batches() > 2, 60)
    broker.flushall()
    wait_until(lambda: settled(database), 120)
    assert counts(database, workspace).count == ROWS


def test_a_surge_pages_once_within_two_minutes_though_workers_are_killed(koe: Processes, database: Database, workspace: Workspace) -> None:
    with a_receiver() as receiver:
        with database.write() as connection:
            channel = a_webhook(connection, workspace.id, url=receiver.url, now=utcnow(), vault=Vault(SECRET))
            create_rule(
                connection, workspace.id, name="Negative", measure="negative", scope=Scope(), split_by=(), window_minutes=60,
                sensitivity=1e-4, least=8, channels=(channel.id,), enabled=True, now=utcnow(),
            )  # fmt: skip
        push(database, workspace, 300, "late history", hours=120, live=False)
        koe.start("annotate")
        koe.start("stages")
        koe.start("beat")
        wait_until(lambda: settled(database), 120)
        assert receiver.requests == []
        receiver.answers = [500]
        push(database, workspace, 60, "late now", hours=0.1)
        begun = utcnow()
        koe.kill("stages")
        koe.start("stages")
        wait_until(lambda: len(receiver.requests) >= 1, 120)
        koe.kill("stages")
        koe.start("stages")
        wait_until(lambda: len(receiver.requests) >= 2, 120)
        assert utcnow() - begun < timedelta(minutes=4)
    with database.read() as connection:
        assert len(list_alerts(connection, workspace.id, limit=10, cursor=None).rows) == 1
    assert len({request.headers["X-Koe-Delivery"] for request in receiver.requests}) == 1
    assert json.loads(receiver.requests[-1].body)["event"] == "alert.opened"


def test_each_process_says_that_it_lives(koe: Processes, database: Database) -> None:
    def living() -> list[int]:
        with database.read() as connection:
            return [alive(connection, kind, utcnow() - timedelta(seconds=30)) for kind in ("annotate", "stages", "beat")]

    for role in ("annotate", "stages", "beat"):
        koe.start(role)
    wait_until(lambda: living() == [1, 1, 1], 60)
