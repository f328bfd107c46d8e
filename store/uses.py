"""Who counts on a channel, schedule, brand or dimension: what is named is not deleted, for no page would come and nobody would know."""

from collections.abc import Collection
from datetime import datetime

from sqlalchemy import Connection

from core.errors import Conflict
from store.brands import get_brand
from store.channels import get_channel
from store.dimensions import ATTRIBUTE
from store.on_call import get_schedule, list_schedules, quiet_hours_of
from store.policies import list_policies
from store.records import Rule
from store.rules import list_rules
from store.workspaces import get_workspace

MOST_NAMED = 5
SWITCH_OFF = 'or switch the rule off: PATCH /v1/rules/ID with {"enabled": false}'


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


def check_brand_unused(connection: Connection, workspace_id: str, brand_id: str) -> None:
    """Raises NotFound; Conflict naming the enabled rules that watch it alone, or among others."""
    brand = get_brand(connection, workspace_id, brand_id)
    rules = _enabled(connection, workspace_id)
    users = [f"rule {one.name!r}" for one in rules if brand.id in (one.scope.brand, *one.options.only.get("brand", ()))]
    _refuse(users, f"brand {brand.name!r}", SWITCH_OFF)


def check_dimensions_unused(connection: Connection, workspace_id: str, kept: Collection[str]) -> None:
    """Raises Conflict naming the enabled rules that watch or split by a dimension which is not among those `kept`."""
    rules = _enabled(connection, workspace_id)
    for name in get_workspace(connection, workspace_id).dimensions:
        if name not in kept:
            users = [f"rule {one.name!r}" for one in rules if name in one.scope.attributes or ATTRIBUTE + name in one.split_by]
            _refuse(users, f"dimension {name!r}", SWITCH_OFF)


def _enabled(connection: Connection, workspace_id: str) -> list[Rule]:
    return [rule for rule in list_rules(connection, workspace_id) if rule.enabled]


def _refuse(users: list[str], what: str, otherwise: str) -> None:
    if not users:
        return
    more = f" and {len(users) - MOST_NAMED} more" if len(users) > MOST_NAMED else ""
    raise Conflict(f"{what} is used by {', '.join(users[:MOST_NAMED])}{more}: take it out there first, {otherwise}")
