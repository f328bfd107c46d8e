"""Alerts on counts that came through the stages: what surges pages once, and what is history, late or of another model never does."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from sqlalchemy import event

from nlp.adaptation import adaptation_content
from nlp.heads import Calibration
from store.adaptations import add_adaptation
from store.alerts import last_ended, list_alerts, resolve_alert, transitions, why_of
from store.annotations import correct_feedback, save_annotations
from store.brands import create_brand, delete_brand, update_brand
from store.database import Database
from store.deliveries import list_deliveries
from store.feedback import add_new, get_feedback
from store.model_changes import comparable_since
from store.records import Alert, Brand, Channel, Labels, Measure, NewFeedback, Rule, RuleOptions, Scope, Workspace
from store.rollups import roll_up_touched, totals
from store.rules import create_rule, delete_rule, update_rule
from store.secrets import Vault
from store.workspaces import create_workspace
from tests.builders import NOW, a_new_feedback, a_webhook
from tests.threads import together
from tests.workers.keywords import KeywordAnnotator
from workers import annotate, detect, notify, roll_up
from workers.detect import Detected
from workers.memory import Memory
from workers.notify import Told

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
NAMES = {"delivery": "Delivery"}


def never() -> bool:
    return False


def settle(database: Database, annotator: KeywordAnnotator | None = None, now: datetime = NOW) -> None:
    """Annotate and count everything."""
    annotate.run(database, annotator or KeywordAnnotator(), clock=lambda: now, lease=MINUTE, enough=never)
    roll_up.run(database, clock=lambda: now, enough=never)


def put(database: Database, workspace: Workspace, rows: Sequence[NewFeedback], *, live: bool, now: datetime = NOW) -> list[str]:
    with database.write() as connection:
        return [one.id for one in add_new(connection, workspace.id, rows, now=now, live=live)]


def rows(count: int, *, since: datetime, minutes: float, text: str = "late") -> list[NewFeedback]:
    """So many, spread evenly over the minutes from `since`."""
    step = minutes / count * MINUTE
    return [a_new_feedback(f"{text} {number}", created_at=since + number * step) for number in range(count)]


def five_ordinary_days(database: Database, workspace: Workspace, now: datetime = NOW) -> None:
    """Three negative and two other texts an hour, until an hour ago."""
    days = timedelta(days=5)
    put(database, workspace, rows(360, since=now - days, minutes=days / MINUTE - 60), live=False, now=now)
    put(database, workspace, rows(240, since=now - days, minutes=days / MINUTE - 60, text="parcel"), live=False, now=now)
    settle(database, now=now)


def surge(database: Database, workspace: Workspace, count: int = 40, *, now: datetime = NOW, text: str = "late") -> list[str]:
    """So many live texts in the last ten minutes."""
    return put(database, workspace, rows(count, since=now - 10 * MINUTE, minutes=10, text=text), live=True, now=now)


@pytest.fixture
def channel(database: Database, workspace: Workspace) -> Channel:
    with database.write() as connection:
        return a_webhook(connection, workspace.id, vault=Vault("a secret of this test"))


@pytest.fixture
def rule(database: Database, workspace: Workspace, channel: Channel) -> Rule:
    return a_rule(database, workspace, channels=(channel.id,))


def a_rule(
    database: Database, workspace: Workspace, *, name: str = "Negative", channels: tuple[str, ...] = (), scope: Scope | None = None,
    split_by: tuple[str, ...] = (), window_minutes: int = 60, measure: Measure = "negative", enabled: bool = True,
    options: RuleOptions | None = None,
) -> Rule:  # fmt: skip
    with database.write() as connection:
        return create_rule(
            connection, workspace.id, name=name, measure=measure, scope=scope or Scope(), split_by=split_by,
            window_minutes=window_minutes, sensitivity=1e-4, least=8, channels=channels, enabled=enabled, now=NOW,
            options=options or RuleOptions(),
        )  # fmt: skip


def look(database: Database, now: datetime = NOW, *, memory: Memory | None = None) -> Detected:
    return detect.run(database, now=now, topic_names=NAMES, memory=memory)


def look_together(database: Database, now: datetime) -> list[Detected]:
    """What four processes find that look at the same moment."""

    def one_process() -> Detected:
        mine = Database(database.url.render_as_string(hide_password=False))
        try:
            return look(mine, now)
        finally:
            mine.dispose()

    return together([one_process] * 4)


def alerts(database: Database, workspace: Workspace) -> list[Alert]:
    with database.read() as connection:
        return list(reversed(list_alerts(connection, workspace.id, limit=100, cursor=None).rows))


def told(database: Database, workspace: Workspace) -> list[str]:
    with database.read() as connection:
        return [one.event for one in reversed(list_deliveries(connection, workspace.id).rows)]


# --- the life of an alert --------------------------------------------------------------------------------------------


def test_a_surge_opens_an_alert_that_says_what_and_since_when(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    assert look(database) == Detected(opened=1)
    alert = alerts(database, workspace)[0]
    assert (alert.state, alert.observed, alert.rule_id, alert.scope) == ("open", 40, rule.id, Scope())
    assert 2 < alert.expected < 5
    assert alert.started_at == NOW - 10 * MINUTE
    assert alert.top_topics[0].topic == "delivery"
    assert "Mostly about Delivery (40)." in alert.summary


def test_an_alert_tells_of_the_topics_of_what_it_counts(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    put(database, workspace, rows(300, since=NOW - 50 * MINUTE, minutes=40), live=False)
    surge(database, workspace)
    settle(database)
    assert look(database) == Detected(opened=1)
    alert = alerts(database, workspace)[0]
    assert alert.observed == 40
    assert [(share.topic, share.count) for share in alert.top_topics] == [("delivery", 40)]
    with database.read() as connection:
        parts = why_of(connection, workspace.id, alert.id)["contributions"]
    assert [part["observed"] for part in parts if part["dimension"] == "topic"] == [40]


def test_an_ordinary_hour_opens_nothing(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace, 8)
    settle(database)
    assert look(database) == Detected()


def test_opening_is_told_to_the_channels_of_the_rule_without_the_words_of_customers(
    database: Database, workspace: Workspace, rule: Rule
) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace, text="late and secret words")
    settle(database)
    look(database)
    with database.read() as connection:
        delivery = list_deliveries(connection, workspace.id).rows[0]
    assert json.loads(delivery.payload)["alert"]["observed"] == 40
    assert "secret words" not in delivery.payload


def test_looking_again_changes_nothing(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    look(database)
    assert look(database) == Detected()
    assert look(database, NOW + MINUTE) == Detected()
    assert told(database, workspace) == ["alert.opened"]


def test_of_two_processes_that_look_at_once_one_opens_the_alert(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    assert sum(one.opened for one in look_together(database, NOW)) == 1
    assert told(database, workspace) == ["alert.opened"]


def test_a_surge_that_grows_is_told_when_it_becomes_more_severe_only(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace, 20)
    settle(database)
    look(database)
    severity = alerts(database, workspace)[0].severity
    surge(database, workspace, 3, now=NOW + MINUTE)
    settle(database)
    assert look(database, NOW + MINUTE) == Detected()
    surge(database, workspace, 100, now=NOW + 2 * MINUTE)
    settle(database)
    assert look(database, NOW + 2 * MINUTE) == Detected(extended=1)
    assert look(database, NOW + 2 * MINUTE) == Detected()
    alert = alerts(database, workspace)[0]
    assert (severity, alert.severity, alert.observed) == ("medium", "critical", 123)
    assert told(database, workspace) == ["alert.opened", "alert.extended"]


def test_a_surge_that_is_over_resolves_once_it_was_quiet_for_a_while(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    look(database)
    changes = [(minute, found) for minute in range(5, 180, 5) if (found := look(database, NOW + minute * MINUTE)) != Detected()]
    assert [found for _, found in changes] == [Detected(resolved=1)]
    assert 90 <= changes[0][0] <= 130
    alert = alerts(database, workspace)[0]
    assert (alert.state, alert.ended_at) == ("resolved", NOW + changes[0][0] * MINUTE)
    assert told(database, workspace) == ["alert.opened", "alert.resolved"]


def test_an_alert_shows_its_surge_at_its_worst(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    for minute in range(0, 60, 5):
        look(database, NOW + minute * MINUTE)
    assert alerts(database, workspace)[0].observed == 40


def test_a_second_surge_opens_a_second_alert(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    for hours in (0, 6):
        now = NOW + hours * timedelta(hours=1)
        surge(database, workspace, now=now)
        settle(database, now=now)
        assert look(database, now) == Detected(opened=1)
        for minute in range(5, 150, 5):
            look(database, now + minute * MINUTE)
    assert told(database, workspace) == ["alert.opened", "alert.resolved"] * 2


def test_what_somebody_resolved_does_not_open_again_by_itself(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    look(database)
    with database.write() as connection:
        resolve_alert(connection, workspace.id, alerts(database, workspace)[0].id, actor="key ops", now=NOW + MINUTE)
    assert sum(look(database, NOW + minute * MINUTE).opened for minute in range(2, 90, 5)) == 0


def test_what_comes_after_somebody_resolved_it_may_page(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    look(database)
    with database.write() as connection:
        resolve_alert(connection, workspace.id, alerts(database, workspace)[0].id, actor="key ops", now=NOW + MINUTE)
    later = NOW + 30 * MINUTE
    surge(database, workspace, now=later)
    settle(database, now=later)
    assert look(database, later) == Detected(reopened=1)
    assert [alert.observed for alert in alerts(database, workspace)] == [40]


def test_a_surge_that_comes_back_soon_opens_its_alert_again(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    looks = [look(database, NOW + minute * MINUTE) for minute in range(0, 180, 5)]
    assert (sum(one.opened for one in looks), sum(one.resolved for one in looks)) == (1, 1)
    again = NOW + 3 * HOUR
    surge(database, workspace, 60, now=again)
    settle(database, now=again)
    assert look(database, again) == Detected(reopened=1)
    alert = alerts(database, workspace)[0]
    assert (alert.state, alert.started_at, alert.ended_at, alert.observed) == ("open", NOW - 10 * MINUTE, None, 60)
    assert told(database, workspace) == ["alert.opened", "alert.resolved", "alert.reopened"]


def test_of_two_processes_that_look_at_once_one_opens_an_alert_again(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    look(database)
    with database.write() as connection:
        resolve_alert(connection, workspace.id, alerts(database, workspace)[0].id, actor="key ops", now=NOW + MINUTE)
    later = NOW + 30 * MINUTE
    notify.run(database, now=later)
    surge(database, workspace, now=later)
    settle(database, now=later)
    assert sum(one.reopened for one in look_together(database, later)) == 1
    assert told(database, workspace) == ["alert.opened", "alert.resolved", "alert.reopened"]


def test_a_rise_in_severity_is_kept_as_a_change(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace, 20)
    settle(database)
    look(database)
    surge(database, workspace, 100, now=NOW + MINUTE)
    settle(database)
    look(database, NOW + MINUTE)
    with database.read() as connection:
        step = transitions(connection, workspace.id, alerts(database, workspace)[0].id)[-1]
    assert (step.event, step.from_state, step.to_state) == ("extended", "open", "open")
    assert step.reason == "severity went from medium to critical"


def test_a_resolution_by_hand_is_told_once_to_who_heard_of_the_alert(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    look(database)
    with database.write() as connection:
        resolve_alert(connection, workspace.id, alerts(database, workspace)[0].id, actor="key ops", now=NOW + MINUTE)
    assert notify.run(database, now=NOW + 2 * MINUTE) == Told(1)
    assert notify.run(database, now=NOW + 3 * MINUTE) == Told(0)
    assert told(database, workspace) == ["alert.opened", "alert.resolved"]


def test_the_end_of_an_alert_with_its_rule_is_told(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    look(database)
    with database.write() as connection:
        delete_rule(connection, workspace.id, rule.id, NOW + MINUTE)
    assert notify.run(database, now=NOW + 2 * MINUTE) == Told(1)
    assert told(database, workspace) == ["alert.opened", "alert.resolved"]


def test_a_clock_that_was_set_back_pages_nobody_twice(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    look(database)
    assert look(database, NOW - 30 * MINUTE) == Detected()
    for minute in range(5, 150, 5):
        look(database, NOW + minute * MINUTE)
    assert look(database, NOW).opened == 0
    assert told(database, workspace) == ["alert.opened", "alert.resolved"]


def test_every_change_is_kept_with_who_and_when(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    for minute in range(0, 150, 5):
        look(database, NOW + minute * MINUTE)
    with database.read() as connection:
        steps = transitions(connection, workspace.id, alerts(database, workspace)[0].id)
        assert last_ended(connection, rule, Scope()) == steps[-1].at
    assert [(step.from_state, step.to_state, step.actor) for step in steps] == [
        (None, "open", "detector"),
        ("open", "resolved", "detector"),
    ]


# --- what is watched -------------------------------------------------------------------------------------------------


def test_a_rule_that_splits_watches_each_value_by_itself(database: Database, workspace: Workspace, rule: Rule) -> None:
    split = a_rule(database, workspace, name="by topic", split_by=("topic",))
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    assert look(database).opened == 2
    mine = [alert for alert in alerts(database, workspace) if alert.rule_id == split.id]
    assert [alert.scope for alert in mine] == [Scope(topic="delivery")]


def test_a_rule_that_is_switched_off_is_silent_and_its_alert_ends(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    look(database)
    with database.write() as connection:
        update_rule(
            connection, workspace.id, rule.id, name=rule.name, measure=rule.measure, scope=rule.scope, split_by=rule.split_by,
            window_minutes=rule.window_minutes, sensitivity=rule.sensitivity, least=rule.least, channels=rule.channels, enabled=False,
            now=NOW + MINUTE,
        )  # fmt: skip
    assert notify.run(database, now=NOW + 2 * MINUTE) == Told(1)
    assert alerts(database, workspace)[0].state == "resolved"


def test_a_rule_that_cannot_be_judged_does_not_stop_the_others(database: Database, workspace: Workspace, rule: Rule) -> None:
    a_rule(database, workspace, name="broken", split_by=("attributes.gone",))
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    assert look(database).opened == 1


def test_a_surge_of_one_workspace_is_no_alert_of_another(database: Database, workspace: Workspace, rule: Rule) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
    five_ordinary_days(database, workspace)
    five_ordinary_days(database, other)
    surge(database, other)
    settle(database)
    assert look(database) == Detected()


def test_a_surge_on_a_brand_is_told_by_its_name(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        brand = create_brand(connection, workspace.id, name="Parcels", query="parcel", now=NOW)
    a_rule(database, workspace, name="brand", scope=Scope(brand=brand.id), measure="volume")
    five_ordinary_days(database, workspace)
    surge(database, workspace, text="parcel")
    settle(database)
    assert look(database).opened == 1
    assert "on Parcels" in alerts(database, workspace)[0].summary
    with database.write() as connection:
        delete_brand(connection, workspace.id, brand.id)
    settle(database)
    look(database, NOW + MINUTE)


# --- what never pages ------------------------------------------------------------------------------------------------


def test_an_import_never_pages(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    put(database, workspace, rows(200, since=NOW - 10 * MINUTE, minutes=10), live=False)
    settle(database)
    assert look(database) == Detected()


def test_rows_that_come_late_never_page(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, window_minutes=1440)
    five_ordinary_days(database, workspace)
    put(database, workspace, rows(500, since=NOW - timedelta(hours=8), minutes=300), live=True)
    settle(database)
    assert look(database) == Detected()


def test_an_import_of_the_last_hours_does_not_push_an_ordinary_hour_over_the_edge(
    database: Database, workspace: Workspace, rule: Rule
) -> None:
    five_ordinary_days(database, workspace)
    put(database, workspace, rows(300, since=NOW - timedelta(hours=5), minutes=240), live=False)
    surge(database, workspace, 9)
    settle(database)
    assert look(database) == Detected()


def test_no_history_is_no_surge(database: Database, workspace: Workspace, rule: Rule) -> None:
    surge(database, workspace, 200)
    settle(database)
    assert look(database) == Detected()


def test_annotating_again_with_another_model_never_pages(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    ids = surge(database, workspace, text="slow parcel")
    settle(database)
    assert look(database) == Detected()
    with database.write() as connection:
        found = [get_feedback(connection, workspace.id, one).feedback for one in ids]
        answer = KeywordAnnotator("keywords-1").say("late")
        save_annotations(connection, [(one, replace(answer, model="keywords-2")) for one in found], NOW)
    settle(database)
    assert look(database) == Detected()


class Gloomy(KeywordAnnotator):
    """A new model to which everything is late."""

    def __init__(self) -> None:
        super().__init__("gloomy-1")

    def say(self, text: str):  # type: ignore[no-untyped-def]
        return replace(super().say("late"), model=self.model)


def test_a_new_model_never_pages(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    surge(database, workspace, text="parcel")
    settle(database, Gloomy())
    assert look(database) == Detected()


def test_under_a_new_model_volume_is_watched_as_ever(database: Database, workspace: Workspace) -> None:
    a_rule(database, workspace, measure="volume")
    five_ordinary_days(database, workspace)
    surge(database, workspace, 60, text="parcel")
    settle(database, Gloomy())
    assert look(database).opened == 1


def test_a_new_model_pages_again_once_it_has_a_past_of_its_own(database: Database, workspace: Workspace, rule: Rule) -> None:
    long_ago = NOW - timedelta(days=6)
    put(database, workspace, [a_new_feedback("late", created_at=long_ago)], live=False, now=long_ago)
    settle(database, KeywordAnnotator("older-1"), now=long_ago)
    lately = NOW - timedelta(days=4)
    put(database, workspace, [a_new_feedback("late", created_at=lately)], live=False, now=lately)
    settle(database, now=lately)
    five_ordinary_days(database, workspace)
    surge(database, workspace)
    settle(database)
    assert look(database).opened == 1


def adapt(database: Database, workspace: Workspace) -> None:
    """Heads of the workspace's own for the shared model; what they hold is no matter of the keywords."""
    content = adaptation_content({}, Calibration({}, (), 0.5))
    with database.write() as connection:
        add_adaptation(connection, workspace.id, weights="keywords-1", content=content, now=NOW)


