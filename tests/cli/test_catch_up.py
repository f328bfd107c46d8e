"""A command returns once all is annotated and counted: by the workers where there are any, by itself otherwise."""

import threading
from datetime import timedelta
from pathlib import Path

import pytest

from cli.catch_up import catch_up, waiting, workers_live
from core.settings import Settings
from core.times import utcnow
from nlp.annotator import Annotator
from store.database import Database
from store.feedback import add_new
from store.heartbeats import beat
from store.records import Workspace
from tests.builders import NOW, a_new_feedback
from workers import annotate, roll_up


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path)


def store(database: Database, workspace: Workspace, texts: int = 3) -> None:
    with database.write() as connection:
        add_new(connection, workspace.id, [a_new_feedback() for _ in range(texts)], now=NOW, live=False)


def say_alive(database: Database, *, seconds_ago: float) -> None:
    with database.write() as connection:
        for kind in ("annotate", "stages"):
            beat(connection, f"{kind}-1", kind, utcnow() - timedelta(seconds=seconds_ago))


def refuse_to_load(settings: Settings) -> Annotator:
    raise AssertionError("the model was loaded for nothing")


def test_nothing_waits_for_an_empty_queue(database: Database, settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("nlp.annotator.load_annotator", refuse_to_load)
    catch_up(settings, database)
    assert waiting(database) == (0, 0)


@pytest.mark.usefixtures("bundled_model")
def test_without_workers_the_command_does_it(database: Database, workspace: Workspace, settings: Settings) -> None:
    store(database, workspace)
    assert waiting(database) == (3, 0)
    catch_up(settings, database)
    assert waiting(database) == (0, 0)


def test_live_workers_are_left_to_it(
    database: Database, workspace: Workspace, settings: Settings, annotator: Annotator, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("nlp.annotator.load_annotator", refuse_to_load)
    store(database, workspace)
    say_alive(database, seconds_ago=0)

    def work() -> None:
        annotate.run(database, annotator, clock=utcnow, lease=timedelta(minutes=1), enough=lambda: False)
        roll_up.run(database, clock=utcnow, enough=lambda: False)

    worker = threading.Timer(0.5, work)
    worker.start()
    catch_up(settings, database)
    worker.join()
    assert waiting(database) == (0, 0)


@pytest.mark.usefixtures("bundled_model")
def test_workers_that_fell_silent_are_not_waited_for(database: Database, workspace: Workspace, settings: Settings) -> None:
    store(database, workspace)
    say_alive(database, seconds_ago=60)
    assert not workers_live(database)
    catch_up(settings, database)
    assert waiting(database) == (0, 0)
