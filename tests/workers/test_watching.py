"""What rules watch beside plain surges: shares, silence, numbers; and what is one surge, one voice and no surge at all."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.errors import TransientError
from insights.message import message, read_message
from insights.wording import Style, word
from store.alerts import list_alerts, resolve_alert, why_of
from store.database import Database
from store.records import Alert, AlertQuery, Author, NewFeedback, Rule, RuleOptions, Scope, Workspace
from store.rules import create_rule, get_rule, update_rule
from store.workspaces import set_dimensions
from tests.builders import NOW
from tests.workers.test_detect import MINUTE, NAMES, five_ordinary_days, put, rows, settle, surge
from workers import detect
from workers.detect import Detected
from workers.memory import Memory
from workers.sight import Sight
from workers.sight import look as sights

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)


def a_rule(
    database: Database, workspace: Workspace, *, name: str = "one", measure: str = "negative", scope: Scope | None = None,
    split_by: tuple[str, ...] = (), options: RuleOptions | None = None, least: int = 8,
) -> Rule:  # fmt: skip
    with database.write() as connection:
        return create_rule(
            connection, workspace.id, name=name, measure=measure, scope=scope or Scope(), split_by=split_by, window_minutes=60,  # type: ignore[arg-type] # one of the measures
            sensitivity=1e-4, least=least, channels=(), enabled=True, now=NOW, options=options or RuleOptions(),
        )  # fmt: skip


def look(database: Database, *, minutes: float = 0, memory: Memory | None = None) -> Detected:
    return detect.run(database, now=NOW + minutes * MINUTE, topic_names=NAMES, memory=memory)


def alerts(database: Database, workspace: Workspace) -> list[Alert]:
    with database.read() as connection:
        return list(reversed(list_alerts(connection, workspace.id, AlertQuery(), limit=100, cursor=None).rows))


def by(author: str, some: list[NewFeedback]) -> list[NewFeedback]:
    return [replace(one, author=Author(id=author)) for one in some]


def test_more_talk_is_not_more_anger(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, measure="share")
    five_ordinary_days(database, workspace)
    put(database, workspace, rows(45, since=NOW - 10 * MINUTE, minutes=10), live=True)
    put(database, workspace, rows(35, since=NOW - 10 * MINUTE, minutes=10, text="parcel"), live=True)
    settle(database)
    assert look(database) == Detected()


def test_the_same_talk_with_more_anger_pages(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, measure="share")
    five_ordinary_days(database, workspace)
    surge(database, workspace, 60)
    settle(database)
    assert look(database).opened == 1
    alert = alerts(database, workspace)[0]
    assert (alert.measure, alert.observed) == ("share", 60)
    assert alert.summary.startswith(f"60 of {alert.total} texts (100 %) were negative in 12 hours, usually 60 %, since ")


def test_a_plain_number_pages_whatever_is_usual(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, measure="volume", options=RuleOptions(threshold=12))
    surge(database, workspace, 12)
    settle(database)
    assert look(database).opened == 1


def test_a_source_that_goes_quiet_is_an_alert_of_its_own(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, measure="silence", split_by=("source",))
    five_ordinary_days(database, workspace)
    assert look(database, minutes=-30) == Detected()
    assert look(database, minutes=8 * 60).opened == 1
    alert = alerts(database, workspace)[0]
    assert (alert.measure, alert.scope.source, alert.observed) == ("silence", "api", 0)
    surge(database, workspace, 20, now=NOW + 9 * HOUR, text="parcel")
    settle(database, now=NOW + 9 * HOUR)
    assert sum(look(database, minutes=9 * 60 + minute).resolved for minute in range(0, 100, 10)) == 1


def test_a_silence_is_shown_at_its_worst_until_it_ends(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, measure="silence", split_by=("source",))
    five_ordinary_days(database, workspace)
    shown = []
    for minutes in range(0, 12 * 60, 30):
        look(database, minutes=minutes)
        shown += [one.expected - one.observed for one in alerts(database, workspace)]
    assert len(shown) > 10
    assert shown == sorted(shown)
    assert shown[-1] > shown[0] + 10
    for hour in range(4):
        again = NOW + (12 + hour) * HOUR
        put(database, workspace, rows(5, since=again, minutes=60, text=f"parcel {hour}"), live=True, now=again)
        settle(database, now=again)
        look(database, minutes=(12 + hour) * 60 + 59)
    look(database, minutes=18 * 60)
    (alert,) = alerts(database, workspace)
    assert (alert.state, alert.observed, alert.expected - alert.observed) == ("resolved", 0, shown[-1])
    with database.read() as connection:
        why = why_of(connection, workspace.id, alert.id)
    assert (why["observed"]["raw"], why["p_value"]) == (0, alert.p_value)
    ended = read_message(message(alert, "alert.resolved"))
    assert "At its lowest there were 0 in 12 hours where about 59 were expected." in word(ended, Style()).sentences


def test_a_silence_that_somebody_resolved_stays_resolved_until_the_source_speaks_and_stops_again(
    database: Database, workspace: Workspace
) -> None:
    a_rule(database, workspace, measure="silence", split_by=("source",))
    five_ordinary_days(database, workspace)
    memory = Memory()
    assert look(database, minutes=8 * 60, memory=memory).opened == 1
    with database.write() as connection:
        alert = list_alerts(connection, workspace.id, AlertQuery(), limit=1, cursor=None).rows[0]
        resolve_alert(connection, workspace.id, alert.id, actor="key ops", now=NOW + 8 * HOUR + MINUTE)
    later = [8 * 60 + 1.5, 8 * 60 + 30, 12 * 60, 48 * 60, 10 * 24 * 60]
    assert [look(database, minutes=one, memory=kept) for one in later for kept in (memory, Memory())] == [Detected()] * 10
    five_ordinary_days(database, workspace, NOW + 16 * DAY)
    assert look(database, minutes=16 * 24 * 60 - 30, memory=memory) == Detected()
    assert look(database, minutes=16 * 24 * 60 + 8 * 60, memory=memory).opened == 1


@pytest.mark.parametrize("spoke", [1, 24])
def test_a_silence_that_somebody_resolved_pages_again_once_the_source_spoke_and_stopped(
    database: Database, workspace: Workspace, spoke: int
) -> None:
    a_rule(database, workspace, measure="silence", split_by=("source",))
    five_ordinary_days(database, workspace)
    memory = Memory()
    assert look(database, minutes=8 * 60, memory=memory).opened == 1
    (first,) = alerts(database, workspace)
    with database.write() as connection:
        resolve_alert(connection, workspace.id, first.id, actor="key ops", now=NOW + 8 * HOUR + MINUTE)
    assert look(database, minutes=10 * 60 + 30, memory=memory) == Detected()
    for hour in range(11, 11 + spoke):
        put(
            database, workspace, rows(5, since=NOW + hour * HOUR, minutes=60, text=f"parcel {hour}"), live=True, now=NOW + (hour + 1) * HOUR
        )
        settle(database, now=NOW + (hour + 1) * HOUR)
        minutes = [hour * 60 + 4, hour * 60 + 30, hour * 60 + 59]
        assert [look(database, minutes=one, memory=kept) for one in minutes for kept in (memory, Memory())] == [Detected()] * 6
    stopped = (11 + spoke) * 60
    assert look(database, minutes=stopped + 30, memory=memory) == Detected()
    assert look(database, minutes=stopped + 8 * 60, memory=memory).opened == 1
    (_, alert) = alerts(database, workspace)
    assert alert.started_at >= NOW + 11 * HOUR


def test_a_spike_that_rests_on_a_silent_source_does_not_page(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, name="silent", measure="silence", split_by=("source",))
    five_ordinary_days(database, workspace)
    assert look(database, minutes=8 * 60).opened == 1
    a_rule(database, workspace, name="spike")
    surge(database, workspace, 60, now=NOW + 8.2 * HOUR)
    settle(database, now=NOW + 8.2 * HOUR)
    assert look(database, minutes=8.2 * 60).opened == 0


def test_a_source_that_was_just_connected_is_not_silent(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, measure="silence", split_by=("source",))
    put(database, workspace, rows(200, since=NOW - 30 * HOUR, minutes=600), live=True)
    settle(database)
    assert look(database) == Detected()


def test_one_surge_is_one_alert_of_the_narrowest_cause(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        set_dimensions(connection, workspace.id, ["airline"], NOW)
    a_rule(database, workspace, name="all")
    a_rule(database, workspace, name="topics", split_by=("topic",))
    a_rule(database, workspace, name="languages", split_by=("language",))
    a_rule(database, workspace, name="airlines", split_by=("attributes.airline",))
    narrow = a_rule(database, workspace, name="both", split_by=("attributes.airline", "topic"))
    five_ordinary_days(database, workspace)
    put(database, workspace, of_delta(rows(120, since=NOW - 119 * HOUR, minutes=118 * 60)), live=False)
    put(database, workspace, of_delta(rows(50, since=NOW - 10 * MINUTE, minutes=10)), live=True)
    settle(database)
    assert look(database).opened == 1
    alert = alerts(database, workspace)[0]
    assert (alert.rule_id, alert.scope) == (narrow.id, Scope(topic="delivery", attributes={"airline": "Delta"}))
    with database.read() as connection:
        others = why_of(connection, workspace.id, alert.id)["stands_for"]
    assert len(others) == 4
    assert look(database, minutes=5).opened == 0


def of_delta(some: list[NewFeedback]) -> list[NewFeedback]:
    return [replace(one, attributes={"airline": "Delta"}) for one in some]


def test_one_loud_author_counts_once(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    put(database, workspace, by("troll", rows(40, since=NOW - 10 * MINUTE, minutes=10)), live=True)
    settle(database)
    assert look(database) == Detected()


def test_a_text_that_is_copied_counts_once(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    copies = [replace(one, text="the parcel is late again, what a shame") for one in rows(40, since=NOW - 10 * MINUTE, minutes=10)]
    put(database, workspace, copies, live=True)
    settle(database)
    assert look(database) == Detected()


def test_says_how_many_people_said_it(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    surge(database, workspace, 30)
    put(database, workspace, by("troll", rows(10, since=NOW - 9 * MINUTE, minutes=8, text="late troll")), live=True)
    settle(database)
    assert look(database).opened == 1
    with database.read() as connection:
        why = why_of(connection, workspace.id, alerts(database, workspace)[0].id)
    assert (why["observed"]["raw"], why["observed"]["effective"], why["observed"]["authors"]) == (40, 31, 1)
    assert why["contributions"][0]["dimension"] == "topic"
    assert len(why["texts"]["first"]) == 3


def test_one_loud_author_is_not_critical_and_a_crowd_is(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    surge(database, workspace, 20)
    put(database, workspace, by("troll", rows(400, since=NOW - 9 * MINUTE, minutes=8, text="late troll")), live=True)
    settle(database)
    assert look(database).opened == 1
    (alert,) = alerts(database, workspace)
    with database.read() as connection:
        shown = why_of(connection, workspace.id, alert.id)["severity"]
    assert (alert.observed, alert.severity, shown["level"], shown["of_rows"]) == (420, "medium", "medium", "critical")
    assert 15 < shown["more"] < 20
    crowd = rows(110, since=NOW + MINUTE, minutes=2, text="late crowd")
    put(database, workspace, [replace(one, author=Author(id=f"a{number}")) for number, one in enumerate(crowd)], live=True)
    settle(database)
    assert look(database, minutes=3).extended == 1
    assert alerts(database, workspace)[0].severity == "critical"


def test_a_surge_that_came_and_went_while_nobody_looked_pages(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    assert look(database, minutes=-15) == Detected()
    surge(database, workspace)
    settle(database)
    assert look(database, minutes=6 * 60).opened == 1
    assert look(database, minutes=6 * 60) == Detected()
    assert look(database, minutes=5 * 60) == Detected()
    assert alerts(database, workspace)[0].started_at == NOW - 10 * MINUTE


def test_a_surge_that_came_and_went_pages_though_the_look_that_found_it_was_cut_short(
    database: Database, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    look(database, minutes=-15)
    surge(database, workspace)
    settle(database)

    def no_database(*_: object) -> list[object]:
        raise TransientError("the database went away")

    with monkeypatch.context() as patched:
        patched.setattr(detect, "choose", no_database)
        with pytest.raises(TransientError):
            look(database, minutes=6 * 60)
    assert look(database, minutes=6 * 60 + 1).opened == 1
    assert look(database, minutes=6 * 60 + 2) == Detected()


def test_a_surge_that_nobody_looked_at_is_shown_at_its_worst(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    look(database, minutes=-15)
    put(database, workspace, rows(60, since=NOW - 5 * MINUTE, minutes=40), live=True, now=NOW + 35 * MINUTE)
    settle(database, now=NOW + 35 * MINUTE)
    assert look(database, minutes=6 * 60).opened == 1
    (alert,) = alerts(database, workspace)
    assert (alert.observed, alert.started_at) == (60, NOW - 5 * MINUTE)
    assert "since 2026-03-01 11:55 UTC" in alert.summary


def test_a_silence_that_nobody_looked_at_is_shown_at_its_worst(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, measure="silence", split_by=("source",))
    five_ordinary_days(database, workspace)
    look(database, minutes=-30)
    back = NOW + 13 * HOUR
    put(database, workspace, rows(100, since=back, minutes=8 * 60, text="parcel"), live=True, now=back + HOUR)
    settle(database, now=back + HOUR)
    assert look(database, minutes=21 * 60).opened == 1
    (alert,) = alerts(database, workspace)
    assert alert.expected - alert.observed > 50
    assert NOW - 1.5 * HOUR < alert.started_at <= NOW


def change(database: Database, rule: Rule, *, minutes: float, enabled: bool = True, scope: Scope | None = None) -> None:
    with database.write() as connection:
        update_rule(
            connection, rule.workspace_id, rule.id, name=rule.name, measure=rule.measure, scope=scope or rule.scope,
            split_by=rule.split_by, window_minutes=rule.window_minutes, sensitivity=rule.sensitivity, least=rule.least,
            channels=rule.channels, enabled=enabled, now=NOW + minutes * MINUTE, options=rule.options,
        )  # fmt: skip


def test_a_rule_that_was_off_does_not_page_for_that_time(database: Database, workspace: Workspace) -> None:
    rule = a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    look(database, minutes=-15)
    change(database, rule, minutes=-14, enabled=False)
    surge(database, workspace)
    settle(database)
    change(database, rule, minutes=6 * 60)
    assert look(database, minutes=6 * 60 + 1) == Detected()
    again = NOW + 7 * HOUR
    surge(database, workspace, 60, now=again)
    settle(database, now=again)
    assert look(database, minutes=13 * 60).opened == 1


def test_a_rule_that_watches_another_thing_missed_nothing_of_it(database: Database, workspace: Workspace) -> None:
    rule = a_rule(database, workspace, scope=Scope(source="shop"))
    five_ordinary_days(database, workspace)
    look(database, minutes=-15)
    surge(database, workspace)
    settle(database)
    change(database, rule, minutes=6 * 60, scope=Scope(source="api"))
    assert look(database, minutes=6 * 60 + 1) == Detected()


def test_ordinary_hours_that_nobody_looked_at_do_not_page(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    put(database, workspace, rows(18, since=NOW - 30 * MINUTE, minutes=360), live=True)
    settle(database)
    look(database, minutes=-30)
    assert look(database, minutes=6 * 60) == Detected()


def test_what_is_remembered_is_what_is_stored(database: Database, workspace: Workspace) -> None:
    """Looking on with a memory finds what looking anew finds, also when the past became another one."""
    rule = a_rule(database, workspace)
    five_ordinary_days(database, workspace)
    memory = Memory()
    surge(database, workspace, 9)
    settle(database)
    for minute in range(-600, 0, 50):
        look(database, minutes=minute, memory=memory)
    put(database, workspace, rows(4000, since=NOW - timedelta(days=4), minutes=90 * 60), live=False)
    surge(database, workspace, 50)
    settle(database)
    look(database, memory=memory)
    kept = memory.past(rule.id)
    fresh = Memory()
    look(database, minutes=1, memory=fresh)
    anew = fresh.past(rule.id)
    assert kept is not None
    assert anew is not None
    assert kept.learned[()] > 4000
    assert kept.learned == anew.learned


def test_a_budget_becomes_a_threshold_by_replaying_the_past(database: Database, workspace: Workspace) -> None:
    rule = a_rule(database, workspace, options=RuleOptions(budget_from="workspace"), split_by=("topic",))
    five_ordinary_days(database, workspace)
    look(database)
    with database.read() as connection:
        calibration = get_rule(connection, workspace.id, rule.id).calibration
    assert calibration is not None
    assert (calibration.series, calibration.pages, calibration.budget, calibration.sensitivity) == (1, 0, 1.0, 1e-3)
    assert 0.6 < calibration.weeks < 0.8


def test_a_budget_is_divided_by_the_series_that_are_watched(database: Database, workspace: Workspace) -> None:
    """Fifty sources are there, and the rule is asked to watch two of them."""
    only = {"source": ("shop 3", "shop 4")}
    narrow = a_rule(database, workspace, split_by=("source",), options=RuleOptions(budget_from="workspace", only=only))
    wide = a_rule(database, workspace, name="all", split_by=("source",), options=RuleOptions(budget_from="workspace"))
    some = rows(500, since=NOW - timedelta(days=5), minutes=5 * 24 * 60 - 60)
    put(database, workspace, [replace(one, source=f"shop {number % 50}") for number, one in enumerate(some)], live=False)
    settle(database)
    look(database)
    with database.read() as connection:
        calibrations = [get_rule(connection, workspace.id, rule.id).calibration for rule in (narrow, wide)]
    assert [one and one.series for one in calibrations] == [2, 50]
    assert [one and one.sensitivity for one in calibrations] == [1e-3, pytest.approx(0.5 / 168 / 50)]


def test_series_that_surge_together_share_the_allowance(database: Database, workspace: Workspace) -> None:
    """Two sources that rise alike page at a p-value that one of them alone does not page at."""
    rule = a_rule(database, workspace, split_by=("source",))
    for source in ("north", "south"):
        ordinary = rows(360, since=NOW - timedelta(days=5), minutes=118 * 60, text=f"late {source}")
        put(database, workspace, of_source(source, ordinary), live=False)
    surge_of_source(database, workspace, "north")
    (alone,) = surging(database, replace(rule, sensitivity=1e-2))
    strict = replace(rule, sensitivity=0.6 * alone.finding.p_value)
    assert surging(database, strict) == []
    surge_of_source(database, workspace, "south")
    assert [sight.scope.source for sight in surging(database, strict)] == ["north", "south"]


def of_source(source: str, some: list[NewFeedback]) -> list[NewFeedback]:
    return [replace(one, source=source) for one in some]


def surge_of_source(database: Database, workspace: Workspace, source: str) -> None:
    some = rows(20, since=NOW - 10 * MINUTE, minutes=10, text=f"late now {source}")
    put(database, workspace, of_source(source, some), live=True)
    settle(database)


def surging(database: Database, rule: Rule) -> list[Sight]:
    with database.read() as connection:
        return [sight for sight in sights(connection, rule, NOW, NAMES) if sight.finding.surging]
