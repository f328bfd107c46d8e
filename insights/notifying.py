"""What the channels of one group of alerts are to be told now, and what is remembered of it: a pure function of what is stored and when.

The words are Alertmanager's (group wait, group interval, repeat interval) and PagerDuty's (escalation policy, on call). Whatever time has
passed since the last look, one look tells each channel once: a beat that was lost for six hours escalates by one step.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta

from insights.reach import Calendar
from store.records import SEVERITIES, Alert, AlertEvent, AlertGroup, DeliveryEvent, Heard, Policy, Severity, Transition

NEWS: Mapping[str, DeliveryEvent] = {
    "reopened": "alert.reopened",
    "woken": "alert.woken",
    "unacknowledged": "alert.unacknowledged",
    "opened": "alert.extended",
    "extended": "alert.extended",
}
"""Changes that channels hear of, the weightiest first, and as what. One more alert extends its group."""
AFRESH = frozenset({"reopened", "woken", "unacknowledged"})
"""Changes after which escalation begins again at its first step."""
ON_TIME = timedelta(minutes=5)
"""A step that is told no later than this keeps the rhythm of the policy; after a longer gap the next one is timed from now on."""


@dataclass(frozen=True, slots=True)
class Member:
    """An alert of a group. `muted`: silenced or inhibited now; `pending`: its changes that were not told, oldest first."""

    alert: Alert
    muted: bool
    pending: tuple[Transition, ...]

    @property
    def awake(self) -> bool:
        """Whether somebody has to look at it, and nobody does."""
        return self.alert.state == "open" and not self.muted

    @property
    def joins(self) -> bool:
        """Whether it is awake since something that was not told yet: it began, came back, or was given back."""
        return self.awake and any(step.event != "extended" for step in self.pending)

    @property
    def news(self) -> frozenset[AlertEvent]:
        """What is to be told of it."""
        return frozenset(step.event for step in self.pending if step.event in NEWS) if self.awake else frozenset()


@dataclass(frozen=True, slots=True)
class View:
    """A group of alerts with all that a decision about it takes. `always`: channels of the rules, who hear whatever the policy."""

    group: AlertGroup
    members: Sequence[Member]
    heard: Sequence[Heard]
    policy: Policy | None
    always: Sequence[str]
    calendar: Calendar

    @property
    def awake(self) -> list[Member]:
        return [one for one in self.members if one.awake]

    @property
    def listeners(self) -> list[str]:
        return [one.channel for one in self.heard if one.heard_at is not None]

    def reach(self, steps: int, now: datetime) -> Mapping[str, datetime | None]:
        """Whom the rules and the first `steps` steps of the policy tell, now or later."""
        told = self.policy.steps[:steps] if self.policy else ()
        channels = [*self.always, *(one for step in told for one in step.channels)]
        return self.calendar.reach(channels, [one for step in told for one in step.schedules], self.severity, now)

    @property
    def severity(self) -> Severity:
        return max((one.alert.severity for one in self.awake), key=SEVERITIES.index)


@dataclass(frozen=True, slots=True)
class Plan:
    """Channel -> what it is told now; channel -> until when it waits; the group as it is then. `consumed`: members with nothing untold."""

    group: AlertGroup
    messages: Mapping[str, DeliveryEvent] = field(default_factory=dict)
    waits: Mapping[str, datetime | None] = field(default_factory=dict)
    consumed: Sequence[Member] = ()


def plan(view: View, now: datetime) -> Plan:
    """What to do about a group at `now`; a plan that changes nothing when there is nothing to do."""
    if view.group.closed_at is not None:
        return Plan(view.group)
    if all(one.alert.state == "resolved" for one in view.members):
        # Whoever heard of it hears of its end, silenced or not: nobody looks for a surge that is over.
        messages: dict[str, DeliveryEvent] = dict.fromkeys(view.listeners, "alert.resolved")
        return Plan(replace(view.group, closed_at=now), messages, consumed=view.members)
    shown = [one for one in view.members if not one.muted]
    if not view.awake:
        return _taken(view, shown)
    news = _news(view.awake)
    if news and now >= _ready_at(view):
        return _tell_news(view, news, shown, now)
    if view.group.told_at is None or all(one.joins for one in view.awake):
        return Plan(view.group)
    return _tell_again(view, shown, now)


def _taken(view: View, shown: Sequence[Member]) -> Plan:
    """Nobody has to look now: somebody does, or it sleeps, or it is muted. Pages that waited for the morning are not needed any more."""
    steps = [step for one in shown for step in one.pending if one.alert.state != "resolved"]
    if not steps:
        return Plan(view.group)
    last = max(steps, key=lambda step: int(step.id))
    event: DeliveryEvent | None = None
    if last.event == "extended" and last.to_state == "acknowledged":
        event = "alert.extended"
    elif last.to_state == "acknowledged":
        event = "alert.acknowledged"
    elif last.event == "snoozed":
        event = "alert.snoozed"
    messages = {} if event is None else dict.fromkeys(view.listeners, event)
    waits = {one.channel: None for one in view.heard if one.waits_until is not None}
    return Plan(view.group, messages, waits, consumed=shown)


def _tell_news(view: View, news: DeliveryEvent, shown: Sequence[Member], now: datetime) -> Plan:
    events = {step.event for one in view.awake for step in one.pending}
    group = view.group
    if group.told_at is None or events & AFRESH or all(one.joins for one in view.awake):
        group = _first_step(view, now)
    return _told(view, replace(group, told_at=now, news_at=now), view.reach(group.step, now), news, shown)


def _tell_again(view: View, shown: Sequence[Member], now: datetime) -> Plan:
    """Nobody looks: the next step of the policy, then its repeat interval, then whoever slept until now.

    News that still waits for its interval is told then all the same.
    """
    policy, group = view.policy, view.group
    shown = [one for one in shown if not one.news]
    if policy and group.step < len(policy.steps) and group.step_due_at is not None and now >= group.step_due_at:
        step = policy.steps[group.step]
        reached = view.calendar.reach(step.channels, step.schedules, view.severity, now)
        on_time = group.step_due_at if now - group.step_due_at <= ON_TIME else now
        after = replace(group, step=group.step + 1, step_due_at=_due(policy, group.step + 1, on_time), told_at=now)
        return _told(view, after, reached, "alert.escalated", shown)
    if policy and policy.repeat_minutes and group.told_at and now >= group.told_at + timedelta(minutes=policy.repeat_minutes):
        return _told(view, replace(group, told_at=now), view.reach(group.step, now), "alert.repeated", shown)
    woken = [one.channel for one in view.heard if one.waits_until is not None and one.waits_until <= now]
    if woken:
        return _told(view, group, view.calendar.reach(woken, (), view.severity, now), "alert.repeated", shown, over=woken)
    return Plan(group, consumed=[one for one in shown if one.pending])


def _told(
    view: View,
    group: AlertGroup,
    reached: Mapping[str, datetime | None],
    event: DeliveryEvent,
    shown: Sequence[Member],
    over: Sequence[str] = (),
) -> Plan:
    """Whoever hears of a group for the first time hears that it opened, or that it came to them because nobody else took it."""
    first = event if event == "alert.escalated" and view.listeners else group.event
    messages = {channel: event if channel in view.listeners else first for channel, until in reached.items() if until is None}
    waits: dict[str, datetime | None] = dict.fromkeys(over)
    waits |= {channel: until for channel, until in reached.items() if until is not None}
    return Plan(group, messages, waits, consumed=shown)


def _news(awake: Sequence[Member]) -> DeliveryEvent | None:
    events = frozenset[AlertEvent]().union(*(one.news for one in awake))
    return next((told for event, told in NEWS.items() if event in events), None)


def _ready_at(view: View) -> datetime:
    """When news may be told: after the group wait at first, after the group interval from then on."""
    policy, news_at = view.policy, view.group.news_at
    if policy is None or policy.group_by is None:
        return view.group.opened_at
    if news_at is None:
        return view.group.opened_at + timedelta(seconds=policy.group_wait_seconds)
    return news_at + timedelta(minutes=policy.group_interval_minutes)


def _first_step(view: View, now: datetime) -> AlertGroup:
    """The group at the beginning of its policy: the steps without a delay are told now."""
    steps = view.policy.steps if view.policy else ()
    reached = sum(1 for step in steps if step.after_minutes == 0)
    return replace(view.group, step=reached, step_due_at=_due(view.policy, reached, now))


def _due(policy: Policy | None, step: int, since: datetime) -> datetime | None:
    """When step number `step` is due if the one before was told at `since`."""
    if policy is None or step >= len(policy.steps):
        return None
    before = policy.steps[step - 1].after_minutes if step else 0
    return since + timedelta(minutes=policy.steps[step].after_minutes - before)
