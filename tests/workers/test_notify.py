"""Telling on both databases: what is told is saved with what was told, so two processes, a restart or a lost beat tell nobody twice."""

import json
from datetime import date, datetime, time, timedelta

import pytest
from sqlalchemy import Connection

from store.alerts import acknowledge_alert, end_alert, get_alert, open_alert, reopen_alert, snooze_alert, transitions
from store.channels import delete_channel
from store.database import Database
from store.deliveries import list_deliveries
from store.on_call import add_override, save_quiet_hours, save_schedule
from store.policies import create_inhibition, save_policy
from store.records import WEEKDAYS, Alert, AlertFigures, Matcher, PolicyStep, QuietHours, QuietWindow, Rule, Scope, Severity, Workspace
from store.rules import create_rule
from store.secrets import Vault
from store.silences import create_silence, end_silence
from tests.builders import NOW, a_webhook
from tests.threads import together
from workers import notify
from workers.notify import Told

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
VAULT = Vault("a secret of this test")
DELIVERY = Matcher("topic", "=", ("delivery",))


def a_channel(connection: Connection, workspace: Workspace, name: str) -> str:
    return a_webhook(connection, workspace.id, name=name, vault=VAULT).id


@pytest.fixture
def rule(database: Database, workspace: Workspace) -> Rule:
    """It tells the channel "first"."""
    with database.write() as connection:
        return create_rule(
            connection, workspace.id, name="Negative", measure="negative", scope=Scope(), split_by=("topic",), window_minutes=60,
            sensitivity=1e-4, least=8, channels=(a_channel(connection, workspace, "first"),), enabled=True, now=NOW,
        )  # fmt: skip


@pytest.fixture
def second(database: Database, workspace: Workspace, rule: Rule) -> str:
    """A channel of no rule."""
    with database.write() as connection:
        return a_channel(connection, workspace, "second")


def a_surge(database: Database, rule: Rule, topic: str = "delivery", *, severity: Severity = "high", now: datetime = NOW) -> Alert:
    figures = AlertFigures(severity, 60, 40, 8.5, (3.0, 15.0), 1e-9, (), "Far more than usual.")
    with database.write() as connection:
        alert = open_alert(connection, rule, Scope(topic=topic), figures, started_at=now, seen_at=now, now=now)
    assert alert is not None
    return alert


def a_policy(database: Database, workspace: Workspace, *steps: PolicyStep, group_by: tuple[str, ...] | None = None) -> None:
    with database.write() as connection:
        save_policy(
            connection, workspace.id, None, name="policy", position=1, matchers=(), steps=steps, repeat_minutes=None, group_by=group_by,
            group_wait_seconds=30, group_interval_minutes=5, now=NOW,
        )  # fmt: skip


def told(database: Database, workspace: Workspace) -> list[tuple[str, str]]:
    """Every message in order: the channel and the event."""
    with database.read() as connection:
        rows = list_deliveries(connection, workspace.id).rows
    return [(row.channel_id, row.event.removeprefix("alert.")) for row in sorted(rows, key=lambda row: int(row.id))]


def test_a_surge_is_told_once_however_often_somebody_looks(database: Database, workspace: Workspace, rule: Rule) -> None:
    a_surge(database, rule)
    assert [notify.run(database, now=NOW + number * MINUTE) for number in range(3)] == [Told(1), Told(0), Told(0)]
    assert told(database, workspace) == [(rule.channels[0], "opened")]


def test_of_processes_that_look_at_once_one_tells(database: Database, workspace: Workspace, rule: Rule, second: str) -> None:
    a_policy(database, workspace, PolicyStep(0, (second,), ()), PolicyStep(15, (second,), ()))
    a_surge(database, rule)

    def one_process() -> int:
        mine = Database(database.url.render_as_string(hide_password=False))
        try:
            return sum(notify.run(mine, now=NOW + minutes * MINUTE).messages for minutes in (0, 20))
        finally:
            mine.dispose()

    assert sum(together([one_process] * 4)) == 3
    assert sorted(told(database, workspace)) == [(rule.channels[0], "opened"), (second, "escalated"), (second, "opened")]


def test_an_alert_that_is_acknowledged_while_others_escalate_it_is_told_to_nobody_new(
    database: Database, workspace: Workspace, rule: Rule, second: str
) -> None:
    a_policy(database, workspace, PolicyStep(0, rule.channels, ()), PolicyStep(15, (second,), ()))
    alert = a_surge(database, rule)
    notify.run(database, now=NOW)
    with database.write() as connection:
        acknowledge_alert(connection, workspace.id, alert.id, actor="key 1", now=NOW + MINUTE)
    for minutes in (1, 15, 600):
        notify.run(database, now=NOW + minutes * MINUTE)
    assert told(database, workspace) == [(rule.channels[0], "opened"), (rule.channels[0], "acknowledged")]


