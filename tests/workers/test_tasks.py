"""The Celery skin: a nudge runs its stage, the stage wakes the next one, and no error gets out."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from celery import Celery
from structlog.testing import capture_logs

from core.errors import Misconfigured, TransientError
from core.nudges import STAGES, Stage
from core.settings import Settings
from core.times import utcnow
from store.database import Database
from store.feedback import add_new
from store.imports import append_bytes, complete_upload, create_import
from store.records import NewFeedback, Workspace
from store.rollups import totals
from store.workspaces import create_workspace
from tests.workers.keywords import KeywordAnnotator
from workers import tasks
from workers.celery_app import create_celery, task_name
from workers.context import Context
from workers.process import open_context


@pytest.fixture
def app(tmp_path: Path) -> Celery:
    return create_celery(Settings(home=tmp_path))


@pytest.fixture
def context(tmp_path: Path, sqlite_database: Database) -> Iterator[Context]:
    settings = Settings(home=tmp_path, database_url=str(sqlite_database.url))
    opened = open_context(settings, "annotate", load=lambda _: KeywordAnnotator())
    yield opened
    opened.http.close()
    opened.webhooks.close()
    opened.database.dispose()


@pytest.fixture
def tenant(sqlite_database: Database) -> Workspace:
    with sqlite_database.write() as connection:
        return create_workspace(connection, "acme", utcnow())


def nudged(app: Celery, context: Context, run: Callable[[Context], tuple[Stage, ...]]) -> list[Stage]:
    """What a stage woke when it was nudged once."""
    woken: list[Stage] = []
    tasks.add_task(app, "detect", run, context, woken.append)
    app.tasks["koe.detect"]()
    return woken


def test_a_stage_wakes_what_follows(app: Celery, context: Context) -> None:
    assert nudged(app, context, lambda _: ("deliver",)) == ["deliver"]


def test_a_database_that_is_away_is_a_line_in_the_log(app: Celery, context: Context) -> None:
    def away(_: Context) -> tuple[Stage, ...]:
        raise TransientError("database is away")

    with capture_logs() as logs:
        assert nudged(app, context, away) == []
    assert [(entry["event"], entry["reason"]) for entry in logs] == [("stage.postponed", "database is away")]


def test_a_bug_is_a_line_in_the_log(app: Celery, context: Context) -> None:
    def wrong(_: Context) -> tuple[Stage, ...]:
        raise ZeroDivisionError

    with capture_logs() as logs:
        assert nudged(app, context, wrong) == []
    assert [(entry["event"], entry["log_level"]) for entry in logs] == [("stage.failed", "error")]


def test_a_second_nudge_of_a_stage_that_runs_ends_at_once(app: Celery, context: Context) -> None:
    begun, release, runs = threading.Event(), threading.Event(), list[int]()

    def slow(_: Context) -> tuple[Stage, ...]:
        runs.append(1)
        begun.set()
        release.wait(10)
        return ()

    tasks.add_task(app, "detect", slow, context, lambda _: None)
    thread = threading.Thread(target=app.tasks["koe.detect"])
    thread.start()
    begun.wait(10)
    app.tasks["koe.detect"]()
    release.set()
    thread.join()
    assert len(runs) == 1


def test_a_worker_that_was_asked_to_stop_begins_nothing(app: Celery, context: Context) -> None:
    context.stopping.set()
    assert nudged(app, context, lambda _: ("deliver",)) == []


def test_nudges_of_long_stages_are_acknowledged_when_they_begin(app: Celery, context: Context) -> None:
    tasks.register(app, context, lambda _: None)
    late = {stage: app.tasks[task_name(stage)].acks_late for stage in STAGES}
    assert {stage for stage, is_late in late.items() if not is_late} == {"collect", "import"}


def test_what_is_enough_ends_with_the_budget_or_with_the_process(context: Context) -> None:
    now = [utcnow()]
    enough = context.enough_after(timedelta(seconds=5), lambda: now[0])
    assert not enough()
    now[0] += timedelta(seconds=5)
    assert enough()
    later = context.enough_after(timedelta(seconds=5), lambda: now[0])
    context.stopping.set()
    assert later()


def test_a_worker_without_the_model_says_how_to_start_one(context: Context, tmp_path: Path) -> None:
    plain = open_context(context.settings, "stages", load=lambda _: KeywordAnnotator())
    assert plain.annotator is None
    with pytest.raises(Misconfigured, match="--queue annotate"):
        tasks.RUNS["annotate"](plain)
    plain.http.close()
    plain.webhooks.close()


def test_a_process_whose_model_stays_broken_ends_and_one_whose_model_recovers_does_not(
    context: Context, tenant: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    begun, ended = utcnow(), list[int]()
    now = [begun]
    monkeypatch.setattr(tasks, "utcnow", lambda: now[0])
    model = KeywordAnnotator(broken=True)
    watched = replace(context, annotator=model, reannotator=None, end=lambda: ended.append(1))

    def stage(seconds: float, *, broken: bool) -> None:
        now[0], model.broken = begun + timedelta(seconds=seconds), broken
        with context.database.write() as connection:
            add_new(connection, tenant.id, [NewFeedback(text="The parcel came late.", created_at=begun)], now=begun, live=True)
        tasks.attempt("annotate", tasks.RUNS["annotate"], watched)

    for seconds in (0, 30, 59):
        stage(seconds, broken=True)
    stage(60, broken=False)
    for seconds in (61, 120):
        stage(seconds, broken=True)
    assert ended == []
    stage(121, broken=True)
    assert ended == [1]


def test_an_upload_goes_through_all_stages(app: Celery, context: Context, tenant: Workspace) -> None:
    waiting: list[Stage] = ["import"]
    tasks.register(app, context, waiting.append)
    with context.database.write() as connection:
        upload = create_import(connection, tenant.id, filename="x.csv", source="x", mapping={}, now=utcnow())
        append_bytes(connection, upload.id, 0, b"text,created_at\nThe parcel came late.,2026-02-01\n")
        complete_upload(connection, tenant.id, upload.id)
    ran: list[Stage] = []
    while waiting:
        ran.append(waiting.pop(0))
        app.tasks[task_name(ran[-1])]()
    assert ran == ["import", "annotate", "roll_up"]
    with context.database.read() as connection:
        assert totals(connection, tenant.id, utcnow() - timedelta(days=9999), utcnow())[""].negative == 1


def test_stages_with_nothing_to_do_wake_nobody(app: Celery, context: Context) -> None:
    woken: list[Stage] = []
    tasks.register(app, context, woken.append)
    for stage in STAGES:
        app.tasks[task_name(stage)]()
    assert woken == []


def test_a_stage_whose_time_is_over_wakes_itself(app: Celery, context: Context, tenant: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tasks, "BUDGET", timedelta(0))
    woken: list[Stage] = []
    tasks.register(app, context, woken.append)
    with context.database.write() as connection:
        add_new(connection, tenant.id, [NewFeedback("late", utcnow())], now=utcnow(), live=True)
    app.tasks["koe.annotate"]()
    assert woken == ["annotate"]
