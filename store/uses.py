"""Who counts on a channel or a schedule: what is named here is not deleted, for a page would reach nobody and nobody would know."""

from datetime import datetime

from sqlalchemy import Connection

from core.errors import Conflict
from store.channels import get_channel
from store.on_call import get_schedule, list_schedules, quiet_hours_of
from store.policies import list_policies
from store.rules import list_rules

MOST_NAMED = 5


def check_channel_unused(connection: Connection, workspace_id: str, channel_id: str, now: datetime) -> None:
    """Raises NotFound; Conflict naming the rules, policies, schedules and quiet hours that tell it something now or later.

    One that is saved at the same moment may still name it, and tells its other channels.
    """
    channel = get_channel(connection, workspace_id, channel_id)
    schedules = list_schedules(connection, workspace_id)
    on_call = [one for one in schedules if any(shift.channel == channel.id and shift.ends_at > now for shift in one.overrides)]
    asleep = [owner for owner, hours in quiet_hours_of(connection, workspace_id).items() if channel.id in hours.pass_to]
    users = [f"rule {one.name!r}" for one in list_rules(connection, workspace_id) if channel.id in one.channels]
    users += [
        f"policy {one.name!r}" for one in list_policies(connection, workspace_id) if any(channel.id in step.channels for step in one.steps)
    ]
    users += [f"schedule {one.name!r}" for one in schedules if channel.id in one.rotation]
    users += [f"an override of schedule {one.name!r}" for one in on_call]
    users += [f"the quiet hours of channel {get_channel(connection, workspace_id, owner).name!r}" for owner in asleep]
    _refuse(users, f"channel {channel.name!r}", f'or switch the channel off: PATCH /v1/channels/{channel.id} with {{"enabled": false}}')


def check_schedule_unused(connection: Connection, workspace_id: str, schedule_id: str) -> None:
    """Raises NotFound; Conflict naming the policies that have a step for whoever is on call by it."""
    schedule = get_schedule(connection, workspace_id, schedule_id)
    policies = list_policies(connection, workspace_id)
    users = [f"policy {one.name!r}" for one in policies if any(schedule.id in step.schedules for step in one.steps)]
    _refuse(users, f"schedule {schedule.name!r}", "or put other channels into its rotation")


def _refuse(users: list[str], what: str, otherwise: str) -> None:
    if not users:
        return
    more = f" and {len(users) - MOST_NAMED} more" if len(users) > MOST_NAMED else ""
    raise Conflict(f"{what} is used by {', '.join(users[:MOST_NAMED])}{more}: take it out there first, {otherwise}")