def test_a_silence_keeps_channels_quiet_until_it_ends(database: Database, workspace: Workspace, rule: Rule) -> None:
    with database.write() as connection:
        silence = create_silence(
            connection, workspace.id, matchers=[DELIVERY], starts_at=NOW, ends_at=NOW + HOUR, author="Mai", comment="known", now=NOW
        )
    a_surge(database, rule)
    a_surge(database, rule, "refund")
    assert notify.run(database, now=NOW) == Told(1)
    assert notify.run(database, now=NOW + 59 * MINUTE) == Told(0)
    with database.write() as connection:
        end_silence(connection, workspace.id, silence.id, NOW + 59 * MINUTE)
    assert notify.run(database, now=NOW + 59 * MINUTE) == Told(1)
    assert told(database, workspace) == [(rule.channels[0], "opened")] * 2


def test_a_redundant_alert_is_told_when_the_other_is_over(database: Database, workspace: Workspace, rule: Rule) -> None:
    with database.write() as connection:
        target = [Matcher("severity", "=", ("low", "medium"))]
        create_inhibition(
            connection, workspace.id, name="i", source=[Matcher("severity", "=", ("critical",))], target=target, equal=(), now=NOW
        )
    loud = a_surge(database, rule, severity="critical")
    a_surge(database, rule, "refund", severity="medium")
    assert notify.run(database, now=NOW) == Told(1)
    with database.write() as connection:
        end_alert(connection, loud, reason="over", now=NOW + HOUR)
    assert notify.run(database, now=NOW + HOUR) == Told(2)
    assert [event for _, event in told(database, workspace)] == ["opened", "resolved", "opened"]


def test_a_snoozed_alert_wakes_if_its_surge_goes_on_and_sleeps_on_if_not(database: Database, workspace: Workspace, rule: Rule) -> None:
    goes_on, is_over = a_surge(database, rule, now=NOW + HOUR), a_surge(database, rule, "refund")
    notify.run(database, now=NOW)
    with database.write() as connection:
        for alert in (goes_on, is_over):
            snooze_alert(connection, workspace.id, alert.id, until=NOW + HOUR, actor="key 1", now=NOW)
    notify.run(database, now=NOW + MINUTE)
    notify.run(database, now=NOW + HOUR)
    with database.read() as connection:
        assert [get_alert(connection, workspace.id, one.id).state for one in (goes_on, is_over)] == ["open", "snoozed"]
        assert transitions(connection, workspace.id, goes_on.id)[-1].event == "woken"
    assert [event for _, event in told(database, workspace)] == ["opened", "opened", "snoozed", "snoozed", "woken"]


def test_whoever_is_on_call_hears_at_each_step(database: Database, workspace: Workspace, rule: Rule, second: str) -> None:
    with database.write() as connection:
        third = a_channel(connection, workspace, "third")
        schedule = save_schedule(
            connection, workspace.id, None, name="s", time_zone="Asia/Tokyo", turn="daily", handover=time(21, 30),
            starts_on=date(2026, 3, 1), rotation=(second, third), now=NOW,
        )  # fmt: skip
        add_override(connection, workspace.id, schedule.id, channel=rule.channels[0], starts_at=NOW + HOUR, ends_at=NOW + 2 * HOUR)
    a_policy(database, workspace, PolicyStep(0, (), (schedule.id,)), PolicyStep(40, (), (schedule.id,)), PolicyStep(90, (), (schedule.id,)))
    a_surge(database, rule, now=NOW)
    for minutes in range(0, 120, 5):
        notify.run(database, now=NOW + minutes * MINUTE)
    first = rule.channels[0]
    assert told(database, workspace) == [(first, "opened"), (third, "opened"), (second, "escalated"), (first, "escalated")]


def test_a_page_at_night_waits_and_a_restart_does_not_forget_it(database: Database, workspace: Workspace, rule: Rule) -> None:
    night = QuietWindow(WEEKDAYS, time(22), time(7))
    with database.write() as connection:
        save_quiet_hours(connection, workspace.id, QuietHours(rule.channels[0], "Asia/Tokyo", (night,), "critical", ()))
    at_three, at_seven = NOW + 6 * HOUR, NOW + 10 * HOUR
    a_surge(database, rule, now=at_three)
    a_surge(database, rule, "refund", severity="critical", now=at_three)
    assert notify.run(database, now=at_three) == Told(1)
    assert notify.run(database, now=at_seven - MINUTE) == Told(0)
    again = Database(database.url.render_as_string(hide_password=False))
    assert [notify.run(again, now=at_seven), notify.run(again, now=at_seven)] == [Told(1), Told(0)]
    again.dispose()


