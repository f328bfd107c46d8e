"""Who is on call: channels that take turns and hand over at a time of day in their own zone, with overrides on top."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from insights.wall_clock import moment_of
from store.records import Schedule, Shift

DAYS = {"daily": 1, "weekly": 7}


def on_call(schedule: Schedule, now: datetime) -> Shift:
    """Who is on call at `now`, since when and until when. Of overrides that overlap the last one made counts."""
    covering = [one for one in schedule.overrides if one.starts_at <= now < one.ends_at]
    if covering:
        override = max(covering, key=lambda one: int(one.id))
        later = [one.starts_at for one in schedule.overrides if int(one.id) > int(override.id) and now < one.starts_at < override.ends_at]
        earlier = [one.ends_at for one in schedule.overrides if int(one.id) > int(override.id) and override.starts_at < one.ends_at <= now]
        since, until = max([override.starts_at, *earlier]), min([override.ends_at, *later])
        return Shift(override.channel, since, until, override.id)
    number = _turn_at(schedule, now)
    since = max([_begins(schedule, number), *(one.ends_at for one in schedule.overrides if one.ends_at <= now)])
    until = min([_begins(schedule, number + 1), *(one.starts_at for one in schedule.overrides if one.starts_at > now)])
    return Shift(schedule.rotation[number % len(schedule.rotation)], since, until, None)


def next_on_call(schedule: Schedule, now: datetime) -> Shift:
    """Who comes after the one who is on call at `now`."""
    return on_call(schedule, on_call(schedule, now).until)


def _turn_at(schedule: Schedule, now: datetime) -> int:
    """The number of the turn that holds `now`; turn 0 begins on the day the schedule starts on."""
    local: date = now.astimezone(ZoneInfo(schedule.time_zone)).date()
    number = (local - schedule.starts_on).days // DAYS[schedule.turn]
    while _begins(schedule, number) > now:
        number -= 1
    while _begins(schedule, number + 1) <= now:
        number += 1
    return number


def _begins(schedule: Schedule, number: int) -> datetime:
    day = schedule.starts_on + timedelta(days=number * DAYS[schedule.turn])
    return moment_of(day, schedule.handover, ZoneInfo(schedule.time_zone))
