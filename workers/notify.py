"""Tell channels what became of alerts: who hears what and when follows from what is stored, and is saved with the deliveries."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.errors import PermanentError
from core.logs import get_logger
from insights.matching import group_key, inhibited_by, labels_of, matches, silenced_by
from insights.message import message
from insights.notifying import Member, Plan, View, plan
from insights.reach import Calendar
from store.alert_groups import (
    alerts_of_groups,
    join_group,
    listeners_of_groups,
    mark_heard,
    mark_told,
    mark_waiting,
    open_groups,
    save_group,
    ungrouped_alerts,
    workspaces_to_tell,
)
from store.alerts import wake_snoozed
from store.channels import list_channels
from store.database import Database
from store.deliveries import enqueue
from store.on_call import list_schedules, quiet_hours_of
from store.policies import list_inhibitions, list_policies
from store.records import Alert, AlertGroup, DeliveryEvent, Inhibition, Policy, Silence
from store.rules import list_rules
from store.silences import silences_in_force
from store.transitions import take_turn

log = get_logger(__name__)
STILL = timedelta(minutes=15)
"""A surge that was seen so lately goes on. A snooze that ends after that sleeps on: its surge is about to be over."""
MOST_PASSES = 4
"""A pass tells one kind of thing (news, then a step that is due, then who slept); more than these have nothing left to tell."""


@dataclass(frozen=True, slots=True)
class Told:
    """Messages enqueued."""

    messages: int = 0


def run(database: Database, *, now: datetime) -> Told:
    """Tell what is due, in every workspace. Raises TransientError when the database is away.

    All that is remembered is in the database: a restart, a beat twice or one that was lost changes nothing but the time of a message.
    """
    with database.read() as connection:
        workspaces = workspaces_to_tell(connection)
    messages = 0
    for workspace_id in workspaces:
        try:
            with database.write() as connection:
                messages += tell(connection, workspace_id, now)
        except PermanentError as error:  # the edge of one workspace: the others go on
            log.warning("notify.failed", workspace=workspace_id, reason=str(error))
    return Told(messages)


def tell(connection: Connection, workspace_id: str, now: datetime) -> int:
    """Tell what is due in one workspace; how many messages. Call it in the transaction that changed an alert, or in one of its own."""
    take_turn(connection, workspace_id)
    wake_snoozed(connection, workspace_id, seen_after=now - STILL, now=now)
    orders = Orders.read(connection, workspace_id, now)
    for alert in ungrouped_alerts(connection, workspace_id):
        policy = orders.policy_of(alert)
        join_group(connection, alert, key=group_key(alert, policy), policy=None if policy is None else policy.id, now=now)
    return sum(_pass(connection, workspace_id, orders, now) for _ in range(MOST_PASSES))


@dataclass(frozen=True, slots=True)
class Orders:
    """What a workspace has configured about telling, as it is in force now."""

    policies: Sequence[Policy]
    silences: Sequence[Silence]
    inhibitions: Sequence[Inhibition]
    channels_of_rules: Mapping[str, Sequence[str]]
    calendar: Calendar

    @classmethod
    def read(cls, connection: Connection, workspace_id: str, now: datetime) -> "Orders":
        channels = frozenset(one.id for one in list_channels(connection, workspace_id) if one.enabled)
        schedules = {one.id: one for one in list_schedules(connection, workspace_id)}
        return cls(
            policies=list_policies(connection, workspace_id),
            silences=silences_in_force(connection, workspace_id, now),
            inhibitions=list_inhibitions(connection, workspace_id),
            channels_of_rules={rule.id: rule.channels for rule in list_rules(connection, workspace_id)},
            calendar=Calendar(channels, quiet_hours_of(connection, workspace_id), schedules),
        )

    def policy_of(self, alert: Alert) -> Policy | None:
        """The first policy that an alert meets."""
        labels = labels_of(alert)
        return next((one for one in self.policies if matches(one.matchers, labels)), None)

    def muted(self, alert: Alert, others: Sequence[Alert]) -> bool:
        return silenced_by(alert, self.silences) is not None or inhibited_by(alert, others, self.inhibitions) is not None


def _pass(connection: Connection, workspace_id: str, orders: Orders, now: datetime) -> int:
    """One look at every open group."""
    groups = open_groups(connection, workspace_id)
    ids = [group.id for group in groups]
    stored, heard = alerts_of_groups(connection, ids), listeners_of_groups(connection, ids)
    others = [alert for found in stored.values() for alert, _ in found]
    messages = 0
    for group in groups:
        members = [Member(alert, orders.muted(alert, others), tuple(pending)) for alert, pending in stored.get(group.id, ())]
        policy = next((one for one in orders.policies if one.id == group.policy), None)
        rules = dict.fromkeys(one.alert.rule_id for one in members if one.alert.state != "resolved")
        always = [channel for rule in rules for channel in orders.channels_of_rules.get(rule, ())]
        view = View(group, members, heard.get(group.id, ()), policy, always, orders.calendar)
        messages += _carry_out(connection, group, members, plan(view, now), now)
    return messages


def _carry_out(connection: Connection, group: AlertGroup, members: Sequence[Member], decided: Plan, now: datetime) -> int:
    """Save a plan and its deliveries; how many messages."""
    if decided.group != group:
        save_group(connection, decided.group)
    mark_told(connection, group, {one.alert.id: one.pending[-1].id for one in decided.consumed if one.pending})
    mark_waiting(connection, group, decided.waits)
    if decided.messages:
        mark_heard(connection, group, list(decided.messages), now)
        alerts = [one.alert for one in members]
        lead = next(alert for alert in alerts if alert.id == group.lead)
        channels_of: dict[DeliveryEvent, list[str]] = {}
        for channel, event in decided.messages.items():
            channels_of.setdefault(event, []).append(channel)
        for event, channels in channels_of.items():
            # Whoever heard of an alert hears of its end, silenced or not; else a message says nothing of what is silenced.
            about = alerts if event == "alert.resolved" else [one.alert for one in members if not one.muted]
            enqueue(connection, lead, event, channels, message(lead, event, group=() if about == [lead] else about), now)
            log.info("alert.told", alert=lead.id, told=event, channels=channels, workspace=group.workspace_id)
    return len(decided.messages)