def test_alerts_of_a_group_are_one_notification_that_names_them_all(database: Database, workspace: Workspace, rule: Rule) -> None:
    a_policy(database, workspace, PolicyStep(0, rule.channels, ()), group_by=("rule",))
    for topic in ("delivery", "refund", "app"):
        a_surge(database, rule, topic)
    assert [notify.run(database, now=NOW + seconds * MINUTE / 60) for seconds in (0, 29, 30, 40)] == [Told(0), Told(0), Told(1), Told(0)]
    with database.read() as connection:
        payload = json.loads(list_deliveries(connection, workspace.id).rows[0].payload)
    assert (payload["event"], len(payload["group"])) == ("alert.opened", 3)
    assert payload["group"][0] == payload["alert"]


def test_news_waits_for_its_interval_and_escalation_does_not(database: Database, workspace: Workspace, rule: Rule, second: str) -> None:
    a_policy(database, workspace, PolicyStep(0, rule.channels, ()), PolicyStep(3, (second,), ()), group_by=("rule",))
    a_surge(database, rule)
    notify.run(database, now=NOW)
    notify.run(database, now=NOW + MINUTE)
    a_surge(database, rule, "price", now=NOW + 2 * MINUTE)
    messages = [notify.run(database, now=NOW + minutes * MINUTE).messages for minutes in range(2, 12)]
    assert messages == [0, 0, 1, 0, 2, 0, 0, 0, 0, 0]
    assert told(database, workspace)[:2] == [(rule.channels[0], "opened"), (second, "escalated")]
    assert sorted(told(database, workspace)[2:]) == [(rule.channels[0], "extended"), (second, "extended")]


def test_a_notification_says_nothing_of_what_is_silenced(database: Database, workspace: Workspace, rule: Rule) -> None:
    a_policy(database, workspace, PolicyStep(0, rule.channels, ()), group_by=("rule",))
    with database.write() as connection:
        create_silence(
            connection, workspace.id, matchers=[DELIVERY], starts_at=NOW, ends_at=NOW + HOUR, author="Mai", comment="known", now=NOW
        )
    lead, *others = [a_surge(database, rule, topic) for topic in ("delivery", "refund", "app")]
    assert [notify.run(database, now=NOW + minutes * MINUTE) for minutes in (0, 1)] == [Told(0), Told(1)]
    with database.write() as connection:
        payload = json.loads(list_deliveries(connection, workspace.id).rows[0].payload)
        for alert in (lead, *others):
            end_alert(connection, alert, reason="over", now=NOW + 10 * MINUTE)
    assert (payload["alert"]["id"], [one["id"] for one in payload["group"]]) == (lead.id, [one.id for one in others])
    notify.run(database, now=NOW + 10 * MINUTE)
    with database.read() as connection:
        payload = json.loads(list_deliveries(connection, workspace.id).rows[0].payload)
    assert (payload["event"], len(payload["group"])) == ("alert.resolved", 3)


def test_an_alert_that_opens_again_is_told_as_such(database: Database, workspace: Workspace, rule: Rule) -> None:
    alert = a_surge(database, rule)
    notify.run(database, now=NOW)
    with database.write() as connection:
        end_alert(connection, alert, reason="over", now=NOW + HOUR)
    notify.run(database, now=NOW + HOUR)
    figures = AlertFigures("high", 60, 40, 8.5, (3.0, 15.0), 1e-9, (), "Again.")
    with database.write() as connection:
        reopen_alert(connection, rule, alert.scope, figures, ended_after=NOW, seen_at=NOW, now=NOW + 2 * HOUR)
    notify.run(database, now=NOW + 2 * HOUR)
    assert [event for _, event in told(database, workspace)] == ["opened", "resolved", "reopened"]


def test_a_channel_that_is_deleted_is_no_trouble(database: Database, workspace: Workspace, rule: Rule) -> None:
    alert = a_surge(database, rule)
    notify.run(database, now=NOW)
    with database.write() as connection:
        delete_channel(connection, workspace.id, rule.channels[0])
        acknowledge_alert(connection, workspace.id, alert.id, actor="key 1", now=NOW)
    assert notify.run(database, now=NOW) == Told(0)
