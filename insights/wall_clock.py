"""Wall clocks: from a date and a time of day in a zone to the moment it stands for, on the days too when clocks are changed."""

from datetime import UTC, date, datetime, time
from difflib import get_close_matches
from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from core.errors import InvalidInput


def zone_named(name: str, *, field: str = "time_zone") -> ZoneInfo:
    """The zone of this IANA name. Raises InvalidInput naming some that are like it."""
    if name not in _names():
        near = get_close_matches(name, _names(), n=3, cutoff=0.5) or ["Asia/Tokyo", "Europe/Berlin", "UTC"]
        raise InvalidInput(f"no time zone {name[:40]!r}; valid are IANA names such as {', '.join(near)}", field=field)
    return ZoneInfo(name)


def wall_time(text: str, *, field: str) -> time:
    """`07:30` -> 7:30. Raises InvalidInput."""
    try:
        hours, minutes = text.split(":")
        if len(hours) == len(minutes) == 2 and (hours + minutes).isascii() and (hours + minutes).isdecimal():
            return time(int(hours), int(minutes))
    except ValueError:
        pass
    raise InvalidInput(f"{text[:20]!r} is no time of day; valid are 00:00 to 23:59", field=field)


def moment_of(day: date, wall: time, zone: ZoneInfo, *, last: bool = False) -> datetime:
    """The moment in UTC at which the clocks of `zone` show this.

    As iCalendar has it (RFC 5545, 3.3.5): what is shown twice when clocks go back is the first of the two, or with `last` the second;
    what is skipped when they go forward is read with the offset from before, so it comes as much later.
    """
    first, second = (datetime.combine(day, wall, zone).replace(fold=fold) for fold in (0, 1))
    shown_twice = first.utcoffset() > second.utcoffset()  # type: ignore[operator]  # a zone always has an offset
    return (second if last and shown_twice else first).astimezone(UTC)


@cache
def _names() -> frozenset[str]:
    return frozenset(available_timezones())
