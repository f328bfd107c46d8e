"""A source that changes shape: one alert until it settles, which suspends spikes; what is history or late raises none."""

from collections.abc import Sequence
from dataclasses import replace

from store.alerts import resolve_alert, why_of
from store.database import Database
from store.records import NewFeedback, Rule, RuleOptions, Workspace
from store.rules import get_rule
from tests.builders import NOW, a_new_feedback
from tests.workers.test_detect import put, settle
from tests.workers.test_watching import HOUR, a_rule, alerts, look
from workers.detect import Detected
from workers.memory import Memory

BROKEN = "<html>"
DAYS = 4


def of_shop(texts: Sequence[str], *, hours_ago: float, hours: float = 1) -> list[NewFeedback]:
    """So many live texts of the shop, spread evenly."""
    step = hours / len(texts) * HOUR
    since = NOW - hours_ago * HOUR
    return [a_new_feedback(text, created_at=since + number * step, source="shop") for number, text in enumerate(texts)]


def texts(count: int, name: object = "") -> list[str]:
    return [f"parcel {name} {number} was delivered to the neighbour who was very kind" for number in range(count)]


def days_of_the_shop(database: Database, workspace: Workspace, *, until: float = 6) -> None:
    """Fifteen live texts an hour, until some hours ago."""
    for hour in range(int(DAYS * 24 - until)):
        some = of_shop(texts(15, hour), hours_ago=DAYS * 24 - hour)
        put(database, workspace, some, live=True, now=some[-1].created_at)
    settle(database)


def broken(
    database: Database, workspace: Workspace, count: int = 100, *, hours_ago: float = 5, hours: float = 5, live: bool = True
) -> None:
    rows = of_shop([f"{BROKEN} {number}" for number in range(count)], hours_ago=hours_ago, hours=hours)
    put_as_they_come(database, workspace, rows, live=live)
    settle(database)


def put_as_they_come(database: Database, workspace: Workspace, rows: Sequence[NewFeedback], *, live: bool = True) -> None:
    for first in range(0, len(rows), 20):
        some = rows[first : first + 20]
        put(database, workspace, some, live=live, now=some[-1].created_at if live else NOW)


def a_shape_rule(database: Database, workspace: Workspace, options: RuleOptions | None = None) -> Rule:
    return a_rule(database, workspace, name="shape", measure="shape", split_by=("source",), options=options)


def test_a_source_that_breaks_is_one_alert_that_says_what_changed(database: Database, workspace: Workspace) -> None:
    a_shape_rule(database, workspace)
    days_of_the_shop(database, workspace)
    assert look(database, minutes=-6 * 60) == Detected()
    broken(database, workspace)
    memory = Memory()
    assert [look(database, minutes=minute, memory=memory).opened for minute in (0, 5, 30)] == [1, 0, 0]
    (alert,) = alerts(database, workspace)
    assert (alert.measure, alert.scope.source, alert.severity) == ("shape", "shop", "medium")
    assert NOW - 6 * HOUR <= alert.started_at <= NOW - 4 * HOUR
    assert "texts from shop (100 %) in 5 hours are unlike the usual ones" in alert.summary
    assert "The lengths of the texts changed: 8 characters and more" in alert.summary
    with database.read() as connection:
        why = why_of(connection, workspace.id, alert.id)
    assert (why["test"], why["contributions"][0]["dimension"]) == ("beta-binomial", "length")
    assert len(why["texts"]["first"]) == 3


def test_it_ends_when_the_source_is_what_it_was(database: Database, workspace: Workspace) -> None:
    a_shape_rule(database, workspace)
    days_of_the_shop(database, workspace, until=10)
    broken(database, workspace, hours_ago=10)
    memory = Memory()
    assert look(database, minutes=-5 * 60, memory=memory).opened == 1
    for hour in range(10):
        some = of_shop(texts(15, hour), hours_ago=5 - hour)
        put(database, workspace, some, live=True, now=some[-1].created_at)
    settle(database, now=NOW + 5 * HOUR)
    changes = [look(database, minutes=minute, memory=memory) for minute in range(-295, 300, 20)]
    assert (sum(one.resolved for one in changes), sum(one.opened + one.reopened for one in changes)) == (1, 0)


def test_what_somebody_resolved_is_the_usual_from_then_on(database: Database, workspace: Workspace) -> None:
    a_shape_rule(database, workspace)
    days_of_the_shop(database, workspace)
    broken(database, workspace)
    look(database)
    with database.write() as connection:
        resolve_alert(connection, workspace.id, alerts(database, workspace)[0].id, actor="key 1", now=NOW)
    broken(database, workspace, hours_ago=0, hours=3)
    assert [look(database, minutes=minute) for minute in (30, 90, 180)] == [Detected()] * 3


def test_a_spike_that_rests_on_a_changed_source_does_not_page(database: Database, workspace: Workspace) -> None:
    a_shape_rule(database, workspace)
    a_rule(database, workspace, name="spike", measure="negative")
    days_of_the_shop(database, workspace)
    rows = of_shop([f"late {number}" for number in range(100)], hours_ago=5, hours=5)
    put_as_they_come(database, workspace, rows)
    settle(database)
    assert look(database).opened == 1
    assert [alert.measure for alert in alerts(database, workspace)] == ["shape"]


def test_late_rows_and_imports_raise_nothing(database: Database, workspace: Workspace) -> None:
    a_shape_rule(database, workspace)
    days_of_the_shop(database, workspace, until=0)
    broken(database, workspace, 400, live=False)
    broken(database, workspace, 900, hours_ago=90, hours=80, live=False)
    assert look(database) == Detected()


def test_a_budget_is_replayed_and_only_named_sources_are_watched(database: Database, workspace: Workspace) -> None:
    only = RuleOptions(budget_from="workspace", only={"source": ("app",)})
    rules = [a_shape_rule(database, workspace, RuleOptions(budget_from="workspace")), a_rule(
        database, workspace, name="app", measure="shape", split_by=("source",), options=only,
    )]  # fmt: skip
    days_of_the_shop(database, workspace)
    put(database, workspace, [replace(one, source="app") for one in of_shop(texts(20, "app"), hours_ago=1)], live=True)
    settle(database)
    look(database)
    with database.read() as connection:
        found = [get_rule(connection, workspace.id, rule.id).calibration for rule in rules]
    assert [one and (one.series, one.pages) for one in found] == [(2, 0), (1, 0)]


def test_a_beat_that_was_lost_changes_nothing_and_finds_it_later(database: Database, workspace: Workspace) -> None:
    a_shape_rule(database, workspace)
    days_of_the_shop(database, workspace)
    look(database, minutes=-6 * 60)
    broken(database, workspace)
    assert look(database, minutes=6 * 60).opened == 1
    assert look(database, minutes=6 * 60) == Detected()
