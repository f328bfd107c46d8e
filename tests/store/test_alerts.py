"""Alerts and their deliveries on both databases: one per rule and scope, each change told once and in order."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial

import pytest
from sqlalchemy import Connection

from core.errors import Conflict, NotFound
from store.alert_groups import workspaces_to_tell
from store.alerts import (
    acknowledge_alert,
    count_alerts,
    end_alert,
    extend_alert,
    get_alert,
    last_ended,
    list_alerts,
    open_alert,
    open_alerts,
    resolve_alert,
    snooze_alert,
    transitions,
    transitions_after,
    unacknowledge_alert,
    wake_snoozed,
)
from store.channels import delete_channel, get_channel, list_channels
from store.database import Database
from store.deliveries import claim_due, enqueue, enqueue_test, list_deliveries, mark_delivered, mark_failed
from store.records import Alert, AlertFigures, AlertQuery, Channel, Rule, Scope, TopicShare, Workspace
from store.rules import create_rule, delete_rule, enabled_rules, ensure_default_rule, list_rules, update_rule
from store.secrets import Vault
from store.workspaces import create_workspace
from tests.builders import NOW, a_webhook
from tests.threads import together

LEASE = timedelta(minutes=1)
VAULT = Vault("a secret that is long enough")
ONE_BRAND = Scope(brand="1")
FIGURES = AlertFigures("high", 60, 40, 8.5, (3.0, 15.0), 1e-9, (TopicShare("delivery", 30),), "Far more than usual. Delivery.")


def a_rule(connection: Connection, workspace_id: str, name: str = "Surge") -> Rule:
    return create_rule(
        connection, workspace_id, name=name, measure="negative", scope=Scope(topic="delivery"), split_by=("brand",), window_minutes=60,
        sensitivity=1e-4, least=8, channels=("1",), enabled=True, now=NOW,
    )  # fmt: skip


def an_alert(connection: Connection, rule: Rule, scope: Scope = ONE_BRAND) -> Alert:
    alert = open_alert(connection, rule, scope, FIGURES, started_at=NOW, seen_at=NOW, now=NOW)
    assert alert is not None
    return alert


def a_channel(connection: Connection, workspace_id: str, name: str = "on call") -> Channel:
    return a_webhook(connection, workspace_id, name=name, vault=VAULT)


def test_an_alert_comes_back_as_it_was_opened(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        alert = an_alert(connection, a_rule(connection, workspace.id), Scope(brand="1", attributes={"tier": "gold"}))
    with database.read() as connection:
        assert get_alert(connection, workspace.id, alert.id) == alert
    assert (alert.state, alert.scope.attributes, alert.observed, alert.interval) == ("open", {"tier": "gold"}, 40, (3.0, 15.0))
    assert alert.top_topics == (TopicShare("delivery", 30),)


def test_of_many_detectors_at_once_one_opens_the_alert(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rule = a_rule(connection, workspace.id)

    def detect(_: int) -> Alert | None:
        with database.write() as connection:
            return open_alert(connection, rule, Scope(brand="1"), FIGURES, started_at=NOW, seen_at=NOW, now=NOW)

    with ThreadPoolExecutor(6) as pool:
        opened = [alert for alert in pool.map(detect, range(12)) if alert is not None]
    assert len(opened) == 1


def test_a_resolved_alert_makes_room_for_the_next(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rule = a_rule(connection, workspace.id)
        first = an_alert(connection, rule)
        assert end_alert(connection, first, reason="over", now=NOW + LEASE) is not None
        assert end_alert(connection, first, reason="over", now=NOW + 2 * LEASE) is None
        second = an_alert(connection, rule)
        assert second.id != first.id
        assert last_ended(connection, rule, Scope(brand="1")) == NOW + LEASE
        assert last_ended(connection, rule, Scope(brand="2")) is None
        assert [alert.id for alert in open_alerts(connection, workspace.id, rule.id)] == [second.id]


def test_every_transition_is_kept_with_who_when_and_why(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        alert = an_alert(connection, a_rule(connection, workspace.id))
        acknowledge_alert(connection, workspace.id, alert.id, actor="key 7", now=NOW + LEASE)
        acknowledge_alert(connection, workspace.id, alert.id, actor="key 8", now=NOW + LEASE)
        resolve_alert(connection, workspace.id, alert.id, actor="key 7", now=NOW + 2 * LEASE)
        resolve_alert(connection, workspace.id, alert.id, actor="key 8", now=NOW + 3 * LEASE)
        steps = transitions(connection, workspace.id, alert.id)
    assert [(step.from_state, step.to_state, step.actor) for step in steps] == [
        (None, "open", "detector"),
        ("open", "acknowledged", "key 7"),
        ("acknowledged", "resolved", "key 7"),
    ]
    assert steps[-1].at == NOW + 2 * LEASE


def test_a_snooze_ends_with_its_time_while_the_surge_goes_on(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        alert = an_alert(connection, a_rule(connection, workspace.id))
        until = NOW + 30 * LEASE
        for _ in range(2):
            asleep = snooze_alert(connection, workspace.id, alert.id, until=until, actor="key 7", by="Mai", reason="lunch", now=NOW)
        assert (asleep.state, asleep.snoozed_until) == ("snoozed", until)
        assert wake_snoozed(connection, workspace.id, seen_after=NOW - LEASE, now=until - LEASE) == []
        assert wake_snoozed(connection, workspace.id, seen_after=NOW + LEASE, now=until) == []
        assert workspaces_to_tell(connection) == [workspace.id]
        (woken,) = wake_snoozed(connection, workspace.id, seen_after=NOW - LEASE, now=until)
        assert (woken.state, woken.snoozed_until) == ("open", None)
        assert wake_snoozed(connection, workspace.id, seen_after=NOW - LEASE, now=until) == []
        steps = transitions(connection, workspace.id, alert.id)
    assert [(step.event, step.actor, step.by) for step in steps[1:]] == [("snoozed", "key 7", "Mai"), ("woken", "clock", None)]
    assert steps[1].reason == "until 2026-03-01T12:30:00Z: lunch"


def test_what_was_taken_can_be_given_back(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        alert = an_alert(connection, a_rule(connection, workspace.id))
        acknowledge_alert(connection, workspace.id, alert.id, actor="key 7", now=NOW)
        for _ in range(2):
            assert unacknowledge_alert(connection, workspace.id, alert.id, actor="key 7", now=NOW).state == "open"
        steps = transitions(connection, workspace.id, alert.id)
    assert [step.event for step in steps] == ["opened", "acknowledged", "unacknowledged"]


def test_with_a_resolved_alert_nothing_can_be_done_and_the_answer_says_what_could_be(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        alert = an_alert(connection, a_rule(connection, workspace.id))
        resolve_alert(connection, workspace.id, alert.id, actor="key 7", now=NOW)
        for change in (acknowledge_alert, unacknowledge_alert, partial(snooze_alert, until=NOW + LEASE)):
            with pytest.raises(Conflict, match="open: acknowledge, snooze, resolve"):
                change(connection, workspace.id, alert.id, actor="key 7", now=NOW)


def test_of_many_hands_at_once_one_makes_the_change(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        alert = an_alert(connection, a_rule(connection, workspace.id))

    def hand(number: int) -> Alert:
        with database.write() as connection:
            return acknowledge_alert(connection, workspace.id, alert.id, actor=f"key {number}", now=NOW)

    assert {one.state for one in together([partial(hand, number) for number in range(6)])} == {"acknowledged"}
    with database.read() as connection:
        assert [step.event for step in transitions(connection, workspace.id, alert.id)] == ["opened", "acknowledged"]


def test_whoever_read_up_to_a_transition_missed_none_before_it(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rule = a_rule(connection, workspace.id)
        ids = [an_alert(connection, rule, Scope(brand=str(number))).id for number in range(6)]
    seen: list[int] = []

    def hand(alert_id: str) -> None:
        with database.write() as connection:
            acknowledge_alert(connection, workspace.id, alert_id, actor="key 1", now=NOW)
            resolve_alert(connection, workspace.id, alert_id, actor="key 1", now=NOW)

    def reader() -> None:
        while len(seen) < 18:
            with database.read() as connection:
                new = transitions_after(connection, {workspace.id: max(seen, default=0)}, limit=5)
            seen.extend(int(step.id) for step, _ in new)

    calls: list[Callable[[], None]] = [reader, *(partial(hand, one) for one in ids)]
    together(calls)
    assert len(seen) == len(set(seen)) == 18


def test_extending_saves_the_figures_of_now_and_keeps_the_start(database: Database, workspace: Workspace) -> None:
    worse = AlertFigures("critical", 180, 200, 20.0, (9.0, 33.0), 1e-30, (), "Worse.")
    with database.write() as connection:
        alert = an_alert(connection, a_rule(connection, workspace.id))
        extended = extend_alert(connection, alert, worse, seen_at=NOW + LEASE, now=NOW + LEASE)
        assert extended is not None
        end_alert(connection, alert, reason="over", now=NOW)
        assert extend_alert(connection, alert, worse, seen_at=NOW + LEASE, now=NOW) is None
    assert (extended.started_at, extended.last_seen_at, extended.observed) == (NOW, NOW + LEASE, 200)
    assert (extended.severity, extended.window_minutes) == ("critical", 180)


def test_alerts_are_listed_newest_first_in_pages(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rule = a_rule(connection, workspace.id)
        ids = [an_alert(connection, rule, Scope(brand=str(number))).id for number in range(5)]
        first = list_alerts(connection, workspace.id, AlertQuery(state="open"), limit=3, cursor=None)
        second = list_alerts(connection, workspace.id, AlertQuery(state="open"), limit=3, cursor=first.next)
    assert [alert.id for alert in (*first.rows, *second.rows)] == ids[::-1]
    assert second.next is None


def test_alerts_are_listed_and_counted_by_what_was_asked(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rules = [a_rule(connection, workspace.id, name) for name in ("a", "b")]
        first, second = (an_alert(connection, rule, Scope(brand=brand)) for rule, brand in zip(rules, ("1", "2"), strict=True))
        resolve_alert(connection, workspace.id, first.id, actor="key 1", now=NOW)
        asked = {
            AlertQuery(brand="2"): [second], AlertQuery(rule=rules[0].id): [first], AlertQuery(severity="low"): [],
            AlertQuery(state="resolved"): [first], AlertQuery(since=NOW): [second, first], AlertQuery(until=NOW): [],
        }  # fmt: skip
        for query, found in asked.items():
            rows = list_alerts(connection, workspace.id, query, limit=9, cursor=None).rows
            assert [alert.id for alert in rows] == [alert.id for alert in found], query
        counts = count_alerts(connection, workspace.id, AlertQuery(state="open", rule=rules[0].id))
    assert counts == {"open": 0, "acknowledged": 0, "snoozed": 0, "resolved": 1}


def test_a_rule_that_watches_something_else_ends_its_alerts(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        rule = a_rule(connection, workspace.id)
        alert = an_alert(connection, rule)
        change_rule(connection, workspace.id, rule, sensitivity=1e-6)
        assert get_alert(connection, workspace.id, alert.id).state == "open"
        change_rule(connection, workspace.id, rule, enabled=False)
        assert get_alert(connection, workspace.id, alert.id).state == "resolved"
        delete_rule(connection, workspace.id, rule.id, NOW)
        assert get_alert(connection, workspace.id, alert.id).rule_name == "Surge"


def change_rule(connection: Connection, workspace_id: str, rule: Rule, *, sensitivity: float = 1e-4, enabled: bool = True) -> None:
    update_rule(
        connection, workspace_id, rule.id, name=rule.name, measure=rule.measure, scope=rule.scope, split_by=rule.split_by,
        window_minutes=rule.window_minutes, sensitivity=sensitivity, least=rule.least, channels=rule.channels, enabled=enabled, now=NOW,
    )  # fmt: skip


def test_a_workspace_gets_one_default_rule_and_only_where_it_has_none(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        ensure_default_rule(connection, workspace.id, NOW)
        ensure_default_rule(connection, workspace.id, NOW)
        rules = list_rules(connection, workspace.id)
        assert [rule.id for rule in enabled_rules(connection)] == [rule.id for rule in rules]
    assert len(rules) == 1
    assert (rules[0].measure, rules[0].split_by) == ("negative", ())


def test_two_rules_of_one_name_clash(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        a_rule(connection, workspace.id)
        with pytest.raises(Conflict, match="Surge"):
            a_rule(connection, workspace.id)
        assert len(list_rules(connection, workspace.id)) == 1


def test_a_change_is_enqueued_once_for_each_channel_that_is_there(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        alert = an_alert(connection, a_rule(connection, workspace.id))
        channels = [a_channel(connection, workspace.id, name) for name in ("a", "b")]
        sent = enqueue(connection, alert, "alert.opened", [channels[0].id, channels[1].id, "999"], "{}", NOW)
        enqueue(connection, alert, "alert.resolved", [channels[0].id], "{}", NOW)
        rows = list_deliveries(connection, workspace.id).rows
    assert sent == 2
    assert sorted(row.event_id for row in rows) == [f"alert-{alert.id}-{number}" for number in (1, 1, 2)]


def test_resolved_never_overtakes_opened(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        alert = an_alert(connection, a_rule(connection, workspace.id))
        channel = a_channel(connection, workspace.id)
        enqueue(connection, alert, "alert.opened", [channel.id], "{}", NOW)
        enqueue(connection, alert, "alert.resolved", [channel.id], "{}", NOW)
        (opened,) = claim_due(connection, limit=10, now=NOW, lease=LEASE)
        assert (opened.event, opened.attempts) == ("alert.opened", 1)
        mark_failed(connection, opened, "answered 500", NOW + 5 * LEASE, NOW)
        assert claim_due(connection, limit=10, now=NOW + 2 * LEASE, lease=LEASE) == []
        (again,) = claim_due(connection, limit=10, now=NOW + 5 * LEASE, lease=LEASE)
        assert (again.event_id, again.attempts) == (opened.event_id, 2)
        mark_delivered(connection, again, NOW)
        assert [one.event for one in claim_due(connection, limit=10, now=NOW + 5 * LEASE, lease=LEASE)] == ["alert.resolved"]


def test_two_workers_never_claim_the_same_delivery(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        channel = a_channel(connection, workspace.id)
        sent = {enqueue_test(connection, workspace.id, channel.id, NOW).id for _ in range(30)}

    def claim(_: int) -> list[str]:
        with database.write() as connection:
            return [one.id for one in claim_due(connection, limit=5, now=NOW, lease=LEASE)]

    with ThreadPoolExecutor(6) as pool:
        claimed = [one for batch in pool.map(claim, range(12)) for one in batch]
    assert sorted(claimed) == sorted(sent)


def test_a_dead_delivery_is_not_tried_again_and_its_channel_says_why(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        channel = a_channel(connection, workspace.id)
        enqueue_test(connection, workspace.id, channel.id, NOW)
        (one,) = claim_due(connection, limit=5, now=NOW, lease=LEASE)
        mark_failed(connection, one, "answered 404", None, NOW)
        assert claim_due(connection, limit=5, now=NOW + 100 * LEASE, lease=LEASE) == []
        assert get_channel(connection, workspace.id, channel.id).last_error == "answered 404"
        assert [row.state for row in list_deliveries(connection, workspace.id, channel_id=channel.id).rows] == ["dead"]


def test_what_belongs_to_one_workspace_is_not_there_for_another(database: Database, workspace: Workspace) -> None:
    with database.write() as connection:
        other = create_workspace(connection, "rival", NOW)
        alert = an_alert(connection, a_rule(connection, workspace.id))
        channel = a_channel(connection, workspace.id)
        enqueue(connection, alert, "alert.opened", [channel.id], "{}", NOW)
        assert list_alerts(connection, other.id, limit=9, cursor=None).rows == ()
        assert (list_channels(connection, other.id), list_rules(connection, other.id)) == ([], [])
        assert list_deliveries(connection, other.id).rows == ()
        for look in (get_alert, transitions, delete_channel, get_channel):
            with pytest.raises(NotFound):
                look(connection, other.id, alert.id)
        with pytest.raises(NotFound):
            acknowledge_alert(connection, other.id, alert.id, actor="key 9", now=NOW)
