"""What a group of alerts tells whom and when: steps, repeats, quiet nights, silences and groups, as a walk through time."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, time, timedelta

from insights.notifying import Member, Plan, View, plan
from insights.reach import Calendar
from store.records import (
    WEEKDAYS,
    Alert,
    AlertEvent,
    AlertGroup,
    AlertState,
    Heard,
    Policy,
    PolicyStep,
    QuietHours,
    QuietWindow,
    Severity,
    Transition,
)
from tests.builders import NOW
from tests.insights.test_matching import an_alert

MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
STATE_AFTER: Mapping[AlertEvent, AlertState] = {
    "opened": "open", "reopened": "open", "acknowledged": "acknowledged", "unacknowledged": "open", "snoozed": "snoozed", "woken": "open",
    "resolved": "resolved",
}  # fmt: skip


def a_policy(
    *steps: tuple[int, str], repeat: int | None = None, group_by: tuple[str, ...] | None = None, wait: int = 30, interval: int = 5
) -> Policy:
    """Steps as (minutes, ids of channels)."""
    made = tuple(PolicyStep(minutes, tuple(channels), ()) for minutes, channels in steps)
    return Policy("1", "1", "p", 1, (), made, repeat, group_by, wait, interval, NOW)


def asleep(channel: str, *, pass_to: tuple[str, ...] = (), breaks_through: Severity | None = "critical") -> QuietHours:
    """From 22:00 to 14:00 UTC, so that NOW, noon, is night."""
    return QuietHours(channel, "UTC", (QuietWindow(WEEKDAYS, time(22), time(14)),), breaks_through, pass_to)


@dataclass
class Life:
    """A group on its way: what `workers.notify` keeps in the database, kept here."""

    policy: Policy | None = None
    always: tuple[str, ...] = ()
    calendar: Calendar = field(default_factory=lambda: Calendar(frozenset("123456789"), {}, {}))
    group: AlertGroup = field(default_factory=lambda: AlertGroup("1", "1", "1", "1", "alert.opened", NOW, 0, None, None, None))
    alerts: dict[str, Alert] = field(default_factory=dict)
    pending: dict[str, list[Transition]] = field(default_factory=dict)
    muted: set[str] = field(default_factory=set)
    heard: dict[str, Heard] = field(default_factory=dict)
    steps: int = 0

    def becomes(self, event: AlertEvent, now: datetime = NOW, *, alert: str = "1", severity: Severity = "high") -> None:
        before = self.alerts.get(alert, replace(an_alert(int(alert)), state="open"))
        state = STATE_AFTER.get(event, before.state)
        self.steps += 1
        step = Transition(str(self.steps), alert, now, event, before.state, state, "x", None, "")
        self.alerts[alert] = replace(before, state=state, severity=severity)
        self.pending.setdefault(alert, []).append(step)

    def look(self, now: datetime = NOW) -> dict[str, str]:
        """Who is told what at this moment."""
        told: dict[str, str] = {}
        for _ in range(4):
            decided = self._look_once(now)
            told |= decided.messages
        return {channel: event.removeprefix("alert.") for channel, event in sorted(told.items())}

    def walk(self, until: timedelta, *, every: timedelta = MINUTE) -> list[tuple[int, dict[str, str]]]:
        """What is told when, in minutes after NOW."""
        moments = [number * every for number in range(until // every + 1)]
        return [(one // MINUTE, told) for one in moments if (told := self.look(NOW + one))]

    def _look_once(self, now: datetime) -> Plan:
        members = [Member(one, one.id in self.muted, tuple(self.pending.get(one.id, ()))) for one in self.alerts.values()]
        view = View(self.group, members, tuple(self.heard.values()), self.policy, self.always, self.calendar)
        decided = plan(view, now)
        self.group = decided.group
        for channel, until in decided.waits.items():
            self.heard[channel] = replace(self.heard.get(channel, Heard(channel, None, None)), waits_until=until)
        for channel in decided.messages:
            self.heard[channel] = Heard(channel, now, None)
        for member in decided.consumed:
            self.pending[member.alert.id] = []
        return decided


def a_life(policy: Policy | None = None, *, always: Sequence[str] = ("1",), quiet: Sequence[QuietHours] = ()) -> Life:
    """A surge that has just begun."""
    life = Life(policy, tuple(always), Calendar(frozenset("123456789"), {one.channel: one for one in quiet}, {}))
    life.becomes("opened")
    return life


def test_without_a_policy_the_channels_of_the_rule_hear_at_once_and_once() -> None:
    assert a_life().walk(24 * HOUR, every=HOUR) == [(0, {"1": "opened"})]


def test_whoever_heard_of_it_hears_what_became_of_it() -> None:
    life = a_life()
    life.look()
    told = []
    for event in ("acknowledged", "unacknowledged", "snoozed", "woken", "extended", "resolved"):
        life.becomes(event)
        told.append(life.look().get("1"))
    assert told == ["acknowledged", "unacknowledged", "snoozed", "woken", "extended", "resolved"]
    assert life.group.closed_at == NOW


def test_looking_twice_tells_nobody_twice() -> None:
    life = a_life(a_policy((0, "2"), (15, "3")))
    assert [life.look(), life.look(), life.look(NOW - HOUR)] == [{"1": "opened", "2": "opened"}, {}, {}]


def test_the_steps_of_a_policy_are_told_while_nobody_acknowledges() -> None:
    life = a_life(a_policy((0, "2"), (15, "3"), (45, "34")))
    assert life.walk(2 * HOUR) == [
        (0, {"1": "opened", "2": "opened"}),
        (15, {"3": "escalated"}),
        (45, {"3": "escalated", "4": "escalated"}),
    ]


def test_escalation_stops_when_somebody_acknowledges_and_begins_again_when_it_is_given_back() -> None:
    life = a_life(a_policy((0, "2"), (15, "3")), always=())
    life.look()
    life.becomes("acknowledged", NOW + MINUTE)
    assert life.walk(2 * HOUR) == [(0, {"2": "acknowledged"})]
    life.becomes("unacknowledged", NOW + 3 * HOUR)
    assert life.look(NOW + 3 * HOUR) == {"2": "unacknowledged"}
    assert life.look(NOW + 3 * HOUR + 14 * MINUTE) == {}
    assert life.look(NOW + 3 * HOUR + 15 * MINUTE) == {"3": "escalated"}


def test_a_first_step_may_give_the_surge_time_to_pass() -> None:
    life = a_life(a_policy((10, "2"), (20, "3")), always=())
    assert life.walk(HOUR) == [(10, {"2": "opened"}), (20, {"3": "escalated"})]


def test_a_beat_that_was_lost_for_six_hours_escalates_once() -> None:
    life = a_life(a_policy((0, "2"), (15, "3"), (30, "4"), repeat=30), always=())
    life.look()
    after = NOW + 6 * HOUR
    assert life.look(after) == {"3": "escalated"}
    assert [life.look(after + minutes * MINUTE) for minutes in (1, 14, 15, 16)] == [{}, {}, {"4": "escalated"}, {}]


def test_what_nobody_takes_is_repeated_and_a_lost_beat_repeats_it_once() -> None:
    life = a_life(a_policy((0, "2"), repeat=60), always=())
    assert life.walk(3 * HOUR) == [(0, {"2": "opened"}), *((minutes, {"2": "repeated"}) for minutes in (60, 120, 180))]
    assert [life.look(NOW + hours * HOUR) for hours in (9, 9.5, 10)] == [{"2": "repeated"}, {}, {"2": "repeated"}]


def test_a_page_at_night_waits_for_the_morning() -> None:
    life = a_life(quiet=[asleep("1")])
    assert life.walk(4 * HOUR) == [(120, {"1": "opened"})]


def test_a_page_that_waits_is_not_needed_when_somebody_takes_it_or_it_ends() -> None:
    for event in ("acknowledged", "snoozed", "resolved"):
        life = a_life(always=("1", "2"), quiet=[asleep("1")])
        assert life.look() == {"2": "opened"}
        life.becomes(event, NOW + MINUTE)
        assert life.walk(4 * HOUR) == [(0, {"2": event})]


def test_a_page_at_night_goes_to_who_is_awake() -> None:
    assert a_life(quiet=[asleep("1", pass_to=("2",))]).walk(4 * HOUR) == [(0, {"2": "opened"})]


def test_a_surge_that_becomes_critical_breaks_through_the_night() -> None:
    life = a_life(quiet=[asleep("1")])
    assert life.look() == {}
    life.becomes("extended", NOW + MINUTE, severity="critical")
    assert life.walk(4 * HOUR) == [(0, {"1": "opened"})]


def test_a_silenced_alert_tells_nobody_until_the_silence_ends() -> None:
    life = a_life(a_policy((0, "2"), (15, "3")), always=())
    life.muted = {"1"}
    assert life.walk(2 * HOUR) == []
    life.muted = set()
    assert life.look(NOW + 3 * HOUR) == {"2": "opened"}
    assert life.look(NOW + 3 * HOUR + 15 * MINUTE) == {"3": "escalated"}


def test_an_alert_that_ends_under_its_silence_is_told_to_nobody_but_who_heard_of_it() -> None:
    never, before = a_life(), a_life()
    before.look()
    for life, told in ((never, {}), (before, {"1": "resolved"})):
        life.muted = {"1"}
        life.becomes("resolved", NOW + MINUTE)
        assert life.look(NOW + MINUTE) == told
        assert life.group.closed_at == NOW + MINUTE


def test_a_silence_over_an_alert_that_was_told_stops_its_escalation() -> None:
    life = a_life(a_policy((0, "2"), (15, "3")), always=())
    life.look()
    life.muted = {"1"}
    assert life.walk(2 * HOUR) == []


def test_a_snoozed_alert_is_not_told_to_be_worse_until_it_wakes() -> None:
    life = a_life()
    life.look()
    life.becomes("snoozed")
    life.look()
    life.becomes("extended", severity="critical")
    assert life.look() == {}
    life.becomes("woken", NOW + HOUR, severity="critical")
    assert life.look(NOW + HOUR) == {"1": "woken"}


def test_alerts_of_one_group_within_the_wait_are_one_notification() -> None:
    life = a_life(a_policy((0, "2"), group_by=("brand",)), always=())
    assert life.look(NOW + 20 * MINUTE / 60) == {}
    life.becomes("opened", alert="2")
    assert life.look(NOW + 30 * MINUTE / 60) == {"2": "opened"}
    life.becomes("opened", NOW + MINUTE, alert="3")
    assert life.look(NOW + 4 * MINUTE) == {}
    assert life.look(NOW + 5.5 * MINUTE) == {"2": "extended"}


def a_life_with_news(policy: Policy, **others: Sequence[QuietHours]) -> Life:
    """A group that was told, and that one more alert joined after two minutes."""
    life = a_life(policy, always=(), **others)
    life.look(NOW + MINUTE)
    life.becomes("opened", NOW + 2 * MINUTE, alert="2")
    return life


def test_news_that_waits_holds_up_no_step_of_the_policy() -> None:
    life = a_life_with_news(a_policy((0, "2"), (15, "3"), (30, "4"), group_by=(), interval=60))
    assert life.walk(3 * HOUR) == [
        (16, {"3": "escalated"}),
        (31, {"4": "escalated"}),
        (61, {"2": "extended", "3": "extended", "4": "extended"}),
    ]


def test_news_that_waits_holds_up_no_repeat_and_repeats_do_not_hold_up_the_news() -> None:
    life = a_life_with_news(a_policy((0, "2"), repeat=20, group_by=(), interval=60))
    assert life.walk(100 * MINUTE) == [(21, {"2": "repeated"}), (41, {"2": "repeated"}), (61, {"2": "extended"}), (81, {"2": "repeated"})]


def test_news_that_waits_does_not_keep_a_page_from_whoever_wakes() -> None:
    life = a_life_with_news(a_policy((0, "23"), group_by=(), interval=24 * 60), quiet=[asleep("3")])
    assert life.walk(26 * HOUR, every=HOUR) == [(120, {"3": "opened"}), (1500, {"2": "extended"}), (1560, {"3": "repeated"})]


def test_what_was_given_back_does_not_escalate_before_it_is_told() -> None:
    life = a_life(a_policy((0, "2"), (15, "3"), group_by=(), interval=60), always=())
    life.look(NOW + MINUTE)
    for event in ("acknowledged", "unacknowledged"):
        life.becomes(event, NOW + 2 * MINUTE)
        life.look(NOW + 2 * MINUTE)
    assert life.walk(2 * HOUR) == [(61, {"2": "unacknowledged"}), (76, {"3": "escalated"})]


def test_a_group_ends_with_its_last_alert() -> None:
    life = a_life(a_policy((0, "2"), group_by=()), always=())
    life.becomes("opened", alert="2")
    life.look(NOW + MINUTE)
    life.becomes("resolved", alert="1")
    assert life.look(NOW + 10 * MINUTE) == {}
    life.becomes("resolved", alert="2")
    assert life.look(NOW + 11 * MINUTE) == {"2": "resolved"}


def test_one_more_alert_in_a_group_that_was_taken_begins_its_steps_again() -> None:
    life = a_life(a_policy((0, "2"), (15, "3"), group_by=()), always=())
    life.look(NOW + MINUTE)
    life.becomes("acknowledged")
    life.look(NOW + 2 * MINUTE)
    life.becomes("opened", alert="2")
    assert life.look(NOW + 10 * MINUTE) == {"2": "extended"}
    assert life.look(NOW + 25 * MINUTE) == {"3": "escalated"}


def test_a_policy_that_is_gone_leaves_the_channels_of_the_rule() -> None:
    life = a_life(a_policy((0, "2"), (15, "3")))
    life.look()
    life.policy = None
    assert life.walk(HOUR) == []
    life.becomes("reopened", NOW + HOUR)
    assert life.look(NOW + HOUR) == {"1": "reopened"}
