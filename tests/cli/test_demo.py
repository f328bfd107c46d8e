"""The demonstration is loaded once, shows a surge as one open alert, and a later start is neither broken nor empty."""

import shutil
from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from cli.children import environment_of
from cli.demo.load import RULE_NAME, load_demo
from cli.demo.schedule import load_templates
from cli.serve import demo_settings
from cli.setup import open_database
from core.settings import Settings
from core.times import utcnow
from nlp.annotator import Annotator
from store.alerts import list_alerts
from store.database import Database
from store.feedback import count_unannotated
from store.keys import authenticate
from store.records import Alert, Scope
from store.rollups import count_touched, totals
from workers import annotate, detect, roll_up

pytestmark = pytest.mark.usefixtures("bundled_model")
NOW = datetime(2026, 3, 11, 15, 20, tzinfo=UTC)
DAYS = 10
"""Enough history for a rule to judge by; three weeks only take longer."""
SURGE = Counter(template.mood for template in load_templates())["surge"]


@pytest.fixture(scope="module")
def first_start(annotator: Annotator, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder after the first start, before the workers did anything; and the key that was printed."""
    settings = Settings(home=tmp_path_factory.mktemp("first"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("nlp.annotator.load_annotator", lambda settings: annotator)
        database = open_database(settings)
        key = load_demo(settings, database, now=NOW, days=DAYS)
        database.dispose()
    return settings.home, key


@pytest.fixture
def settings(first_start: tuple[Path, str], tmp_path: Path) -> Settings:
    shutil.copytree(first_start[0], tmp_path / "home")
    return Settings(home=tmp_path / "home")


@pytest.fixture
def demo(settings: Settings) -> Database:
    return open_database(settings)


def work(database: Database, annotator: Annotator, now: datetime) -> list[Alert]:
    """What the workers do once they are started; the alerts there are then, newest first."""
    annotate.run(database, annotator, clock=utcnow, lease=timedelta(minutes=5), enough=lambda: False)
    roll_up.run(database, clock=utcnow, enough=lambda: False)
    detect.run(database, now=now, topic_names={})
    with database.read() as connection:
        return list(list_alerts(connection, "1", limit=10, cursor=None).rows)


def test_the_demonstration_keeps_to_its_own_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KOE_DATABASE_URL", "postgresql://koe@prod/koe")
    monkeypatch.setenv("KOE_BROKER_URL", "redis://prod/0")
    settings = demo_settings(tmp_path / "demo")
    assert settings.database() == f"sqlite:///{tmp_path / 'demo' / 'koe.sqlite3'}"
    assert not settings.broker_url
    passed_on = environment_of(settings)
    assert (passed_on["KOE_DATABASE_URL"], passed_on["KOE_BROKER_URL"]) == ("", "")


def test_the_past_is_counted_before_the_workers_start_and_the_surge_is_theirs(first_start: tuple[Path, str], demo: Database) -> None:
    with demo.read() as connection:
        assert authenticate(connection, first_start[1]) is not None
        assert (count_unannotated(connection), count_touched(connection)) == (SURGE, 0)
        assert totals(connection, "1", NOW - timedelta(days=DAYS), NOW, by=None, scope=Scope())[""].count > 50 * DAYS


def test_a_surge_of_delivery_complaints_opens_one_alert(demo: Database, annotator: Annotator) -> None:
    (alert,) = work(demo, annotator, NOW)
    assert (alert.rule_name, alert.state, alert.scope.topic) == (RULE_NAME, "open", "delivery")
    assert alert.observed > 10 * alert.expected


def test_a_second_start_adds_nothing_while_the_surge_still_shows(
    first_start: tuple[Path, str], settings: Settings, demo: Database, annotator: Annotator
) -> None:
    work(demo, annotator, NOW)
    key = load_demo(settings, demo, now=NOW + timedelta(minutes=2), days=DAYS)
    with demo.read() as connection:
        assert authenticate(connection, first_start[1]) is None
        assert authenticate(connection, key) is not None
        assert count_unannotated(connection) == 0


def test_a_start_days_later_fills_the_days_between_and_begins_a_new_surge(settings: Settings, demo: Database, annotator: Annotator) -> None:
    work(demo, annotator, NOW)
    later = NOW + timedelta(days=4)
    load_demo(settings, demo, now=later, days=DAYS)
    with demo.read() as connection:
        between = totals(connection, "1", NOW + timedelta(hours=1), later - timedelta(hours=1), by=None, scope=Scope())
    newest, oldest = work(demo, annotator, later)
    assert between[""].count > 200
    assert (newest.state, oldest.state) == ("open", "resolved")
    assert newest.started_at > oldest.started_at + timedelta(days=3)