def test_a_model_of_the_workspace_itself_never_pages_and_starts_a_past_of_its_own(
    database: Database, workspace: Workspace, rule: Rule
) -> None:
    five_ordinary_days(database, workspace)
    adapt(database, workspace)
    ids = surge(database, workspace)
    settle(database)
    with database.read() as connection:
        annotation = get_feedback(connection, workspace.id, ids[0]).annotation
        assert annotation is not None
        assert annotation.model == "keywords-1+a1"
        assert comparable_since(connection, workspace.id) == NOW
    assert look(database) == Detected()


def test_a_model_of_another_workspace_keeps_nobody_from_being_paged(database: Database, workspace: Workspace, rule: Rule) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "other", NOW)
    five_ordinary_days(database, workspace)
    five_ordinary_days(database, other)
    adapt(database, other)
    for one in (workspace, other):
        surge(database, one)
    settle(database)
    assert look(database) == Detected(opened=1)
    assert len(alerts(database, workspace)) == 1


def a_busy_week(database: Database, workspace: Workspace) -> None:
    """Twelve negative texts an hour and another one every other hour for four days, the last of them live."""
    hours = 4 * 24
    put(database, workspace, rows(12 * hours, since=NOW - hours * HOUR, minutes=60 * hours - 61), live=False)
    put(database, workspace, rows(hours // 2, since=NOW - hours * HOUR, minutes=60 * hours - 61, text="parcel"), live=False)
    put(database, workspace, rows(12, since=NOW - HOUR, minutes=59), live=True)
    settle(database)


def recount_hours(database: Database, hours: int) -> int:
    """So many, the newest first; how many buckets there were."""
    with database.write() as connection:
        return roll_up_touched(connection, limit=12 * hours, now=NOW)


def a_brand(database: Database, workspace: Workspace, query: str, now: datetime = NOW) -> Brand:
    with database.write() as connection:
        return create_brand(connection, workspace.id, name="Ours", query=query, now=now)


def change(database: Database, workspace: Workspace, brand: Brand, query: str) -> None:
    with database.write() as connection:
        update_brand(connection, workspace.id, brand.id, query=query, now=NOW)


@pytest.mark.parametrize("threshold", [None, 8])
@pytest.mark.parametrize("split", [True, False])
def test_a_brand_whose_query_was_widened_never_pages(
    database: Database, workspace: Workspace, split: bool, threshold: float | None  # noqa: FBT001
) -> None:  # fmt: skip
    brand = a_brand(database, workspace, "parcel")
    scope, split_by = (Scope(), ("brand",)) if split else (Scope(brand=brand.id), ())
    a_rule(
        database, workspace, name="brand", scope=scope, split_by=split_by, measure="volume", options=RuleOptions(threshold=threshold)
    )  # fmt: skip
    a_busy_week(database, workspace)
    memory = Memory()
    assert look(database, memory=memory) == Detected()
    change(database, workspace, brand, "parcel OR late")
    assert [look(database, memory=one) for one in (Memory(), memory)] == [Detected()] * 2
    recount_hours(database, 1)
    assert [look(database, memory=one) for one in (Memory(), memory)] == [Detected()] * 2
    while recount_hours(database, 20):
        assert [look(database, memory=one) for one in (Memory(), memory)] == [Detected()] * 2
    later = NOW + 10 * MINUTE
    assert look(database, later, memory=memory) == Detected()
    surge(database, workspace, 100, now=later)
    settle(database, now=later)
    assert look(database, later, memory=memory) == Detected(opened=1)


def test_what_is_remembered_of_a_brand_is_forgotten_when_its_query_changes(database: Database, workspace: Workspace) -> None:
    brand = a_brand(database, workspace, "late")
    a_rule(database, workspace, name="brand", scope=Scope(brand=brand.id), measure="silence")
    a_busy_week(database, workspace)
    memory = Memory()
    look(database, memory=memory)
    change(database, workspace, brand, "parcel")
    settle(database)
    assert look(database, memory=memory) == Detected()


def test_a_brand_whose_query_was_narrowed_is_not_silent(database: Database, workspace: Workspace) -> None:
    brand = a_brand(database, workspace, "late")
    a_rule(database, workspace, name="brand", split_by=("brand",), measure="silence")
    a_busy_week(database, workspace)
    assert look(database) == Detected()
    change(database, workspace, brand, "lost")
    while recount_hours(database, 20):
        assert look(database) == Detected()


def test_an_alert_on_a_plain_number_of_a_brand_grows_by_nothing_that_was_there_before_its_query(
    database: Database, workspace: Workspace
) -> None:  # fmt: skip
    brand = a_brand(database, workspace, "parcel", NOW - timedelta(days=1))
    a_rule(database, workspace, name="brand", split_by=("brand",), measure="volume", options=RuleOptions(threshold=12))
    put(database, workspace, rows(80, since=NOW - 40 * MINUTE, minutes=30), live=True)
    surge(database, workspace, 12, text="parcel")
    settle(database)
    assert look(database) == Detected(opened=1)
    change(database, workspace, brand, "parcel OR late")
    settle(database)
    assert look(database) == Detected()
    assert look(database, NOW + 2 * HOUR) == Detected(resolved=1)


@pytest.mark.parametrize("threshold", [None, 8])
def test_a_brand_that_is_new_or_gone_never_pages(database: Database, workspace: Workspace, threshold: float | None) -> None:
    a_rule(database, workspace, name="more", split_by=("brand",), measure="volume", options=RuleOptions(threshold=threshold))
    a_rule(database, workspace, name="none", split_by=("brand",), measure="silence")
    a_busy_week(database, workspace)
    brand = a_brand(database, workspace, "late")
    while recount_hours(database, 20):
        assert look(database) == Detected()
    with database.write() as connection:
        delete_brand(connection, workspace.id, brand.id)
    while recount_hours(database, 20):
        assert look(database) == Detected()


def test_what_a_brand_counts_is_asked_once_for_all_moments_that_nobody_looked_at(database: Database, workspace: Workspace) -> None:
    brand = a_brand(database, workspace, "late")
    a_rule(database, workspace, name="brand", scope=Scope(brand=brand.id), measure="volume")
    look(database)
    asked: list[str] = []
    with database.read() as connection:
        event.listen(connection.engine, "before_cursor_execute", lambda *call: asked.append(call[2]))
    look(database, NOW + 6 * HOUR)
    assert sum("<= brands.last_touch" in statement for statement in asked) == 1


def test_correcting_what_is_said_of_texts_never_pages(database: Database, workspace: Workspace, rule: Rule) -> None:
    five_ordinary_days(database, workspace)
    ids = surge(database, workspace, text="parcel")
    settle(database)
    with database.write() as connection:
        for one in ids:
            correct_feedback(connection, workspace.id, one, Labels(sentiment="negative"), actor="key 1", now=NOW)
    settle(database)
    with database.read() as connection:
        assert totals(connection, workspace.id, NOW - timedelta(hours=1), NOW)[""].negative == len(ids)
    assert look(database) == Detected()
